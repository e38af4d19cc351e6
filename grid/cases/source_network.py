"""The network of a source folder: ``bus.csv``, ``branch.csv`` and ``dc_branch.csv``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from grid.cases.source_tables import read_table
from grid.faults import Fault
from grid.network import Branch, Bus, DcLink, Network

_BUS = ("Bus ID", "Bus Name", "MW Load", "Area")
_BRANCH = ("UID", "From Bus", "To Bus", "R", "X", "Cont Rating", "Tr Ratio")
_LINK = ("UID", "From Bus", "To Bus", "MW Load")


@dataclass(frozen=True, slots=True)
class SourceNetwork:
    """A network, and how the load of an area spreads over its buses.

    Attributes:
        load_share: Of the load of its area that a bus has, by bus; the shares of an area sum to 1, or are all 0.
        shunt_mw: Conductance at nominal voltage, by bus: it adds to the load.
    """

    network: Network
    load_share: dict[str, float]
    shunt_mw: dict[str, float]


def read_network(files: Mapping[str, str], faults: list[Fault]) -> SourceNetwork:
    """Buses, branches and links; a branch's emergency rating is ``STE Rating``, a rating of 0 is none."""
    buses, load, shunt = [], {}, {}
    area_load: defaultdict[str, float] = defaultdict(float)
    for row in read_table(files["bus.csv"], "bus.csv", faults, needs=_BUS, name="Bus ID"):
        bus = Bus(
            bus_id=row.text("Bus ID"),
            name=row.text("Bus Name"),
            area=row.text("Area"),
            base_kv=row.number("BaseKV") if row.has("BaseKV") else None,
            latitude=row.number("lat") if row.has("lat") else None,
            longitude=row.number("lng") if row.has("lng") else None,
        )
        buses.append(bus)
        load[bus.bus_id] = row.number("MW Load", least=0.0)
        shunt[bus.bus_id] = row.number("MW Shunt G", default=0.0)
        area_load[bus.area] += load[bus.bus_id]
    known = set(load)
    network = Network(tuple(buses), _branches(files, known, faults), _links(files, known, faults))
    share = {bus.bus_id: load[bus.bus_id] / (area_load[bus.area] or 1.0) for bus in buses}
    return SourceNetwork(network, share, shunt)


def _branches(files: Mapping[str, str], known: set[str], faults: list[Fault]) -> tuple[Branch, ...]:
    branches = []
    for row in read_table(files["branch.csv"], "branch.csv", faults, needs=_BRANCH, name="UID"):
        rating = row.number("Cont Rating", least=0.0) or None
        emergency = row.number("STE Rating", default=0.0, least=0.0) or None
        if rating and emergency and emergency < rating:
            row.fault("STE Rating", f"{emergency:g} is below Cont Rating {rating:g}", "exchange or correct")
        if row.has("X") and row.number("X") == 0.0:
            row.fault("X", "must not be 0", "give its reactance, or merge the two buses")
        ends = row.text("From Bus"), row.text("To Bus")
        for column, bus in zip(("From Bus", "To Bus"), ends, strict=True):
            if bus and bus not in known:
                row.fault(column, f"there is no bus {bus!r}", "add it to bus.csv, or correct the number")
        tap = row.number("Tr Ratio", default=0.0, least=0.0) or 1.0
        branches.append(Branch(row.text("UID"), *ends, row.number("X"), rating, tap, row.number("R"), emergency))
    return tuple(branches)


def _links(files: Mapping[str, str], known: set[str], faults: list[Fault]) -> tuple[DcLink, ...]:
    """HVDC links: any flow up to ``MW Load`` in both directions."""
    links = []
    text = files.get("dc_branch.csv", "")
    for row in read_table(text, "dc_branch.csv", faults, needs=_LINK if text else (), name="UID"):
        ends = row.text("From Bus"), row.text("To Bus")
        for column, bus in zip(("From Bus", "To Bus"), ends, strict=True):
            if bus and bus not in known:
                row.fault(column, f"there is no bus {bus!r}", "add it to bus.csv, or correct the number")
        links.append(DcLink(row.text("UID"), *ends, row.number("MW Load", least=0.0)))
    return tuple(links)
