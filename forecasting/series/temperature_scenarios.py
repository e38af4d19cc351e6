"""Courses that the air temperature may take where no weather forecast reaches: those it took at this time of the year.

Every known year gives some, a few days shifted each way, as departures from what is normal: shifted from one week of
spring into another they bring its weather along, not its season. At the origin each is moved to the temperature that is
there, and the move fades, so that the first days are like today and the rest is climate.

References:
    Xie and Hong, "Temperature Scenario Generation for Probabilistic Load Forecasting", IEEE Transactions on Smart Grid
    9(3), 2018 (shifted-date scenarios).
"""

from __future__ import annotations

import numpy as np

from grid.time_axis import FloatArray

_YEAR_DAYS = 365.25
_REACH_DAYS = 20
_FADE_HOURS = 36.0


def shifted_years(
    temperature_c: FloatArray, climate_c: FloatArray, *, origin: int, periods: int, context: int, every_days: int = 4
) -> FloatArray:
    """Scenarios, each the known ``context`` hours before the origin and ``periods`` hours after it.

    Args:
        temperature_c: Hourly, shape (hours,), known without gaps before ``origin``; nothing later is looked at. [degC]
        climate_c: Normal temperature, at least up to the end of the scenarios, shape (hours,). [degC]
        every_days: Between two shifts of a year.

    Returns:
        Shape (scenarios, context + periods); none if less than a year and the horizon is known.
    """
    recent, normal_c = temperature_c[origin - context : origin], climate_c[origin : origin + periods]
    departure_c = temperature_c[:origin] - climate_c[:origin]
    now_c = departure_c[-24:].mean()
    fading = np.exp(-np.arange(periods) / _FADE_HOURS)
    made = []
    for year in range(1, int(origin / 24 / _YEAR_DAYS) + 1):
        for shift in range(-_REACH_DAYS, _REACH_DAYS + 1, every_days):
            begin = origin + 24 * (shift - round(_YEAR_DAYS * year))
            if begin - 24 < 0 or begin + periods > origin:
                continue
            gap = now_c - departure_c[begin - 24 : begin].mean()
            made.append(np.concatenate([recent, normal_c + departure_c[begin : begin + periods] + gap * fading]))
    return np.array(made).reshape(-1, context + periods)
