"""The site file: one TOML document that names a site's meters, network, units and storages.

Its sections and keys are the fields of :class:`grid.site.Site` and of the nouns within it, one to one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, cast

from grid.faults import Fault, InputError
from grid.network import Network
from grid.records import read_fields, to_document
from grid.site import ChangePrices, ForecastPolicy, PromotionPolicy, ReservePolicy, ScenarioPolicy, Site
from grid.site_checks import SiteParts, named_series, site_faults
from grid.site_example import EXAMPLE_SITE
from grid.validation.settings import DEFAULT_RULES

__all__ = ["EXAMPLE_SITE", "parse_site", "read_site_file", "site_to_document"]


def read_site_file(text: str) -> Site:
    """The site that a TOML site file describes.

    Raises:
        InputError: If it is no TOML, or with every fault of :func:`parse_site`.
    """
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError is one; a number of thousands of digits is another
        remedy = "correct the syntax; gridpilot init writes an example"
        raise InputError([Fault("site file", f"is no TOML: {error}", remedy)]) from error
    return parse_site(document)


def parse_site(document: Mapping[str, object]) -> Site:
    """The site that a plain document (TOML or JSON) describes.

    An entry that cannot be read is left out of the checks between entries; what it names counts as known.

    Raises:
        InputError: With every fault: unknown, missing or ill-typed settings, ids that nothing carries or that two
            carry, numbers out of range, islanded buses, cost curves that get cheaper.
    """
    faults: list[Fault] = []
    fields = read_fields(Site, document, place="", faults=faults)
    network_document = document.get("network")
    network = read_fields(Network, network_document, place="network", faults=[]) if network_document else {}
    unreadable = any(fault.place.startswith("network") for fault in faults)
    get, of_network = cast(Any, fields).get, cast(Any, network).get
    parts = SiteParts(
        timezone=get("timezone"),
        holidays=get("holidays"),
        currency=get("currency"),
        reserve=get("reserve", ReservePolicy()),
        change_prices=get("change_prices", ChangePrices()),
        scenarios=get("scenarios", ScenarioPolicy()),
        forecasts=get("forecasts", ForecastPolicy()),
        promotion=get("promotion", PromotionPolicy()),
        meters=get("meters", ()),
        loads=get("loads", ()),
        sum_checks=get("sum_checks", ()),
        validation=get("validation", DEFAULT_RULES),
        base_mva=of_network("base_mva"),
        buses=of_network("buses", ()),
        branches=of_network("branches", ()),
        dc_links=of_network("dc_links", ()),
        interfaces=of_network("interfaces", ()),
        thermal_units=get("thermal_units", ()),
        renewable_plants=get("renewable_plants", ()),
        storages=get("storages", ()),
        exchanges=get("exchanges", ()),
        ev_fleets=get("ev_fleets", ()),
        reservoirs=get("reservoirs", ()),
        bus_ids={str(entry.get("bus_id")) for entry in _entries(network_document, "buses")},
        series_ids=named_series(_entries(document, "meters")),
        whole_network="network" in document and not unreadable,
    )
    faults += site_faults(parts)
    if faults:
        raise InputError(faults)
    return Site(**cast(Any, fields))


def site_to_document(site: Site) -> dict[str, object]:
    """The plain document that :func:`parse_site` reads back as the same site."""
    return cast(dict[str, object], to_document(site))


def _entries(document: object, section: str) -> Iterable[Mapping[str, object]]:
    """The tables of a list of tables, as they stand in the file."""
    entries = document.get(section) if isinstance(document, Mapping) else None
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list | tuple) else []
