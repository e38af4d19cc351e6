"""Rows under the clear sky that could be told at some hour, and what costs so little that it is made anew of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np
import numpy.typing as npt

from forecasting.members.baseline import DAY_HOURS
from forecasting.members.climatology import Climatology
from forecasting.members.course import NaiveMember
from forecasting.series.calendar import Calendar, make_calendar
from forecasting.series.rows import Rows
from forecasting.sun.analogs import AnalogDays
from forecasting.sun.clear_power import clear_power, fit_plants
from forecasting.sun.physical import physical_index
from forecasting.sun.plant import Plant
from forecasting.sun.sent_irradiance import SentIrradiance
from forecasting.sun.trees import SolarTrees
from forecasting.sun.weather_ahead import weather_ahead
from forecasting.sun.windows import SolarPanel
from grid.time_axis import FloatArray, TimeAxis

_DEFAULT_HEADROOM = 1.1
_FEWEST_HOURS = 7 * 24
"""For a clear sky to be told from them: a plant's fit wants 50 of bright daylight."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How views are made; the same of all views that are compared.

    Attributes:
        weather_told: Whether covariates known ahead are read as weather.
        yearly: Earlier years count.
        seed: Of the leads at which trees learn hours.
    """

    weather_told: bool
    yearly: bool
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class SolarView:
    """Some rows under a clear sky.

    Attributes:
        panel: All that was measured; but its clear sky, and the highest power there can be, are of before some hour
            (of a young series, of all its past).
        plants: Behind that clear sky; None where the place of a series is unknown.
        reasons: How the clear sky was come by where not by geometry.
        weather_trees: They also read the irradiance that was sent; None where none was.
        analogs: None where weather is known.
        physical: Power by physics over that of a clear sky, shape (rows, hours + periods); None where weather, or the
            place of every plant, is unknown.
    """

    panel: SolarPanel
    plants: tuple[Plant | None, ...]
    reasons: tuple[str, ...]
    climatology: Climatology
    naive: NaiveMember
    trees: SolarTrees
    weather_trees: SolarTrees | None
    analogs: AnalogDays | None
    physical: FloatArray | None

    def shown(self, rows: Rows, manner: Manner) -> SolarView:
        """Other rows under the same sky, but that of the horizon is as many days earlier as their calendar."""
        calendar, clear, back = _calendar(rows), self.panel.clear_kw, 24 * rows.days_back
        if back:
            at = np.arange(rows.axis.periods, clear.shape[1])
            calendar = calendar.ending_as(calendar.part(slice(at[0] - back, at[-1] + 1 - back)))
            clear = np.concatenate([clear[:, : at[0]], clear[:, at - back]], axis=1)
        return _under(clear, rows, calendar, self.panel.capacity_kw, self.plants, self.reasons, manner)


def young(rows: Rows, *, until: int) -> npt.NDArray[np.bool_]:
    """Series of which too little is known before hour ``until`` to tell a clear sky, and more after it; (series,).

    With no clear sky they would be forecast at zero there, and their bands would learn nothing of how far they miss.
    """
    known = np.isfinite(rows.values).reshape(len(rows.series), rows.parts, rows.axis.periods)
    earlier, later = (part.any(axis=1).sum(axis=1) for part in (known[..., :until], known[..., until:]))
    return np.asarray((earlier < _FEWEST_HOURS) & (earlier < later))


def make_view(rows: Rows, manner: Manner, *, until: int, plants: Sequence[Plant | None] | None = None) -> SolarView:
    """Rows under the clear sky that what lies before hour ``until`` tells; that of young series, all of their past.

    Args:
        plants: Of an earlier training, whose unit the rows have; fitted to what lies before ``until`` if None.
    """
    seen = rows.before(np.where(young(rows, until=until), rows.axis.periods, until))
    calendar = _calendar(rows)  # nothing that is learnt here is shown ``rows``
    limit = np.repeat(
        [_limit(seen, index, recalled=plants is not None) for index in range(len(seen.series))], rows.parts
    )
    plants = tuple(fit_plants(seen) if plants is None else plants)
    clear, reasons = clear_power(seen, calendar, plants)
    return _under(clear, rows, calendar, limit, plants, tuple(reasons), manner)


def _under(
    clear: FloatArray,
    rows: Rows,
    calendar: Calendar,
    limit: FloatArray,
    plants: tuple[Plant | None, ...],
    reasons: tuple[str, ...],
    manner: Manner,
) -> SolarView:
    """Rows under a clear sky; the calendar, in UTC, tells the hour of day and the season."""
    angle = 2.0 * np.pi * (calendar.hour + 0.5) / 24.0
    panel = SolarPanel(
        axis=rows.axis,
        series_ids=rows.names,
        kw=rows.values,
        capacity_kw=limit,
        clear_kw=clear,
        day_angle=np.tile(angle, (len(clear), 1)),
        year_angle=calendar.year_angle,
        weather=weather_ahead(rows, clear) if manner.weather_told else None,
        first_row=rows.first,
    )
    withheld = _withheld(rows)
    trees = partial(SolarTrees, panel, withheld, limit, periods=rows.periods, seed=manner.seed)
    return SolarView(
        panel=panel,
        plants=plants,
        reasons=reasons,
        climatology=Climatology(panel.index, calendar, by_day_type=False, level_hours=None, yearly=manner.yearly),
        naive=NaiveMember(rows.values, calendar, DAY_HOURS),
        trees=trees(),
        weather_trees=trees(sent=SentIrradiance(rows, clear))
        if any("ghi" in one.sent for one in rows.series)
        else None,
        analogs=AnalogDays(panel, withheld, yearly=manner.yearly) if panel.weather is None else None,
        physical=physical_index(rows, clear, plants) if manner.weather_told else None,
    )


def _calendar(rows: Rows) -> Calendar:
    longer = TimeAxis(rows.axis.start, timedelta(hours=1), rows.axis.periods + rows.periods)
    return make_calendar(longer, timezone="UTC", holidays="")


def _limit(seen: Rows, index: int, *, recalled: bool) -> float:
    """The highest power of a series: its capacity, or a little more than was ever seen; a unit is as much as ever."""
    if seen.series[index].settings.capacity:
        return 1.0
    own = seen.values[index * seen.parts : (index + 1) * seen.parts]
    highest = float(np.max(own, initial=0.0, where=np.isfinite(own)))
    return _DEFAULT_HEADROOM * (min(highest, 1.0) if highest > 0.0 and not recalled else 1.0)


def _withheld(rows: Rows) -> FloatArray:
    """Covariates that are known of the past only, shape (rows, hours, covariates)."""
    first = rows.series[0]
    names = [name for name in first.covariates if not all(rows.given(one, name) for one in rows.series)]
    hours = rows.axis.periods
    found = [np.concatenate([rows.spread(one, one.covariates[name]) for one in rows.series]) for name in names]
    return np.stack([values[:, :hours] for values in found], axis=-1) if found else np.zeros((*rows.values.shape, 0))
