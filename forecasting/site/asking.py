"""Who can be asked about each series of a site in the first round: its model, a fit on the spot, the seasonal naive."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

import numpy as np

from forecasting.engine.mixture import Blend
from forecasting.engine.model import TrainedModel, ask_now
from forecasting.members.baseline import DAY_HOURS, WEEK_HOURS
from forecasting.series.calendar import make_calendar
from forecasting.series.request import FileSeries
from forecasting.series.sent import SentForecast, newest
from forecasting.site.champions import Champion
from forecasting.site.data import SeriesHistory, hours_of, meter_series, meters_of
from forecasting.site.external import external_quantiles
from forecasting.site.fallbacks import Answer, Level, Speaker, known_inputs
from forecasting.site.issuing import EXTERNAL, Issuance, baseline_forecast, why_not_ask
from forecasting.site.series import load_series, solar_series
from forecasting.site.stand_ins import Asked, naive, refit
from forecasting.sun.plant import Plant, clear_sky_kw, make_clear_sky
from grid.forecasts import Voice
from grid.site import SITE_LOAD, Meter, Site
from grid.time_axis import FloatArray, TimeAxis

logger = logging.getLogger(__name__)

OnFailure = Callable[[str], None]


def ask_loads(
    site: Site, read: SeriesHistory, champion: Champion, issuance: Issuance, *, on_failure: OnFailure
) -> list[Asked]:
    """Every load meter, ``site:load`` last.

    Args:
        on_failure: Told, as a sentence, that the model failed on all of them.
    """
    model, history = champion.model, read.axis
    moved = _moved(model, read)
    answers: dict[str, FloatArray] = {}
    failed = None
    if model is not None:
        series = load_series(site, read, periods=model.periods)
        known = {name: one for name, one in series.items() if name not in moved}
        answers, failed = _tried(model, known, issuance, on_failure)
    longer = hours_of(TimeAxis(history.start, history.step, history.periods + issuance.axis.periods))
    plain = make_calendar(longer, timezone=site.timezone, holidays="")
    calendar = make_calendar(longer, timezone=site.timezone, holidays=site.holidays)
    hour = issuance.origin // issuance.an_hour
    capacity = {meter_series(meter): meter.capacity_kw for meter in meters_of(site, "load")}
    made = []
    for name, kw, weather in zip(read.series_ids, read.kw, read.weather_ids, strict=True):
        baseline = baseline_forecast(name, kw, issuance, weekly=True, utc_offset_hours=plain.utc_offset_hours)
        reason = _why_not(name, kw, model, issuance) or moved.get(name) or failed
        sent = newest(read.sent.get(weather, ()), origin=hour)
        most = capacity.get(name)
        made.append(
            Asked(
                series_id=name,
                kind="load",
                kw=kw,
                capacity_kw=most,
                bound_kw=np.full(issuance.axis.periods, most or np.inf),
                band_kw=None if most is None else np.full(issuance.axis.periods, most),
                baseline=baseline,
                speakers=(
                    *_model_speakers(champion, name, reason, answers.get(name), issuance),
                    partial(refit, kw, calendar, issuance),
                ),
                inputs=known_inputs(kw, history, issuance, weather_issued_at=sent.issued_at if sent else None),
                after_neighbours=(partial(naive, baseline, kw, issuance, season_hours=WEEK_HOURS),),
                parts=_parts(site) if name == SITE_LOAD else (),
            )
        )
    return made


def ask_solar(
    meters: Sequence[Meter],
    read: SeriesHistory,
    champion: Champion,
    issuance: Issuance,
    *,
    on_failure: OnFailure,
) -> list[Asked]:
    """Every photovoltaic plant.

    Args:
        meters: In the order of what was read.
        on_failure: See :func:`ask_loads`.
    """
    model, periods, hour = champion.model, issuance.axis.periods, issuance.origin // issuance.an_hour
    moved = _moved(model, read)
    answers: dict[str, FloatArray] = {}
    failed = None
    if model is not None:
        series = solar_series(meters, read, periods=model.periods)
        known = {name: one for name, one in series.items() if name not in moved}
        answers, failed = _tried(model, known, issuance, on_failure)
    made = []
    for meter, name, kw, weather in zip(meters, read.series_ids, read.kw, read.weather_ids, strict=True):
        clear, sent = _clear_sky_kw(meter, issuance.axis), newest(read.sent.get(weather, ()), origin=hour)
        most = meter.capacity_kw or (float(np.nanmax(kw)) if np.isfinite(kw).any() else np.inf)
        night = np.zeros(periods, dtype=bool) if clear is None else clear <= 0.0
        baseline = baseline_forecast(name, kw, issuance, weekly=False, capacity_kw=most, night=night)
        reason = _why_not(name, kw, model, issuance) or moved.get(name) or failed
        made.append(
            Asked(
                series_id=name,
                kind="solar",
                kw=kw,
                capacity_kw=meter.capacity_kw,
                bound_kw=np.where(night, 0.0, meter.capacity_kw or np.inf),
                band_kw=_flat(meter, issuance) if clear is None else clear if meter.capacity_kw else None,
                baseline=baseline,
                speakers=(
                    *_model_speakers(champion, name, reason, answers.get(name), issuance, irradiance=sent),
                    partial(naive, baseline, kw, issuance, season_hours=DAY_HOURS),
                ),
                inputs=known_inputs(kw, read.axis, issuance, weather_issued_at=sent.issued_at if sent else None),
            )
        )
    return made


def ask_external(
    meters: Sequence[Meter],
    power: FloatArray,
    issues: Mapping[str, Sequence[SentForecast]],
    history: TimeAxis,
    issuance: Issuance,
) -> list[Asked]:
    """Every plant whose forecasts somebody sends.

    Args:
        power: Shape (meters, intervals of ``history``). [kW] NaN where unknown.
        issues: What was sent, by meter, the oldest first.
    """
    made = []
    for meter, kw in zip(meters, power, strict=True):
        name, most, sent = meter_series(meter), meter.capacity_kw or np.inf, issues.get(meter.meter_id, ())
        baseline = baseline_forecast(name, kw, issuance, weekly=False, capacity_kw=most)
        made.append(
            Asked(
                series_id=name,
                kind="external",
                kw=kw,
                capacity_kw=meter.capacity_kw,
                bound_kw=np.full(issuance.axis.periods, most),
                band_kw=_flat(meter, issuance),
                baseline=baseline,
                speakers=(
                    partial(sent_forecast, sent, kw, issuance, capacity_kw=most),
                    partial(naive, baseline, kw, issuance, season_hours=DAY_HOURS),
                ),
                inputs=known_inputs(kw, history, issuance, weather_issued_at=sent[-1].issued_at if sent else None),
            )
        )
    return made


def sent_forecast(
    issues: Sequence[SentForecast], kw: FloatArray, issuance: Issuance, *, capacity_kw: float
) -> Answer | str:
    """Somebody else's point forecast with bands of its past errors; NaN where it does not reach."""
    made = external_quantiles(
        issues,
        kw,
        origin=issuance.origin,
        periods=issuance.axis.periods,
        levels=issuance.levels,
        capacity_kw=capacity_kw,
        an_hour=issuance.an_hour,
    )
    if made is None:
        return "Nobody has sent a forecast of this plant."
    absent = int(np.isnan(made.quantiles[:, 0]).sum())
    reasons = [f"The forecast that was sent leaves out {issuance.told(absent)} hours."] if absent else []
    if made.errors == 0:
        reasons.append("No earlier forecast of this plant can be compared with what came: there are no bands.")
    voice = Voice(EXTERNAL, EXTERNAL, Level.CHAMPION)
    return Answer("The forecast that was sent", voice, made.quantiles, tuple(reasons))


