"""A small network that reads the weather and the sun of one interval and answers in quantiles; it knows no past.

It speaks wherever weather is known over the horizon, however long that is.

References:
    Bremnes, "Ensemble Postprocessing Using Quantile Function Regression Based on Neural Networks", Monthly Weather
    Review 148(1), 2020 (a quantile function out of a small network).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.nouns import IndexArray, ShortHistoryError
from grid.time_axis import FloatArray

_EMBEDDING, _HIDDEN, _BATCH = 4, 96, 1024
_PASSES, _FEWEST_STEPS = 30, 300
"""A network sees every interval about so often: more would learn a short history by heart."""


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Intervals to learn from or to answer for.

    Attributes:
        features: Shape (intervals, features), about standardised.
        row: Which row each belongs to, shape (intervals,).
        target: Shape (intervals,). NaN where unknown.
        weight: What an error costs, shape (intervals,).
    """

    features: FloatArray
    row: IndexArray
    target: FloatArray
    weight: FloatArray


class WeatherNetwork(nn.Module):
    """Quantiles that never cross: a median, and positive steps away from it."""

    def __init__(self, *, features: int, rows: int, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.middle = levels.index(0.5)
        self.row = nn.Embedding(rows, _EMBEDDING)
        self.body = nn.Sequential(
            nn.Linear(features + _EMBEDDING, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, len(levels)),
        )

    def forward(self, features: Tensor, row: Tensor) -> Tensor:
        """(batch, features) and (batch,) to (batch, levels), non-decreasing along levels."""
        raw = self.body(torch.cat([features, self.row(row)], dim=-1))  # (batch, levels)
        median = raw[..., self.middle : self.middle + 1]
        steps = nn.functional.softplus(raw - 2.0)
        above = steps[..., self.middle + 1 :].cumsum(dim=-1)
        below = steps[..., : self.middle].flip(-1).cumsum(dim=-1).flip(-1)
        return torch.cat([median - below, median, median + above], dim=-1)


def train_weather_networks(
    intervals: Intervals, *, rows: int, levels: tuple[float, ...], most_steps: int, networks: int, seed: int
) -> list[WeatherNetwork]:
    """Networks from different beginnings, to be averaged; the same seed gives the same weights.

    Args:
        most_steps: Of one network's training, however long the history is.

    Raises:
        ShortHistoryError: If no interval has a known target.
    """
    usable = np.flatnonzero(np.isfinite(intervals.target) & (intervals.weight > 0.0))
    if not len(usable):
        raise ShortHistoryError("a weather network needs intervals whose target is known")
    torch.set_num_threads(1)
    steps = min(max(_PASSES * len(usable) // _BATCH, _FEWEST_STEPS), most_steps)
    features = torch.from_numpy(intervals.features[usable].astype(np.float32))
    row = torch.from_numpy(intervals.row[usable])
    target = torch.from_numpy(intervals.target[usable].astype(np.float32)).unsqueeze(-1)
    weight = torch.from_numpy(intervals.weight[usable].astype(np.float32)).unsqueeze(-1)
    tau = torch.tensor(levels)
    trained = []
    for number in range(networks):
        torch.manual_seed(seed * 1000 + number)
        draw = np.random.default_rng([seed, number])
        network = WeatherNetwork(features=features.shape[-1], rows=rows, levels=levels)
        optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
        course = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            pick = torch.from_numpy(draw.integers(len(usable), size=_BATCH))
            error = target[pick] - network(features[pick], row[pick])  # (batch, levels)
            loss = (torch.maximum(tau * error, (tau - 1.0) * error) * weight[pick]).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            course.step()
        trained.append(network.eval())
    return trained


def weather_quantiles(networks: list[WeatherNetwork], features: FloatArray, row: IndexArray) -> FloatArray:
    """Mean of the networks' quantiles, shape (intervals, levels)."""
    with torch.inference_mode():
        shown, who = torch.from_numpy(features.astype(np.float32)), torch.from_numpy(row)
        said = torch.stack([network(shown, who) for network in networks]).mean(dim=0)
    return np.asarray(said.numpy(), dtype=np.float64)
