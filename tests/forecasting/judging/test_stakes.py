"""What errors cost a small site: the model with the lower pinball loss need not be the cheaper one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from forecasting.judging.backtest import Scores
from forecasting.judging.contest import hold_contest
from forecasting.judging.significance import compare
from forecasting.judging.stakes import RegretComparison, Stakes, UntoldError
from forecasting.judging.verdict import Contest
from forecasting.members.course import LEVELS, Course
from forecasting.members.splits import split_in_time
from grid.assets import CostSegment, StartCost, ThermalUnit
from grid.forecasts import DEFAULT_LEVELS
from grid.network import Bus, Network
from grid.scores import pinball_losses
from grid.site import SITE_LOAD, BusLoad, PromotionCriterion, PromotionPolicy, Site
from grid.time_axis import FloatArray, TimeAxis

DAYS, PERIODS = 8, 36
HOUR = timedelta(hours=1)
TOWN = "town:load"


def unit(name: str, least: float, most: float, price: float, *, hours: float, start: float) -> ThermalUnit:
    return ThermalUnit(
        unit_id=name,
        bus_id="a",
        minimum_mw=least,
        capacity_mw=most,
        minimum_cost_per_hour=least * price,
        segments=(CostSegment(most - least, price),),
        start_costs=(StartCost(0.0, start),),
        minimum_up_hours=hours,
        minimum_down_hours=hours,
        ramp_up_mw_per_hour=most,
        ramp_down_mw_per_hour=most,
        start_ramp_mw=most,
        stop_ramp_mw=most,
    )


def small_site(loads: Sequence[str] = (TOWN,), *, mw_per_kw: float = 0.001) -> Site:
    """``base`` carries the day, ``mid`` must have been started for the evening."""
    return Site(
        site_id="small",
        name="small",
        timezone="UTC",
        holidays="",
        currency="EUR",
        meters=(),
        loads=tuple(BusLoad("a", series, mw_per_kw) for series in loads),
        network=Network((Bus("a"),), ()),
        thermal_units=(
            unit("base", 20.0, 100.0, 10.0, hours=24.0, start=1000.0),
            unit("mid", 20.0, 80.0, 40.0, hours=6.0, start=300.0),
        ),
        renewable_plants=(),
        storages=(),
        promotion=PromotionPolicy(PromotionCriterion.REGRET, DAYS),
    )


def made_load(axis: TimeAxis) -> FloatArray:
    """80 MW and, from six to nine in the evening, 130; a little more or less each day. [kW]"""
    hours = np.arange(axis.periods)
    evening = (hours % 24 >= 18) & (hours % 24 < 21)
    return 1000.0 * (np.where(evening, 130.0, 80.0) + np.random.default_rng(0).normal(size=axis.periods))


@pytest.fixture(scope="module")
def stakes(made: Any) -> Stakes:
    axis = TimeAxis(made.load.axis.start, HOUR, 24 * DAYS + PERIODS)
    load = made_load(axis)
    return Stakes(
        small_site(), axis, {TOWN: np.where(np.arange(axis.periods) // 4 == 8, np.nan, load), SITE_LOAD: load}
    )


@pytest.fixture(scope="module")
def said(stakes: Stakes) -> dict[str, FloatArray]:
    """At LEVELS, shape (days, periods, levels): ``sharp`` misses the evenings alone, ``safe`` is always 8 MW above."""
    at = 24 * np.arange(DAYS)[:, None] + np.arange(PERIODS)
    came = stakes.kw[SITE_LOAD][at]
    sharp = np.where(came > 100_000.0, 90_000.0, came)
    return {name: np.repeat(one[..., None], len(LEVELS), axis=2) for name, one in
            {"sharp": sharp, "safe": came + 8000.0}.items()}  # fmt: skip


def compared(stakes: Stakes, challenger: FloatArray, champion: FloatArray) -> RegretComparison:
    one, other = ({TOWN: told, SITE_LOAD: told} for told in (challenger, champion))
    return stakes.compare(one, other, start=stakes.axis.start)


@pytest.fixture(scope="module")
def regret(stakes: Stakes, said: dict[str, FloatArray]) -> RegretComparison:
    return compared(stakes, said["sharp"], said["safe"])


def contest(
    stakes: Stakes, challenger: FloatArray, champion: FloatArray, criterion: PromotionCriterion, regret: Any
) -> Contest:
    at = 24 * np.arange(DAYS)[:, None] + np.arange(PERIODS)
    losses = [
        pinball_losses(stakes.kw[SITE_LOAD][at], told, levels=LEVELS).mean(axis=(1, 2))
        for told in (challenger, champion)
    ]
    rest = (1.0, 0.3, 0.1, 0.1, 0.1, 0.3, 0.5, 0.9, 0.9, (), (), (0.3,), (0.3,))
    scores = [Scores(DAYS, float(loss.mean()), *rest) for loss in losses]
    comparison = compare(*(loss[None] for loss in losses))
    split = split_in_time(24 * 100)
    return Contest(None, Course(), split, *scores, comparison, {}, criterion, regret)  # type: ignore[arg-type]


def test_regret_is_what_errors_cost_beyond_perfect_foresight(regret: RegretComparison) -> None:
    # Every evening 30 MW go unserved for three hours at 10,000, save what a start of mid and its output cost less.
    assert regret.challenger == pytest.approx(90 * 10_000, rel=0.02)
    assert 0.0 <= regret.champion < 0.05 * regret.foresight
    assert regret.cost.challenger - regret.foresight == pytest.approx(regret.challenger)
    assert regret.cost.days == DAYS
    assert regret.estimated_hours == 4  # where a straight line stood for missing readings


def test_what_is_better_by_pinball_and_dearer_in_money_is_promoted_by_pinball_alone(
    stakes: Stakes, said: dict[str, FloatArray], regret: RegretComparison
) -> None:
    by_pinball = contest(stakes, said["sharp"], said["safe"], PromotionCriterion.PINBALL, None)
    assert by_pinball.verdict()[0]
    by_regret = contest(stakes, said["sharp"], said["safe"], PromotionCriterion.REGRET, regret)
    promoted, why = by_regret.verdict()
    assert not promoted
    assert why.startswith("Not better than the champion: daily cost ")


def test_what_is_worse_by_pinball_and_cheaper_in_money_is_promoted_by_regret_alone(
    stakes: Stakes, said: dict[str, FloatArray], regret: RegretComparison
) -> None:
    cost = regret.cost
    turned = replace(
        cost,
        challenger=cost.champion,
        champion=cost.challenger,
        difference=-cost.difference,
        lower=-cost.upper,
        upper=-cost.lower,
        p_value=1.0 - cost.p_value,
    )
    other = replace(regret, challenger=regret.champion, champion=regret.challenger, cost=turned)
    assert not contest(stakes, said["safe"], said["sharp"], PromotionCriterion.PINBALL, None).verdict()[0]
    promoted, why = contest(stakes, said["safe"], said["sharp"], PromotionCriterion.REGRET, other).verdict()
    assert promoted
    assert why.startswith("Better than the champion beyond luck: daily cost ")


def test_where_regret_is_to_decide_and_cannot_be_told_the_champion_stays(
    stakes: Stakes, said: dict[str, FloatArray]
) -> None:
    without = contest(stakes, said["sharp"], said["safe"], PromotionCriterion.REGRET, None)
    assert without.comparison is not None
    assert without.comparison.significant
    promoted, why = replace(without, untold="one of the models is silent on some hours").verdict()
    assert not promoted
    assert why.endswith("what errors cost could not be told: one of the models is silent on some hours.")


def test_with_too_few_days_or_a_model_that_is_silent_nothing_is_told(
    stakes: Stakes, said: dict[str, FloatArray]
) -> None:
    with pytest.raises(UntoldError, match="7 days are fewer than the 8"):
        compared(stakes, said["sharp"][:7], said["safe"][:7])
    silent = said["safe"].copy()
    silent[3, 5] = np.nan
    with pytest.raises(UntoldError, match="silent on some hours"):
        compared(stakes, silent, said["safe"])


@pytest.mark.parametrize(("read", "missing"), [(0, 24 * (DAYS - 1) + PERIODS), (190, 14)])
def test_nothing_is_told_of_a_meter_that_nobody_read(
    stakes: Stakes, said: dict[str, FloatArray], read: int, missing: int
) -> None:
    axis = stakes.axis
    kw = np.where(np.arange(axis.periods) < read, stakes.kw[SITE_LOAD], np.nan)
    with pytest.raises(UntoldError, match=f"town:load was not read in {missing} of 204 hours"):
        compared(replace(stakes, kw={**stakes.kw, TOWN: kw}), said["sharp"], said["safe"])


def test_a_site_that_takes_too_long_to_run_is_not_run_to_the_end(
    stakes: Stakes, said: dict[str, FloatArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecasting.judging.stakes._LONGEST_SECONDS", -1.0)
    with pytest.raises(UntoldError, match="takes more than"):
        compared(stakes, said["sharp"], said["safe"])


def test_a_contest_in_which_a_site_has_something_at_stake_tells_both(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, days = made.load_series[0], 110  # the seventy days, and as many of them again as a test takes
    hours = np.arange(24 * days) % one.origin
    ahead = np.full(len(one.asked), np.nan)
    series = replace(
        one,
        axis=replace(one.axis, periods=24 * days + len(ahead)),
        values=np.concatenate([one.values[hours], ahead]),
        origin=24 * days,
        asked=24 * days + np.arange(len(ahead)),
        covariates={name: np.concatenate([values[hours], ahead]) for name, values in one.covariates.items()},
    )
    scale, read = 70.0, TimeAxis(one.axis.start, HOUR, 24 * days)
    site = small_site((one.series_id,), mw_per_kw=scale / 1000.0)
    kw = series.values[: 24 * days]
    stakes = Stakes(site, read, {one.series_id: kw, SITE_LOAD: scale * kw})

    def held(**choices: Any) -> Contest:
        quick = Course(share=0.01)
        return hold_contest([series], ["w"], kind="load", levels=DEFAULT_LEVELS, course=quick, stakes=stakes, **choices)

    first = held(champion=None)
    assert (first.criterion, first.regret) == (PromotionCriterion.REGRET, None)
    again = held(champion=first.model)
    told = again.about(read)
    assert told["criterion"] == "regret"
    assert told["comparison"]["days"] >= DAYS
    assert told["regret"]["cost"]["days"] == DAYS
    assert 0.0 < told["regret"]["challenger"] < told["regret"]["foresight"]
    assert "daily cost" in again.verdict()[1]

    def refuse(*_: object, **_options: object) -> None:
        raise RuntimeError("the solver takes no such problem")

    monkeypatch.setattr("forecasting.judging.stakes.simulate", refuse)
    untold = held(champion=first.model)
    assert untold.regret is None
    assert untold.comparison == again.comparison
    assert untold.verdict()[1].endswith("run through these days: the solver takes no such problem.")


def test_the_days_that_are_run_begin_at_midnight_and_were_read_to_the_end(stakes: Stakes) -> None:
    axis = TimeAxis(stakes.axis.start - 24 * HOUR, HOUR, 24 * 20)
    days = stakes.midnights(axis, first=30, periods=PERIODS)
    assert days.tolist() == [48, 72, 96, 120, 144, 168, 192, 216]
    week = replace(stakes, site=replace(stakes.site, promotion=PromotionPolicy(PromotionCriterion.REGRET, 3)))
    assert week.midnights(axis, first=30, periods=PERIODS).tolist() == [168, 192, 216]
