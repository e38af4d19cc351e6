"""Who judges a training: averaged weights, which a later tail looks at now and then."""

from __future__ import annotations

import copy

import torch

from forecasting.networks.batches import Batch
from forecasting.networks.loss import loss_sum
from forecasting.networks.network import QuantileNetwork
from forecasting.networks.team import Team


class Judge:
    """The network with averaged weights, and the best that a tail of later windows has found it, if there is one.

    Args:
        tail: Windows later than those that are learnt from.

    Attributes:
        first_loss, best_loss: On the tail; NaN where there is none.
        stale: Looks at the tail since it found something better.
    """

    def __init__(self, network: QuantileNetwork, tail: Batch | None, team: Team) -> None:
        self._tail, self._team, self._network = tail, team, copy.deepcopy(network).eval()
        self._best = copy.deepcopy(self._network.state_dict())
        self.first_loss = self.best_loss = self._loss()
        self.stale = 0

    def average(self, network: QuantileNetwork, *, keep: float) -> None:
        """Move the averaged weights towards those that were just learnt."""
        with torch.no_grad():
            torch._foreach_lerp_(list(self._network.parameters()), list(network.parameters()), 1.0 - keep)

    def look(self) -> None:
        """Ask the tail."""
        loss = self._loss()
        self.stale = self.stale + 1 if loss >= self.best_loss else 0
        if loss < self.best_loss:
            self.best_loss, self._best = loss, copy.deepcopy(self._network.state_dict())

    def verdict(self) -> QuantileNetwork:
        """The network that the tail found best, or the last."""
        if self._tail is not None:
            self._network.load_state_dict(self._best)
        return self._network.cpu().eval()

    def _loss(self) -> float:
        if self._tail is None:
            return float("nan")
        with torch.inference_mode():
            own = float(loss_sum(self._network, self._tail) / self._tail.weight.sum().clamp_min(1e-9))
        return self._team.mean(own)
