"""Trains a small network on made-up windows, alone or as one of a team: what test_team.py starts by torchrun."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from forecasting.networks.team import joined
from forecasting.networks.trained import predict
from forecasting.networks.training import Split, TrainingOptions, train_network
from forecasting.networks.windows import PATCHES, Windows
from forecasting.nouns import IndexArray
from grid.time_axis import FloatArray

PERIODS, LEVELS = 6, (0.1, 0.5, 0.9)


class Waves:
    """Two series of which a window's features tell what comes, but for some noise.

    Args:
        corrected: By how much readings differ from those that others have.
    """

    series_count = 2

    def __init__(self, corrected: float = 0.0) -> None:
        self._corrected = corrected

    def cut(self, series: IndexArray, origins: IndexArray, *, hidden_hours: IndexArray | None = None) -> Windows:
        at = (origins[:, None] + np.arange(PERIODS)).astype(np.float32)
        shown = np.stack([np.sin(at / 5.0), np.cos(at / 5.0)], axis=-1)
        target = shown[..., 0] + self._corrected + 0.1 * series[:, None] + 0.1 * np.sin(37.0 * at)
        return Windows(
            history=np.repeat(shown[:, :1], PATCHES, axis=1),
            future=shown,
            series=series,
            core=np.zeros_like(at),
            scale=np.ones((len(at), 1), dtype=np.float32),
            target=target.astype(np.float32),
            weight=(origins[:, None] % 7 != np.arange(PERIODS)).astype(np.float32),  # batches differ in their weight
            block=np.zeros(at.shape, dtype=np.int64),
        )

    def to_kw(self, values: FloatArray, series: IndexArray, origins: IndexArray) -> FloatArray:
        return values


def trained(batch: int, *, hours: int = 400, corrected: float = 0.0) -> dict[str, np.ndarray]:
    """The losses, what the network then says, and its weights, by name."""
    origins = np.arange(hours)
    split = Split(origins % 2, origins, origins[:40] % 2, 500 + origins[:40])
    course = TrainingOptions(max_steps=24, check_every=8, leads=4, learning_rate=0.02, budget_seconds=600.0)
    options = replace(course, batch=batch, hidden=8, dropout=0.0, noise=0.0, forgotten=0.0)
    network, result = train_network(Waves(corrected), split, levels=LEVELS, options=options)
    weights = np.concatenate([value.numpy().ravel() for value in network.state_dict().values()])
    said = predict(network, Waves().cut(split.tail_series, split.tail_origins))
    return {"losses": np.array([result.first_loss, result.best_loss]), "said": said, "weights": weights}


def threads() -> list[str]:
    """Names of this process's threads, those that libraries started included."""
    return [task.joinpath("comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]


if __name__ == "__main__":
    with joined() as team:
        batch = int(sys.argv[2])
        made = trained(batch) | {"corrected": trained(batch, corrected=float(team.rank))["weights"]}
        try:
            trained(batch, hours=400 if team.leads else 399)
        except RuntimeError as error:
            made["refused"] = np.array(str(error))
        instant = team.first_instant(datetime(2026, 11, 22, 13, team.rank, 0, 123457, tzinfo=UTC))
        made["instant"] = np.array(instant.isoformat())
        made["threads"] = np.array(threads())
    np.savez(Path(sys.argv[1]) / f"{team.rank}.npz", **made, threads_after=np.array(threads()))
