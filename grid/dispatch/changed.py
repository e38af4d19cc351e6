"""What a plan changes against the one before it, in the hours that both tell of, and what its inputs changed by there.

A change is named with the input that moved most in its hours. The two coincide; that one caused the other is not
proven, since every hour of a plan hangs on every other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from grid.time_axis import FloatArray

_LEAST_MW = 0.1
_INPUTS = (
    ("load", "system", "load_mw"),
    ("available renewable power", "renewables", "available_mw"),
    ("required upward reserve", "system", "reserve_up_required_mw"),
    ("required downward reserve", "system", "reserve_down_required_mw"),
)


def changes_since(previous: Mapping[str, Any], document: Mapping[str, Any], *, timezone: str) -> dict[str, Any] | None:
    """Compare two plan documents of one site.

    Args:
        previous: The plan before ``document``; both have a schedule. What one of them does not tell is left out.
        timezone: For the texts; IANA name of the clock that the operators look at.

    Returns:
        ``since`` (the former plan's id), ``inputs`` and ``assets``: runs of hours in which an input or an asset's
        set-point changed one way by 0.1 MW or more, each with its mean change and a sentence, assets by energy moved.
        ``price`` says in a sentence what changes were priced at, and what was forgone. None if the plans share no
        hours.
    """
    old, new = _shared(previous, document)
    if not len(new):
        return None
    starts = [datetime.fromisoformat(document["axis"]["interval_starts"][t]) for t in new]
    clock = _Clock(starts, timedelta(minutes=document["axis"]["step_minutes"]), timezone)
    moved = {
        name: _total(document, kind, field)[new] - _total(previous, kind, field)[old]
        for name, kind, field in _INPUTS
        if kind != "system" or all(field in told["system"][0] for told in (previous, document))
    }
    before, after = _setpoints(previous), _setpoints(document)
    assets = []
    for name in sorted(before.keys() & after.keys()):
        change = after[name][new] - before[name][old]
        assets += [clock.told(name, run, change, because=_cause(moved, run)) for run in _runs(change)]
    for name in sorted(before.keys() ^ after.keys()):
        there = name in after
        power = after[name][new] if there else -before[name][old]
        because = "the site has it now" if there else "the site no longer has it"
        assets += [clock.told(name, run, power, because=because) for run in _runs(power)]
    return {
        "since": previous["plan_id"],
        "price": _price_told(document),
        "inputs": [clock.told(name, run, change) for name, change in moved.items() for run in _runs(change)],
        "assets": sorted(assets, key=lambda one: -abs(one["change_mwh"])),
    }


def _price_told(document: Mapping[str, Any]) -> str | None:
    price, currency = document.get("change_price"), document["currency"]
    if price is None:
        return None
    return (
        f"Changes are priced at {price['per_mwh']:g} {currency} per MWh and {price['per_commitment_hour']:g} per hour "
        f"on instead of off or off instead of on: {price['cost']:,.0f} {currency} for those that were made. With the "
        f"same units on, moving set-points freely would have saved {price['forgone']:,.0f} {currency}."
    )


class _Clock:
    """The shared hours, and how a run of them is told."""

    def __init__(self, starts: Sequence[datetime], step: timedelta, timezone: str) -> None:
        self._starts, self._step, self._zone = starts, step, ZoneInfo(timezone)

    def told(self, name: str, run: slice, change: FloatArray, *, because: str = "") -> dict[str, Any]:
        first, end = self._starts[run.start], self._starts[run.stop - 1] + self._step
        mean = float(change[run].mean())
        hours = f"{self._local(first)} to {self._local(end)}"
        text = f"{name}: {abs(mean):,.1f} MW {'more' if mean > 0.0 else 'less'} from {hours}"
        return {
            "name": name,
            "from": first.isoformat().replace("+00:00", "Z"),
            "to": end.isoformat().replace("+00:00", "Z"),
            "change_mw": round(mean, 3),
            "change_mwh": round(mean * ((end - first) / timedelta(hours=1)), 3),
            "text": f"{text}; {because}" if because else text,
        }

    def _local(self, instant: datetime) -> str:
        return f"{instant.astimezone(self._zone):%a %H:%M %Z}"


def _shared(previous: Mapping[str, Any], document: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Positions of the intervals that both plans have; none if their steps differ."""
    if previous["axis"]["step_minutes"] != document["axis"]["step_minutes"]:
        return [], []
    known = {start: t for t, start in enumerate(previous["axis"]["interval_starts"])}
    pairs = [(known[s], t) for t, s in enumerate(document["axis"]["interval_starts"]) if s in known]
    return [old for old, _ in pairs], [new for _, new in pairs]


def _total(document: Mapping[str, Any], kind: str, field: str) -> FloatArray:
    """A field of the system per period, or of all assets of a kind together, shape (periods,)."""
    rows = [document["system"]] if kind == "system" else document[kind].values()
    total = np.zeros(document["axis"]["periods"])
    for records in rows:
        total += [record[field] for record in records]
    return total


def _setpoints(document: Mapping[str, Any]) -> dict[str, FloatArray]:
    """What each asset feeds in per period; charging and exporting are negative. [MW]"""
    powers = {
        name: np.array([record["power_mw"] for record in records])
        for kind in ("units", "renewables")
        for name, records in document[kind].items()
    }
    return powers | {
        name: np.array([record[out] - record[back] for record in records])
        for kind, out, back in (("storages", "discharge_mw", "charge_mw"), ("exchanges", "import_mw", "export_mw"))
        for name, records in document.get(kind, {}).items()
    }


def _runs(change: FloatArray) -> Iterator[slice]:
    """Runs of periods in which ``change`` has one direction."""
    direction = np.sign(np.where(np.abs(change) >= _LEAST_MW, change, 0.0))
    edges = [0, *(np.flatnonzero(np.diff(direction)) + 1).tolist(), len(direction)]
    for first, end in pairwise(edges):
        if end > first and direction[first] != 0.0:
            yield slice(first, end)


def _cause(moved: Mapping[str, FloatArray], run: slice) -> str:
    """The input that moved most in a run, in words."""
    name = max(moved, key=lambda one: float(np.abs(moved[one][run]).sum()))
    mean = float(moved[name][run].mean())
    if abs(mean) < _LEAST_MW:
        if "required upward reserve" in moved:
            return (
                "load, renewables and reserves are as before in these hours: it follows from others, or from the search"
            )
        return "load and renewables are as before in these hours: it follows from others, or from reserves let go"
    return f"meanwhile {name} is {abs(mean):,.1f} MW {'higher' if mean > 0.0 else 'lower'}"
