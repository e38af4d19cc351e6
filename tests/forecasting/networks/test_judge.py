"""The judge keeps the averaged weights that a later tail found best, or the last where there is no tail."""

from __future__ import annotations

import math
from typing import Any

import torch

from forecasting.networks.batches import Batch
from forecasting.networks.judge import Judge
from forecasting.networks.network import NetworkShape, QuantileNetwork
from forecasting.networks.team import Team

CERTAIN: Any = {"dropout": 0.0, "noise": 0.0, "forgotten": 0.0}
ALONE = Team(0, 1, torch.device("cpu"))


def saying(value: float) -> QuantileNetwork:
    """A network whose three quantiles are all near a value."""
    torch.manual_seed(0)
    network = QuantileNetwork(NetworkShape(3, 2, series=1, levels=(0.1, 0.5, 0.9), hidden=8, **CERTAIN))
    network.start_at(torch.tensor([value - 0.01, value, value + 0.01]))
    return network


def tail() -> Batch:
    """Four windows in which 2 came."""
    ones, zeros = torch.ones(4, 5), torch.zeros(4, 5)
    history, future, series = torch.zeros(4, 6, 3), torch.zeros(4, 5, 2), torch.zeros(4, dtype=torch.long)
    return Batch(history, future, series, core=zeros, scale=ones, target=2.0 * ones, weight=ones)


def median(network: QuantileNetwork) -> float:
    told = tail()
    return float(network(told.history, told.future, told.series)[..., 1].mean().detach())


def test_the_best_that_the_tail_saw_is_the_verdict_and_looks_without_gain_are_counted() -> None:
    judge = Judge(saying(0.0), tail(), ALONE)
    for value, stale in ((2.0, 0), (5.0, 1), (9.0, 2)):
        judge.average(saying(value), keep=0.0)
        judge.look()
        assert judge.stale == stale
    assert judge.best_loss < 0.05 < judge.first_loss
    assert abs(median(judge.verdict()) - 2.0) < 0.05


def test_averaged_weights_lie_between_the_old_and_the_new() -> None:
    old, new = saying(0.0), saying(4.0)
    judge = Judge(old, None, ALONE)
    judge.average(new, keep=0.75)
    for was, now, made in zip(old.parameters(), new.parameters(), judge.verdict().parameters(), strict=True):
        torch.testing.assert_close(made, 0.75 * was + 0.25 * now)
    assert math.isnan(judge.best_loss), "without a tail the last is the verdict"
