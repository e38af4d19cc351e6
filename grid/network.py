"""The transmission network: buses, branches and HVDC links. Power in MW, impedances in per unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bus:
    """A node of the network."""

    bus_id: str
    name: str = ""
    area: str = ""
    base_kv: float | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """An AC line or transformer; flow is positive from ``from_bus`` to ``to_bus``.

    Attributes:
        reactance_pu: Series reactance on the network's ``base_mva``, not zero.
        limit_mw: Continuous rating, > 0; None if unlimited.
        tap_ratio: Off-nominal turns ratio; 1 for a line.
        phase_shift_deg: By which the voltage at ``from_bus`` is ahead of what the branch sees; 0 for a line.
        emergency_mw: Rating after another branch's outage, >= ``limit_mw``; None: the same as ``limit_mw``.
    """

    branch_id: str
    from_bus: str
    to_bus: str
    reactance_pu: float
    limit_mw: float | None = None
    tap_ratio: float = 1.0
    resistance_pu: float = 0.0
    emergency_mw: float | None = None
    phase_shift_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class DcLink:
    """A controllable HVDC link: any flow within ± ``limit_mw``, positive from ``from_bus`` to ``to_bus``."""

    link_id: str
    from_bus: str
    to_bus: str
    limit_mw: float


@dataclass(frozen=True, slots=True)
class Interface:
    """Branches whose flows together stay within ± ``limit_mw``, such as all that join two areas.

    Attributes:
        branches: Counted in their own direction.
        reversed_branches: Counted against it.
    """

    interface_id: str
    limit_mw: float
    branches: tuple[str, ...]
    reversed_branches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """Buses and what connects them."""

    buses: tuple[Bus, ...]
    branches: tuple[Branch, ...]
    dc_links: tuple[DcLink, ...] = ()
    base_mva: float = 100.0
    interfaces: tuple[Interface, ...] = ()
