"""Pictures of a comparison: reliability, and loss by lead time and by hour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from rival_scores import OURS, Scored

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # after the choice of a backend that needs no display


def draw(benchmark: str, scored: Sequence[Scored], folder: Path) -> None:
    """Write ``<benchmark>-reliability.png`` and ``<benchmark>-loss.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for one in scored:
        below = (one.actual[one.awake, None] <= one.quantiles[one.awake]).mean(axis=0)
        axes.plot(one.levels, below, marker=".", label=one.method, **_style(one))
    axes.set(xlabel="level", ylabel="share of intervals below the quantile", title=f"{benchmark}: reliability")
    axes.legend()
    figure.savefig(folder / f"{benchmark}-reliability.png", dpi=120)
    plt.close(figure)
    figure, sides = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
    for axes, what in zip(sides, ("leads", "hours"), strict=True):
        for one in scored:
            loss = pd.Series(one.losses()).groupby(getattr(one, what)).mean()
            smooth = loss.rolling(max(len(loss) // 24, 1), min_periods=1).mean()
            axes.plot(np.asarray(smooth.index), smooth, label=one.method, **_style(one))
        axes.set_xlabel("intervals after the origin" if what == "leads" else "local hour")
    sides[0].set(ylabel="pinball loss", title=f"{benchmark}: loss by lead time and by hour")
    sides[0].legend()
    figure.savefig(folder / f"{benchmark}-loss.png", dpi=120)
    plt.close(figure)


def _style(one: Scored) -> dict[str, object]:
    return {"color": "black", "linewidth": 2} if one.method == OURS else {"linewidth": 1}
