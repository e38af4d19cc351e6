"""What must hold within a network: ids, ends of branches, impedances, and that no bus stands alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from grid.faults import Fault
from grid.network import Branch, Bus, DcLink, Interface
from grid.ranges import range_faults


def network_faults(
    buses: Sequence[Bus],
    branches: Sequence[Branch],
    dc_links: Sequence[DcLink],
    interfaces: Sequence[Interface],
    *,
    bus_ids: Collection[str],
    whole: bool,
) -> Iterator[Fault]:
    """What is wrong within a network.

    Args:
        bus_ids: Every bus id that is named, also by entries with other faults.
        whole: Every entry could be read; only then are islands looked for.
    """
    if whole and not buses:
        yield Fault("network.buses", "there must be at least one bus", "add a [[network.buses]] entry")
    yield from duplicate_faults("network.buses", [bus.bus_id for bus in buses])
    yield from duplicate_faults("network.branches", [branch.branch_id for branch in branches])
    yield from duplicate_faults("network.dc_links", [link.link_id for link in dc_links])
    for bus in buses:
        yield from range_faults(f'network.buses "{bus.bus_id}"', bus)
    for branch in branches:
        place = f'network.branches "{branch.branch_id}"'
        if branch.reactance_pu == 0:
            remedy = "give its series reactance per unit, or merge the two buses"
            yield Fault(f"{place}: reactance_pu", "must not be 0", remedy)
        yield from _ends(place, branch, bus_ids)
        yield from range_faults(place, branch)
    for link in dc_links:
        place = f'network.dc_links "{link.link_id}"'
        yield from _ends(place, link, bus_ids)
        yield from range_faults(place, link)
    for interface in interfaces:
        yield from range_faults(f'network.interfaces "{interface.interface_id}"', interface)
    if whole:
        yield from interface_faults(interfaces, [branch.branch_id for branch in branches])
        yield from island_faults([bus.bus_id for bus in buses], branches)


def interface_faults(interfaces: Sequence[Interface], branch_ids: Collection[str]) -> Iterator[Fault]:
    """What is wrong between interfaces and branches."""
    yield from duplicate_faults("network.interfaces", [interface.interface_id for interface in interfaces])
    for interface in interfaces:
        place = f'network.interfaces "{interface.interface_id}"'
        members = [*interface.branches, *interface.reversed_branches]
        if not members:
            yield Fault(place, "there must be at least one branch", "name those whose flows are limited together")
        for name in sorted(set(members) - set(branch_ids)):
            yield Fault(place, f"no such branch: {name!r}", "add it to the branches, or correct the id")
        for name, count in sorted(Counter(members).items()):
            if count > 1:
                yield Fault(place, f"branch {name!r} stands in it {count} times", "name it once")


def _ends(place: str, line: Branch | DcLink, bus_ids: Collection[str]) -> Iterator[Fault]:
    for field, bus_id in (("from_bus", line.from_bus), ("to_bus", line.to_bus)):
        if bus_id not in bus_ids:
            yield unknown_bus(f"{place}: {field}", bus_id)
    if line.from_bus == line.to_bus:
        yield Fault(place, f"both ends are at bus {line.from_bus!r}", "name two different buses")


def island_faults(bus_ids: Sequence[str], branches: Iterable[Branch]) -> Iterator[Fault]:
    """Buses that no AC branch joins to the largest part of the network, island by island."""
    position = {bus_id: i for i, bus_id in enumerate(bus_ids)}
    known = [b for b in branches if b.from_bus in position and b.to_bus in position]
    ends = [position[b.from_bus] for b in known], [position[b.to_bus] for b in known]
    graph = coo_array((np.ones(len(known)), ends), shape=(len(bus_ids), len(bus_ids)))
    islands: defaultdict[int, list[str]] = defaultdict(list)
    for bus_id, island in zip(bus_ids, connected_components(graph, directed=False)[1].tolist(), strict=True):
        islands[island].append(bus_id)
    for buses in sorted(islands.values(), key=len, reverse=True)[1:]:
        named = ", ".join(sorted(buses)[:5]) + (", …" if len(buses) > 5 else "")
        remedy = "add the missing branch, or leave the buses out"
        yield Fault("network", f"no branch joins bus {named} to the rest of the network", remedy)


def unknown_bus(place: str, bus_id: str) -> Fault:
    """The fault of an entry that names a bus which is not there."""
    return Fault(place, f"no such bus: {bus_id!r}", "add it to [[network.buses]], or correct the id")


def duplicate_faults(section: str, ids: Sequence[str]) -> Iterator[Fault]:
    """A fault for every id that is used more than once."""
    for name, count in sorted(Counter(ids).items()):
        if count > 1:
            yield Fault(section, f"the id {name!r} is used {count} times", "give each its own")
