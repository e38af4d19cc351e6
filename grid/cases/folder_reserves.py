"""The reserves that ``periods.json`` asks for: for net load by its uncertainty, and products by area."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid.cases.fields import Fields
from grid.cases.uncertain import Profile, check_together, net_load_reserve
from grid.network import Network
from grid.problem.requirements import Product, ReserveRequirement
from grid.time_axis import FloatArray


def read_reserves(
    top: Fields, network: Network, profiles: dict[str, Profile], load_mw: FloatArray
) -> tuple[FloatArray, FloatArray, tuple[ReserveRequirement, ...]]:
    """What must be held for net load upward and downward, both (periods,), and the requirements of products.

    For net load it is the greater of what is asked for and what the levels of net load take.

    Args:
        load_mw: Shape (buses, periods).
    """
    periods = load_mw.shape[1]
    reserves = top.object("reserves")
    reserves.unknown("up_mw", "down_mw", "up_level", "down_level", "deliverable", "from_plants", "requirements")
    asked = [reserves.series(key, periods, default=0.0) for key in ("up_mw", "down_mw")]
    levels = [
        reserves.number(key, least=least, most=most) if reserves.has(key) else None
        for key, least, most in (("up_level", 0.5, 1.0), ("down_level", 0.0, 0.5))
    ]
    requirements = tuple(_requirements(reserves, network, load_mw))
    check_together(profiles, top, [level for level in levels if level is not None])
    if len({len(profile.scenarios) for profile in profiles.values()} - {0}) > 1:
        return asked[0], asked[1], requirements
    up, down = (
        asked[i] if level is None
        else np.maximum(asked[i], net_load_reserve(list(profiles.values()), level, up=i == 0, periods=periods))
        for i, level in enumerate(levels)
    )  # fmt: skip
    return up, down, requirements


def _requirements(reserves: Fields, network: Network, load_mw: FloatArray) -> Iterator[ReserveRequirement]:
    """``required_mw`` and ``load_share`` times the load of the areas, together."""
    for need in reserves.rows("requirements"):
        need.unknown("product", "direction", "areas", "minutes", "required_mw", "load_share")
        name, direction = need.text("product"), need.text("direction", default="up")
        if direction not in ("up", "down"):
            need.fault("direction", f"must be up or down, got {direction!r}", "correct it")
        areas = need.texts("areas")
        inside = np.array([not areas or bus.area in areas for bus in network.buses], dtype=np.bool_)
        mw = need.series("required_mw", load_mw.shape[1], default=0.0)
        mw = mw + need.number("load_share", default=0.0, least=0.0) * load_mw[inside].sum(axis=0)
        minutes = need.number("minutes", default=10.0)
        yield ReserveRequirement(Product(name, direction == "up"), minutes, mw, areas)
