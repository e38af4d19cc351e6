"""The frontier as a picture: what a reserve costs and what load it leaves unserved, by the quantile that sizes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # after the choice of a backend that needs no display


class Point(NamedTuple):
    """One reserve: ``level`` is None without one; ``above`` is its cost above perfect foresight's, as a share of it."""

    level: float | None
    quick: bool
    above: float
    unserved_mwh: float


def draw_frontier(points: Sequence[Point], file: Path) -> None:
    """Cost and load not served side by side, without and with quick starts in real time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(_name(point.level) for point in points))
    figure, (cost, unserved) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for quick in (False, True):
        chosen = [point for point in points if point.quick is quick]
        at = [names.index(_name(point.level)) for point in chosen]
        label = "units started in real time" if quick else "only as planned"
        cost.plot(at, [100.0 * point.above for point in chosen], marker="o", label=label)
        unserved.plot(at, [point.unserved_mwh for point in chosen], marker="o", label=label)
    for axes, what in ((cost, "cost above perfect foresight [%]"), (unserved, "load not served [MWh]")):
        axes.set_xticks(range(len(names)), names)
        axes.set(xlabel="reserve by the quantile of net load", ylabel=what, ylim=(0.0, None))
    cost.legend()
    figure.savefig(file, dpi=120)
    plt.close(figure)


def _name(level: float | None) -> str:
    return "none" if level is None else f"P{100.0 * level:g}"
