"""The training loop: AdamW on the pinball loss, averaged weights, and early stopping where a later tail judges.

Batches stay on the device that learns. On CUDA the network runs in bfloat16, the loss in float32; on the CPU all is
float32. Networks are not compiled: a course of some hundred steps of milliseconds is over before it would pay.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from forecasting.networks.batches import Batch, RandomBatches, on_device
from forecasting.networks.encoders import Encoder
from forecasting.networks.network import NetworkShape, QuantileNetwork
from forecasting.networks.team import Team
from forecasting.networks.windows import Windows, WindowSource
from forecasting.nouns import IndexArray, ShortHistoryError
from grid.time_axis import FloatArray

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


def pinball(values: Tensor, target: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
    """Weighted mean pinball loss of (batch, periods, levels) against (batch, periods); unknown targets weigh 0."""
    return _pinball_sum(values, target, weight, levels) / weight.sum().clamp_min(1e-9)


def _pinball_sum(values: Tensor, target: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
    error = torch.nan_to_num(target).unsqueeze(-1) - values  # (batch, periods, levels)
    loss = torch.maximum(levels * error, (levels - 1.0) * error).mean(dim=-1)  # (batch, periods)
    return (loss * weight).sum()


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
    torch.manual_seed(options.seed)
    device, began = team.device, time.monotonic()

    judged = len(split.tail_origins) > 0
    tail = on_device(source.cut(split.tail_series, split.tail_origins), device) if judged else None
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
    windows = _sample(source, split, options.seed)
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
    network = QuantileNetwork(shape)
    network.standardise(torch.from_numpy(windows.future))
    network.start_at(torch.from_numpy(_core_quantiles(windows, levels)))
    network.to(device).train()
    for state in network.state_dict().values():
        team.first(state)
    judge = copy.deepcopy(network).eval()  # its weights are the averaged ones
    torch.manual_seed(options.seed * team.size + team.rank)  # each process drops out its own
    weights: list[Tensor] = list(network.parameters())
    averaged: list[Tensor] = list(judge.parameters())
    best = copy.deepcopy(judge.state_dict())

    tau = torch.tensor(levels, device=device)
    optimiser = torch.optim.AdamW(weights, lr=options.learning_rate, weight_decay=options.weight_decay, fused=True)
    first = best_loss = _mean(_tail_loss(judge, tail, tau), team)
    stale, step, stopped_by = 0, 0, "steps"
    while step < options.max_steps:
        spent = _mean((time.monotonic() - began) / options.budget_seconds, team)
        if spent >= 1.0:
            stopped_by = "time"
            break
        course = max(step / options.max_steps, spent if spent > 0.5 else 0.0)
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * _rate(course, warm=step / min(_WARM_STEPS, options.max_steps / 10.0))
        batch = batches[step]
        optimiser.zero_grad(set_to_none=True)
        _loss_sum(network, batch, tau).backward()  # type: ignore[no-untyped-call]
        team.add_gradients(network, batch.weight.sum())
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        step += 1
        keep = min(options.average, step / (step + 10.0))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, weights, 1.0 - keep)
        if step % options.check_every == 0 or step == options.max_steps:
            if on_progress is not None:
                on_progress(max(course, step / options.max_steps))
            tail_loss = _mean(_tail_loss(judge, tail, tau), team)
            stale = stale + 1 if tail_loss >= best_loss else 0
            if tail_loss < best_loss:
                best_loss, best = tail_loss, copy.deepcopy(judge.state_dict())
            if stale >= options.patience:
                stopped_by = "no more gain"
                break
    if stopped_by == "time" and (tail_loss := _mean(_tail_loss(judge, tail, tau), team)) < best_loss:
        best_loss, best = tail_loss, copy.deepcopy(judge.state_dict())
    if on_progress is not None:
        on_progress(1.0)
    if judged:
        judge.load_state_dict(best)
    result = TrainingResult(step, time.monotonic() - began, stopped_by, first, best_loss)
    return judge.cpu().eval(), result


def predict(network: QuantileNetwork, windows: Windows, *, chunk: int = 1024) -> FloatArray:
    """Quantiles in the target's domain, shape (batch, periods, levels)."""
    if network.training:
        network.eval()
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(windows.series), chunk):
            part = slice(begin, begin + chunk)
            raw = network(
                torch.from_numpy(windows.history[part]),
                torch.from_numpy(windows.future[part]),
                torch.from_numpy(windows.series[part]),
            ).numpy()
            parts.append(windows.core[part, :, None] + windows.scale[part, :, None] * raw.astype(np.float64))
    return np.concatenate(parts)


def _rate(course: float, *, warm: float) -> float:
    """Warm up, then fall to zero along a half cosine."""
    return min(1.0, warm + 1e-2) * 0.5 * (1.0 + float(np.cos(np.pi * min(course, 1.0))))


def _loss_sum(network: QuantileNetwork, batch: Batch, tau: Tensor) -> Tensor:
    """Pinball loss summed over the batch, each interval by its weight."""
    cuda = batch.history.is_cuda
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=cuda):
        raw = network(batch.history, batch.future, batch.series)  # (batch, periods, levels)
    values = batch.core.unsqueeze(-1) + batch.scale.unsqueeze(-1) * raw.float()
    return _pinball_sum(values, batch.target, batch.weight, tau)


def _tail_loss(judge: QuantileNetwork, tail: Batch | None, tau: Tensor) -> float:
    """NaN where there is no tail."""
    if tail is None:
        return float("nan")
    with torch.inference_mode():
        return float(_loss_sum(judge, tail, tau) / tail.weight.sum().clamp_min(1e-9))


def _mean(value: float, team: Team) -> float:
    """What all processes agree on, so that all stop at the same step."""
    return value if team.size == 1 else float(team.total(torch.tensor([value], device=team.device))) / team.size


def _sample(source: WindowSource, split: Split, seed: int) -> Windows:
    """Some windows that are trained on, the same in every process."""
    picks = np.random.default_rng(seed).integers(len(split.train_origins), size=_SAMPLE)
    return source.cut(split.train_series[picks], split.train_origins[picks])


def _core_quantiles(windows: Windows, levels: tuple[float, ...]) -> np.typing.NDArray[np.float32]:
    """Empirical quantiles of the core's error in units of the windows' spread, shape (levels,)."""
    error = ((windows.target - windows.core) / windows.scale)[windows.weight > 0.0]
    if not len(error):
        error = np.linspace(-2.0, 2.0, 101, dtype=np.float32)
    return np.asarray(np.quantile(error, levels), dtype=np.float32)
