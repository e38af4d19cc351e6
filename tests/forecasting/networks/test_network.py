"""The network and its training: shapes, order of quantiles, learning, and sameness under a seed."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.members.splits import split_in_time, split_windows
from forecasting.networks.calibration import apply_shifts, fit_shifts
from forecasting.networks.loss import pinball_sum
from forecasting.networks.network import NetworkShape, QuantileNetwork
from forecasting.networks.trained import TrainedNetwork, predict, train_all, train_calibrated
from forecasting.networks.training import TrainingOptions, TrainingResult, train_network
from forecasting.networks.windows import BLOCKS
from grid.forecasts import DEFAULT_LEVELS

LEVELS = (0.1, 0.5, 0.9)
CERTAIN: Any = {"dropout": 0.0, "noise": 0.0, "forgotten": 0.0}
QUICK = TrainingOptions(seed=3, max_steps=12, budget_seconds=60.0, batch=16, check_every=6, hidden=16)


def network_of(levels: tuple[float, ...] = LEVELS, hidden: int = 16) -> QuantileNetwork:
    return QuantileNetwork(NetworkShape(11, 7, series=3, levels=levels, hidden=hidden, **CERTAIN))


@pytest.mark.parametrize(
    ("batch", "patches", "periods", "levels", "hidden"),
    [(1, 28, 48, LEVELS, 16), (5, 28, 48, DEFAULT_LEVELS, 32), (3, 4, 1, (0.5,), 8), (2, 1, 72, (0.01, 0.5, 0.99), 8)],
)
def test_the_network_answers_in_the_shape_it_is_asked(
    batch: int, patches: int, periods: int, levels: tuple[float, ...], hidden: int
) -> None:
    answer = network_of(levels, hidden)(
        torch.randn(batch, patches, 11), torch.randn(batch, periods, 7), torch.zeros(batch, dtype=torch.long)
    )
    assert answer.shape == (batch, periods, len(levels))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), size=st.floats(0.1, 100.0))
def test_quantiles_never_cross_whatever_the_weights(seed: int, size: float) -> None:
    torch.manual_seed(seed)
    network = network_of(DEFAULT_LEVELS)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn_like(weight))
        answer = network(size * torch.randn(4, 28, 11), size * torch.randn(4, 48, 7), torch.arange(4) % 3)
    assert torch.isfinite(answer).all()
    assert (torch.diff(answer, dim=-1) >= 0.0).all()


def test_an_untrained_network_answers_what_it_is_told_to_start_at() -> None:
    network = network_of()
    network.start_at(torch.tensor([-1.5, 0.25, 2.0]))
    answer = network(torch.randn(2, 28, 11), torch.randn(2, 48, 7), torch.tensor([0, 2]))
    assert torch.allclose(answer, torch.tensor([-1.5, 0.25, 2.0]).expand_as(answer), atol=1e-5)


def test_a_network_without_a_median_is_refused() -> None:
    with pytest.raises(ValueError, match=r"levels must hold 0\.5"):
        network_of((0.1, 0.9))


def test_one_batch_can_be_learnt_by_heart(made: Any) -> None:
    torch.manual_seed(0)
    windows = made.load_source.cut(np.array([0, 1, 0, 1]), np.array([600, 650, 700, 901]))
    shape = NetworkShape(windows.history.shape[2], windows.future.shape[2], 2, LEVELS, **CERTAIN)
    network = QuantileNetwork(shape)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    history, future, series = (torch.from_numpy(x) for x in (windows.history, windows.future, windows.series))
    target = torch.from_numpy((windows.target - windows.core) / windows.scale)
    losses = []
    for _ in range(150):
        said, alike = network(history, future, series), torch.full_like(target, 1.0 / target.numel())
        loss = pinball_sum(said, target, alike, torch.tensor(LEVELS))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.25 * losses[0]


def test_unknown_targets_weigh_nothing() -> None:
    values, levels = torch.zeros(1, 2, 1), torch.tensor([0.5])
    target, weight = torch.tensor([[2.0, float("nan")]]), torch.tensor([[1.0, 0.0]])
    assert float(pinball_sum(values, target, weight, levels)) == pytest.approx(1.0)


def trained(made: Any, options: TrainingOptions) -> tuple[QuantileNetwork, Any]:
    split = split_windows(made.load_source, split_in_time(70 * 24), context=600, periods=48)
    return train_network(made.load_source, split, levels=LEVELS, options=options)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(made: Any) -> None:
    one, again = trained(made, QUICK)[0].state_dict(), trained(made, QUICK)[0].state_dict()
    other = trained(made, replace(QUICK, seed=4))[0].state_dict()
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_training_gains_on_later_windows_and_tells_how_far_it_is(made: Any) -> None:
    split = split_windows(made.solar_source, split_in_time(70 * 24), context=600, periods=48)
    assert split.train_origins.max() + 48 <= split.tail_origins.min()
    told: list[float] = []
    _, result = train_network(
        made.solar_source,
        split,
        levels=LEVELS,
        options=replace(QUICK, max_steps=60, check_every=20),
        on_progress=told.append,
    )
    assert result.best_loss < result.first_loss
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_without_a_tail_training_takes_its_whole_course(made: Any) -> None:
    split = split_windows(made.load_source, split_in_time(70 * 24), context=600, periods=48)
    alone = replace(split, tail_series=split.tail_series[:0], tail_origins=split.tail_origins[:0])
    network, result = train_network(made.load_source, alone, levels=LEVELS, options=QUICK)
    assert (result.steps, result.stopped_by) == (QUICK.max_steps, "steps")
    untrained = QuantileNetwork(network.shape)
    untrained.load_state_dict({**network.state_dict(), "head.weight": torch.zeros_like(network.head.weight)})
    windows = made.load_source.cut(np.array([0]), np.array([600]))
    assert not np.allclose(predict(network, windows), predict(untrained, windows), rtol=1e-5)


def test_what_is_unknown_or_beyond_what_was_shown_counts_as_the_mean_or_the_outermost() -> None:
    network = network_of().eval()
    torch.nn.init.normal_(network.head.weight)
    shown = torch.randn(50, 48, 7)
    shown[..., 6] = torch.nan  # nobody ever knew it
    network.standardise(shown)
    past, series = torch.randn(1, 28, 11), torch.tensor([0])
    unknown, mean = shown[:1].clone(), shown[:1].clone()
    unknown[..., 0], mean[..., 0] = torch.nan, network.mean[0]
    torch.testing.assert_close(network(past, unknown, series), network(past, mean, series))
    far, further = shown[:1].clone(), shown[:1].clone()
    far[..., 1], further[..., 1] = 100.0, torch.inf
    torch.testing.assert_close(network(past, far, series), network(past, further, series))
    assert not torch.allclose(network(past, far, series), network(past, shown[:1], series))


def test_where_no_tail_judges_a_spent_budget_keeps_what_was_learnt_by_then(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = split_windows(made.load_source, split_in_time(70 * 24), context=600, periods=48)
    alone = replace(split, tail_series=split.tail_series[:0], tail_origins=split.tail_origins[:0])
    ticks = SimpleNamespace(monotonic=count().__next__)  # a second passes between two looks at the clock
    monkeypatch.setattr("forecasting.networks.training.time", ticks)
    options = replace(QUICK, max_steps=300, check_every=50, budget_seconds=6.0)
    network, result = train_network(made.load_source, alone, levels=LEVELS, options=options)
    assert (result.steps, result.stopped_by) == (5, "time")
    assert float(network.head.weight.detach().abs().max()) > 0.0


def test_a_tail_judges_what_was_learnt_when_the_budget_is_spent_between_two_looks_at_it(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = split_windows(made.solar_source, split_in_time(70 * 24), context=600, periods=48)
    ticks = SimpleNamespace(monotonic=count().__next__)  # a second passes between two looks at the clock
    monkeypatch.setattr("forecasting.networks.training.time", ticks)
    options = replace(QUICK, max_steps=60, check_every=60, budget_seconds=51.0)
    network, result = train_network(made.solar_source, split, levels=LEVELS, options=options)
    assert (result.steps, result.stopped_by) == (50, "time")
    assert result.best_loss < result.first_loss
    assert float(network.head.weight.detach().abs().max()) > 0.0


@pytest.mark.parametrize(
    ("steps", "first", "best", "learnt"),
    [(9, 1.0, 0.9, True), (9, 1.0, 1.0, False), (9, math.nan, math.nan, True), (0, math.nan, math.nan, False)],
)
def test_a_network_has_learnt_if_its_tail_found_it_better_or_nobody_judged_it(
    steps: int, first: float, best: float, learnt: bool
) -> None:
    assert TrainingResult(steps, 1.0, "time", first, best).learnt is learnt


def test_a_network_that_had_no_time_for_a_step_is_left_out(made: Any) -> None:
    split = split_windows(made.load_source, split_in_time(70 * 24), context=600, periods=48)

    def train(encoder: Any, told: Any) -> tuple[TrainedNetwork, TrainingResult]:
        options = replace(QUICK, encoder=encoder, budget_seconds=1e-9 if encoder == "tcn" else 60.0, max_steps=1)
        return train_calibrated(made.load_source, split, levels=LEVELS, options=options, on_progress=told)

    assert train_all({"lstm": "lstm", "tcn": "tcn"}, train, on_progress=None).keys() == {"lstm"}


def test_a_history_too_short_to_split_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 28 days"):
        split_in_time(24 * 27)


def test_calibration_widens_bands_that_were_too_narrow_and_keeps_the_others(made: Any) -> None:
    windows = made.load_source.cut(np.zeros(40, dtype=np.int64), np.arange(600, 640))
    middle = np.repeat(windows.target[..., None].astype(np.float64), 3, axis=2)
    rng = np.random.default_rng(0)
    error = windows.scale[..., None] * rng.normal(size=(*windows.target.shape, 1))
    narrow, wide = middle + error, middle + error + windows.scale[..., None] * np.array([-9.0, 0.0, 9.0])
    shifts = fit_shifts(narrow, windows, levels=LEVELS)
    assert np.all(shifts[:, 0] < -0.3)
    assert np.all(shifts[:, 2] > 0.3)
    assert np.all(fit_shifts(wide, windows, levels=LEVELS)[:, [0, 2]] == 0.0)
    assert shifts.shape == (BLOCKS, 3)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=25)
def test_shifted_quantiles_stay_in_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.sort(draw.normal(size=(3, 5, 4)), axis=-1)
    scale = draw.uniform(0.1, 3.0, size=(3, 1)).astype(np.float32)
    moved = apply_shifts(values, draw.normal(size=(BLOCKS, 4)), block=draw.integers(0, BLOCKS, (3, 5)), scale=scale)
    assert np.all(np.diff(moved, axis=-1) >= 0.0)
