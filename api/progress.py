"""Progress bars of the command line, for anything that takes more than a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

OnProgress = Callable[[str, float], None]


@contextmanager
def share_bars(*, shown: bool) -> Iterator[OnProgress]:
    """Bars by the share that is done: call the result with a task's name and a share in [0, 1].

    Args:
        shown: False for output that a program reads; then nothing is printed.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bars:
        tasks = {}

        def on_progress(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=share)

        yield on_progress


@contextmanager
def pulse(what: str, *, shown: bool) -> Iterator[None]:
    """A moving bar with the time that has passed, for work whose share done nobody knows."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bars:
        bars.add_task(what, total=None)
        yield
