"""The training loop: AdamW on the pinball loss, averaged weights, early stopping on a tail that comes later in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import Tensor

from forecasting.encoders import Encoder
from forecasting.network import NetworkShape, QuantileNetwork
from forecasting.windows import MAX_HIDDEN_HOURS, IndexArray, ShortHistoryError, Windows, WindowSource
from grid.time_axis import FloatArray

Progress = Callable[[float], None]
"""Told the share of the course that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train.

    Attributes:
        seed: Same seed, data, steps and machine: same weights.
        max_steps: The learning rate has its whole course over these.
        budget_seconds: A ceiling on wall time; where it binds, the course is hastened and the result says so.
        patience: Checks without a better score before it stops.
        batch: Windows a step.
        leads: How many randomly chosen leads of each window a step learns from; neighbouring hours say much the same.
        threads: For torch; on a shared machine one is faster than two.
        encoder: How the network reads the past.
    """

    seed: int = 0
    max_steps: int = 500
    budget_seconds: float = 20.0
    batch: int = 128
    leads: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    check_every: int = 50
    patience: int = 6
    threads: int = 1
    average: float = 0.98
    encoder: Encoder = "lstm"

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Which (series, origin) pairs train and which, later ones, judge; each of shape (windows,)."""

    train_series: IndexArray
    train_origins: IndexArray
    tail_series: IndexArray
    tail_origins: IndexArray


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a training ended: why it stopped, the best tail loss, and where it came from."""

    steps: int
    seconds: float
    stopped_by: str
    first_loss: float
    best_loss: float


def pinball(values: Tensor, target: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
    """Weighted mean pinball loss of (batch, periods, levels) against (batch, periods); unknown targets weigh 0."""
    error = torch.nan_to_num(target).unsqueeze(-1) - values  # (batch, periods, levels)
    loss = torch.maximum(levels * error, (levels - 1.0) * error).mean(dim=-1)  # (batch, periods)
    return (loss * weight).sum() / weight.sum().clamp_min(1e-9)


def train_network(
    source: WindowSource,
    split: Split,
    *,
    levels: tuple[float, ...],
    options: TrainingOptions,
    hidden: int = 32,
    dropout: float = 0.3,
    on_progress: Progress | None = None,
) -> tuple[QuantileNetwork, TrainingResult]:
    """Train one network on all series of ``source``.

    Args:
        on_progress: Told the share of the course that is done, 0 to 1.

    Raises:
        ShortHistoryError: If the split has no window to train or to judge on.
    """
    if not len(split.train_origins) or not len(split.tail_origins):
        raise ShortHistoryError("training needs windows before and within its tail: give it a longer history")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    draw = np.random.default_rng(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    began = time.monotonic()

    tail = source.cut(split.tail_series, split.tail_origins)
    sample = _draw(source, split, draw, options)
    shape = NetworkShape(
        history_features=tail.history.shape[-1],
        future_features=tail.future.shape[-1],
        series=source.series_count,
        levels=levels,
        hidden=hidden,
        dropout=dropout,
        encoder=options.encoder,
    )
    network = QuantileNetwork(shape)
    network.start_at(torch.from_numpy(_core_quantiles(sample, levels)))
    network.to(device)
    averaged = {name: value.detach().clone() for name, value in network.state_dict().items()}
    best = {name: value.clone() for name, value in averaged.items()}
    judge = QuantileNetwork(shape).to(device)

    tau = torch.tensor(levels, device=device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    first = best_loss = _tail_loss(judge, averaged, tail, tau, device)
    stale, step, stopped_by = 0, 0, "steps"
    while step < options.max_steps:
        spent = (time.monotonic() - began) / options.budget_seconds
        if spent >= 1.0:
            stopped_by = "time"
            break
        course = max(step / options.max_steps, spent if spent > 0.5 else 0.0)
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * _rate(course, warm=step / 30.0)
        network.train()
        batch = _draw(source, split, draw, options)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=device.type == "cuda"):
            loss = _loss(network, batch, tau, device)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        keep = min(options.average, step / (step + 10.0))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                averaged[name].lerp_(value, 1.0 - keep)
        if step % options.check_every == 0 or step == options.max_steps:
            tail_loss = _tail_loss(judge, averaged, tail, tau, device)
            stale = stale + 1 if tail_loss >= best_loss else 0
            if tail_loss < best_loss:
                best_loss, best = tail_loss, {name: value.clone() for name, value in averaged.items()}
            if on_progress is not None:
                on_progress(max(course, step / options.max_steps))
            if stale >= options.patience:
                stopped_by = "no more gain"
                break
    if on_progress is not None:
        on_progress(1.0)
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
    """Warm up over 30 steps, then fall to zero along a half cosine."""
    return min(1.0, warm + 1e-2) * 0.5 * (1.0 + float(np.cos(np.pi * min(course, 1.0))))


def _draw(source: WindowSource, split: Split, draw: np.random.Generator, options: TrainingOptions) -> Windows:
    count = options.batch
    picks = draw.integers(len(split.train_origins), size=count)
    hidden = np.where(draw.random(count) < 0.2, draw.integers(1, MAX_HIDDEN_HOURS + 1, size=count), 0)
    windows = source.cut(split.train_series[picks], split.train_origins[picks], hidden_hours=hidden)
    leads = draw.permutation(windows.future.shape[1])[: options.leads]
    return replace(
        windows,
        future=windows.future[:, leads],  # (batch, leads, future features)
        core=windows.core[:, leads],
        target=windows.target[:, leads],
        weight=windows.weight[:, leads],
        block=windows.block[:, leads],
    )


def _loss(network: QuantileNetwork, windows: Windows, tau: Tensor, device: torch.device) -> Tensor:
    history, future, series, core, scale, target, weight = (
        torch.from_numpy(array).to(device)
        for array in (
            windows.history,
            windows.future,
            windows.series,
            windows.core,
            windows.scale,
            windows.target,
            windows.weight,
        )
    )
    raw = network(history, future, series).float()  # (batch, periods, levels)
    return pinball(core.unsqueeze(-1) + scale.unsqueeze(-1) * raw, target, weight, tau)


def _tail_loss(
    judge: QuantileNetwork, weights: dict[str, Tensor], tail: Windows, tau: Tensor, device: torch.device
) -> float:
    judge.load_state_dict(weights)
    judge.eval()
    with torch.inference_mode():
        return float(_loss(judge, tail, tau, device))


def _core_quantiles(windows: Windows, levels: tuple[float, ...]) -> np.typing.NDArray[np.float32]:
    """Empirical quantiles of the core's error in units of the windows' spread, shape (levels,)."""
    error = ((windows.target - windows.core) / windows.scale)[windows.weight > 0.0]
    if not len(error):
        error = np.linspace(-2.0, 2.0, 101, dtype=np.float32)
    return np.asarray(np.quantile(error, levels), dtype=np.float32)