def _model_speakers(
    champion: Champion,
    name: str,
    reason: str | None,
    told: FloatArray | None,
    issuance: Issuance,
    *,
    irradiance: SentForecast | None = None,
) -> list[Speaker]:
    """The champion, or why it does not speak and the former one that stands in for it.

    Args:
        irradiance: The newest forecast of it, for a model that reads such: of hours that it leaves out the model speaks
            as if nobody sent any.
    """
    speakers: list[Speaker] = []
    if champion.reason is not None:
        speakers.append(partial(str, champion.reason))
    model = champion.model
    if model is None:
        return speakers
    if told is None or reason is not None:
        return [*speakers, partial(str, reason or "No model spoke.")]
    blend, speaks = model.blend(name), partial(_model_answer, champion)
    silent, reasons = int(np.isnan(told).any(axis=1).sum()), []
    if silent:
        reasons.append(f"The model says nothing of {issuance.told(silent)} hours.")
    if len(told) < issuance.axis.periods:
        reasons.append(f"The model reaches {issuance.told(len(told))} hours ahead.")
    if blend.without is None:
        return [*speakers, partial(speaks, blend, told, *reasons)]
    lit = told[:, -1] > 0.0
    reached = np.zeros_like(lit)
    if irradiance:
        an_hour = issuance.an_hour
        sent = irradiance.over(issuance.origin // an_hour, len(told) // an_hour)
        reached = np.repeat(np.isfinite(sent), an_hour)
    dark = lit & ~reached
    if dark.any():
        missing, daylight = issuance.told(int(dark.sum())), issuance.told(int(lit.sum()))
        reasons.append(f"No irradiance forecast tells {missing} of {daylight} hours of daylight.")
    if (lit & reached).any():
        speakers.append(partial(speaks, blend, np.where(dark[:, None], np.nan, told), *reasons))
        reasons = []
    return [*speakers, partial(speaks, blend.without, told, *reasons)]


def _model_answer(champion: Champion, blend: Blend, told: FloatArray, *reasons: str) -> Answer:
    voice = Voice(blend.method, champion.model_id, champion.level)
    return Answer(f"The champion before it, {champion.model_id},", voice, told, reasons)


def _tried(
    model: TrainedModel, series: Mapping[str, FileSeries], issuance: Issuance, on_failure: OnFailure
) -> tuple[dict[str, FloatArray], str | None]:
    """What a model says of every series it knows; or that it failed, as a sentence: others then speak of all."""
    try:
        return ask_now(model, series, levels=issuance.levels), None
    except Exception as error:  # whatever a stored model does, forecasts go on
        logger.exception("the model failed")
        failed = f"The model failed: {error}."
        on_failure(failed)
        return {}, failed


def _why_not(name: str, kw: FloatArray, model: TrainedModel | None, issuance: Issuance) -> str | None:
    if model is not None and name not in model.series_ids:
        return "The model was trained before this series was known."
    return why_not_ask(kw, issuance)


def _moved(model: TrainedModel | None, read: SeriesHistory) -> dict[str, str]:
    """By series that is not read as the model was trained, of what it differs in, as a sentence."""
    if model is None:
        return {}
    if timedelta(minutes=model.interval_minutes) != read.axis.step:
        told = f"The model was trained on intervals of {model.interval_minutes} minutes."
        return dict.fromkeys(read.series_ids, told)
    trained = dict(zip(model.series_ids, model.weather_ids, strict=True))
    return {
        name: f"The model was trained without the weather site {weather!r} of this series."
        for name, weather in zip(read.series_ids, read.weather_ids, strict=True)
        if trained.get(name, weather) != weather
    }


def _clear_sky_kw(meter: Meter, axis: TimeAxis) -> FloatArray | None:
    """The most a plant can give in each hour, shape (periods,). [kW] None if nobody knows where it stands.

    Of a plane or a capacity that nobody knows only the nights are told: power is then unbounded by day.
    """
    if meter.latitude is None or meter.longitude is None:
        return None
    tilt, azimuth = meter.tilt_deg or 0.0, 180.0 if meter.azimuth_deg is None else meter.azimuth_deg
    most = meter.capacity_kw or np.inf
    plant = Plant(meter.latitude, meter.longitude, tilt, azimuth, min(most, 1.0e9) / 1000.0, most)
    return clear_sky_kw(plant, make_clear_sky(axis, latitude=meter.latitude, longitude=meter.longitude))


def _flat(meter: Meter, issuance: Issuance) -> FloatArray | None:
    return None if meter.capacity_kw is None else np.full(issuance.axis.periods, meter.capacity_kw)


def _parts(site: Site) -> tuple[tuple[float, str], ...]:
    """Weight and series of everything that ``site:load`` adds up."""
    return tuple((1000.0 * load.mw_per_kw, load.series_id) for load in site.loads)
