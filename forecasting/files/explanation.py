"""The explanation of a forecast from a file: of each series as it was made to add up, and of all as one table.

A sentence speaks of local days, in the series' own unit; the table has every interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecasting.explaining.contributions import Contributions, median_and_width
from forecasting.explaining.words import SeriesExplanation, in_words
from forecasting.files.joint import Spoken
from grid.time_axis import FloatArray

HIERARCHY = "hierarchy"
"""What making forecasts add up changed."""


def explained(one: Spoken, told: Contributions, attention: dict[str, FloatArray]) -> SeriesExplanation:
    """Put the contributions of one series into rows and words.

    Args:
        one: The forecast as it is told, made to add up where it is part of a hierarchy.
        told: Of the same forecast before that.
        attention: By network, shape (rows of the series, days).
    """
    series = one.series
    final = median_and_width(one.bounded(one.quantiles))
    groups, values = told.groups, told.values
    if one.reasons:
        groups = (*groups, HIERARCHY)
        values = np.concatenate([values, (final - values.sum(axis=0))[None]])
    return in_words(
        series.series_id,
        series.axis.index[series.asked],
        groups,
        values[:, series.asked - series.origin],  # (groups, rows asked for, 2)
        timezone=series.settings.timezone,
        unit=series.settings.unit,
        attention=attention,
    )


def explanation_table(explanations: Sequence[SeriesExplanation]) -> pd.DataFrame:
    """The tables of several series under each other."""
    return pd.concat([one.table for one in explanations], ignore_index=True)


def explanation_document(explanations: Sequence[SeriesExplanation]) -> dict[str, Any]:
    """Plain values, for JSON: ``series`` with sentences and attention, and ``rows`` of the table."""
    table = explanation_table(explanations)
    rows = table.assign(time=table["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_dict(orient="records")
    return {"series": [one.as_dict() for one in explanations], "rows": rows}
