"""Local days: hours that a sender loses when clocks change."""

from __future__ import annotations

import numpy as np

from grid.validation.clocks import wall_clock_us
from grid.validation.lattice import HOUR_US, BoolArray, Lattice, runs_of


def lost_hours(lattice: Lattice, timezone: str) -> BoolArray:
    """Gaps that begin or end where the zone's clocks change and are as long as the change.

    A local day has 92, 96 or 100 quarter-hours. A sender that stamps by its wall clock says the repeated hour of
    autumn once; one that labels its wall clock with a fixed offset leaves out the first hour after the change of
    spring. Either shows as an hour without values at just that instant, or one slot beside it where stamps mark
    the ends of intervals. It says that its other stamps, too, may follow a clock that they should not.
    """
    offset = wall_clock_us(lattice.starts_us, timezone) - lattice.starts_us
    change = np.diff(offset, prepend=offset[:1])
    begins, ends = runs_of(np.isnan(lattice.values))
    lost = np.zeros(len(offset), dtype=np.bool_)
    for at in np.flatnonzero(change):
        length = abs(int(change[at])) // lattice.step_us
        if length == 0 or abs(int(change[at])) > 2 * HOUR_US:
            continue
        near = (np.abs(begins - at) <= 1) | (np.abs(ends - at) <= 1)
        meets = near & (ends - begins == length) & (begins > 0) & (ends < len(offset))
        for begin, end in zip(begins[meets], ends[meets], strict=True):
            lost[begin:end] = True
    return lost
