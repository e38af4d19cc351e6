"""The training loop: AdamW on the pinball loss, averaged weights, and early stopping where a later tail judges.

Batches stay on the device that learns. Networks are not compiled: a course of some hundred steps of milliseconds is
over before it would pay.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch

from forecasting.networks.batches import Batch, RandomBatches, on_device
from forecasting.networks.encoders import Encoder
from forecasting.networks.judge import Judge
from forecasting.networks.loss import loss_sum
from forecasting.networks.network import NetworkShape, QuantileNetwork
from forecasting.networks.team import Team
from forecasting.networks.windows import Windows, WindowSource
from forecasting.nouns import Float32Array, IndexArray, ShortHistoryError

Progress = Callable[[float], None]
"""Told the share of the course that is done, 0 to 1."""
_WARM_STEPS = 30
"""Over so many steps, and over a tenth of a short course, the learning rate rises."""
_SAMPLE = 256
"""Windows that tell the errors of the core, which an untrained network answers."""


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train.

    Attributes:
        seed: Same seed, data, steps and machine: same weights.
        max_steps: The learning rate has its whole course over these.
        budget_seconds: A ceiling on wall time; where it binds, the course is hastened and the result says so.
        patience: Checks without a better score before it stops, where a tail judges.
        batch: Windows a step, of each process that trains.
        late: Share of windows whose last hours have not arrived: where a model is asked later, they may be missing.
        leads: How many randomly chosen leads of each window are learnt from; neighbouring hours say much the same.
        threads: For torch; on a shared machine one is faster than two.
        encoder: How the network reads the past.
        hidden: Width of the network.
        dropout, noise, forgotten: What a step leaves out and adds, as of :class:`NetworkShape`.
    """

    seed: int = 0
    max_steps: int = 500
    budget_seconds: float = 20.0
    batch: int = 128
    late: float = 0.2
    leads: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    check_every: int = 50
    patience: int = 6
    threads: int = 1
    average: float = 0.98
    encoder: Encoder = "lstm"
    hidden: int = 64
    dropout: float = 0.1
    noise: float = 0.3
    forgotten: float = 0.5

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Which (series, origin) pairs train and which, later ones, judge, if any; each of shape (windows,)."""

    train_series: IndexArray
    train_origins: IndexArray
    tail_series: IndexArray
    tail_origins: IndexArray


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a training ended: why it stopped, the best tail loss, and where it came from; NaN where no tail judged."""

    steps: int
    seconds: float
    stopped_by: str
    first_loss: float
    best_loss: float

    @property
    def learnt(self) -> bool:
        """Whether the network is more than its start: it was trained, and its tail, if any, found it better."""
        return self.steps > 0 and not self.best_loss >= self.first_loss


def train_network(
    source: WindowSource,
    split: Split,
    *,
    levels: tuple[float, ...],
    options: TrainingOptions,
    on_progress: Progress | None = None,
) -> tuple[QuantileNetwork, TrainingResult]:
    """Train one network on all series of ``source``: its averaged weights where a tail found them best, else the last.

    Args:
        on_progress: Told the share of the course that is done, 0 to 1.

    Raises:
        ShortHistoryError: If the split has no window to train on.
        RuntimeError: If processes that train together have other windows or networks of another shape.
    """
    team = Team.present()
    team.agree("their windows", b"".join(getattr(split, name).tobytes() for name in Split.__slots__))
    if not len(split.train_origins):
        raise ShortHistoryError("training needs windows: give it a longer history")
    torch.set_num_threads(options.threads)
    course = _Course(options, team)
    network = _begun(source, split, levels, options, team)
    judged = len(split.tail_origins) > 0
    tail = on_device(source.cut(split.tail_series, split.tail_origins), team.device) if judged else None
    judge = Judge(network, tail, team)
    batches = RandomBatches(
        source,
        split.train_series,
        split.train_origins,
        size=options.batch,
        leads=options.leads,
        late=options.late,
        seed=options.seed,
        team=team,
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    torch.manual_seed(options.seed * team.size + team.rank)  # each process drops out its own
    step, stopped_by = 0, "steps"
    while step < options.max_steps:
        if not course.goes_on():
            stopped_by = "time"
            judge.look()
            break
        _learn(network, batches[step], optimiser, rate=course.learning_rate(step), team=team)
        step += 1
        judge.average(network, keep=min(options.average, step / (step + 10.0)))
        if step % options.check_every == 0 or step == options.max_steps:
            if on_progress is not None:
                on_progress(course.done(step))
            judge.look()
            if judge.stale >= options.patience:
                stopped_by = "no more gain"
                break
    if on_progress is not None:
        on_progress(1.0)
    result = TrainingResult(step, course.seconds, stopped_by, judge.first_loss, judge.best_loss)
    return judge.verdict(), result


def _begun(
    source: WindowSource, split: Split, levels: tuple[float, ...], options: TrainingOptions, team: Team
) -> QuantileNetwork:
    """A network that answers the core's errors as some windows show them, the same in every process."""
    picks = np.random.default_rng(options.seed).integers(len(split.train_origins), size=_SAMPLE)
    windows = source.cut(split.train_series[picks], split.train_origins[picks])
    shape = NetworkShape(
        history_features=windows.history.shape[-1],
        future_features=windows.future.shape[-1],
        series=source.series_count,
        levels=levels,
        hidden=options.hidden,
        dropout=options.dropout,
        noise=options.noise,
        forgotten=options.forgotten,
        encoder=options.encoder,
    )
    team.agree("the shape of their network", repr(shape).encode())
    torch.manual_seed(options.seed)
    network = QuantileNetwork(shape)
    network.standardise(torch.from_numpy(windows.future))
    network.start_at(torch.from_numpy(_core_quantiles(windows, levels)))
    network.to(team.device).train()
    for state in network.state_dict().values():
        team.first(state)
    return network


def _core_quantiles(windows: Windows, levels: tuple[float, ...]) -> Float32Array:
    """Empirical quantiles of the core's error in units of the windows' spread, shape (levels,)."""
    error = ((windows.target - windows.core) / windows.scale)[windows.weight > 0.0]
    if not len(error):
        error = np.linspace(-2.0, 2.0, 101, dtype=np.float32)
    return np.asarray(np.quantile(error, levels), dtype=np.float32)


def _learn(
    network: QuantileNetwork, batch: Batch, optimiser: torch.optim.Optimizer, *, rate: float, team: Team
) -> None:
    """One step of all processes."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss_sum(network, batch).backward()  # type: ignore[no-untyped-call]
    team.add_gradients(network, batch.weight.sum())
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


class _Course:
    """How far a training has come, by its steps or, where the budget binds, by the time that they have taken."""

    def __init__(self, options: TrainingOptions, team: Team) -> None:
        self._options, self._team = options, team
        self._began, self._spent = time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def goes_on(self) -> bool:
        """Look at the clock: whether all processes together have budget left."""
        self._spent = self._team.mean(self.seconds / self._options.budget_seconds)
        return self._spent < 1.0

    def done(self, step: int) -> float:
        """Share of the course, 0 to 1, that so many steps and the time when the clock was looked at have done."""
        return max(step / self._options.max_steps, self._spent if self._spent > 0.5 else 0.0)

    def learning_rate(self, step: int) -> float:
        """Of the next step: it rises, then falls to zero along a half cosine."""
        warm = step / min(_WARM_STEPS, self._options.max_steps / 10.0)
        left = 0.5 * (1.0 + float(np.cos(np.pi * min(self.done(step), 1.0))))
        return self._options.learning_rate * (min(1.0, warm + 1e-2) * left)
