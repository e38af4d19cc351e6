"""Sentences of an explanation: in a unit whose numbers are short, and the table beside them as it was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecasting.explaining.words import SeriesExplanation, in_words


def told(median: list[float], width: list[float], *, unit: str) -> SeriesExplanation:
    """An hour that two groups explain: first what is usual, then what the temperature adds."""
    values = np.array([median, width]).T[:, None, :]  # (groups, intervals, 2)
    hour = pd.DatetimeIndex(["2026-03-01T05:00:00Z"])
    return in_words("a", hour, ["reference", "temperature"], values, timezone="UTC", unit=unit, attention={})


@pytest.mark.parametrize(
    ("size", "unit", "words"),
    [
        (2.0e6, "kW", "2,210 MW on the average, 2,000 as usual, temperature +210; its middle 80 % are 300 wide"),
        (4.0e3, "kW", "4,420 kW on the average, 4,000 as usual, temperature +420; its middle 80 % are 600 wide"),
        (2.0e6, "W", "2,210,000 W on the average, 2,000,000 as usual, temperature +210,000; its middle 80 %"),
        (0.2, "", "0.221 units on the average, 0.200 as usual, temperature +0.021; its middle 80 % are 0.030 wide"),
    ],
)
def test_much_power_is_told_in_mw_and_its_table_stays_as_it_was(size: float, unit: str, words: str) -> None:
    made = told([size, 0.105 * size], [0.1 * size, 0.05 * size], unit=unit)
    (sentence,) = made.sentences
    assert sentence.startswith(f"2026-03-01: {words}")
    np.testing.assert_allclose(made.table["to_median"], [size, 0.105 * size])
