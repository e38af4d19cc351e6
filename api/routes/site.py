"""``GET /site``: what is run here, what its present is, and how old its data are."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter

from api.auth import Reader
from api.freshness import freshness
from api.problems import problems
from api.schemas import AssetDocument, AssetKind, SiteDocument
from api.service import Database, ServiceParts, present_of, site_of
from grid.assets import Reservoir, Storage
from grid.fleets import EvFleet
from grid.site import Site

router = APIRouter(tags=["site"])


@router.get("/site", responses=problems(401, 403, 503), summary="The site")
def get_site(caller: Reader, conn: Database, service: ServiceParts) -> SiteDocument:
    """The site, its present instant and the freshness of telemetry, forecast and plan."""
    site = site_of(conn)
    now = present_of(conn, site, service.clock)
    return SiteDocument(
        site_id=site.site_id,
        name=site.name,
        timezone=site.timezone,
        currency=site.currency,
        clock=service.clock,
        present=now,
        notes=list(site.notes),
        assets=list(_assets(site)),
        buses=len(site.network.buses),
        branches=len(site.network.branches),
        freshness=freshness(conn, site, service.clock, now, every=service.forecast_every),
    )


def _assets(site: Site) -> Iterator[AssetDocument]:
    for unit in site.thermal_units:
        yield AssetDocument(
            asset_id=unit.unit_id,
            kind="thermal",
            bus_id=unit.bus_id,
            fuel=unit.fuel,
            capacity_mw=unit.capacity_mw,
            minimum_mw=unit.minimum_mw,
            energy_mwh=None,
        )
    for plant in site.renewable_plants:
        yield AssetDocument(
            asset_id=plant.plant_id,
            kind=plant.kind.value,
            bus_id=plant.bus_id,
            fuel="",
            capacity_mw=plant.capacity_mw,
            minimum_mw=0.0,
            energy_mwh=None,
            series_id=plant.series_id,
            series_capacity_kw=plant.series_capacity_kw,
        )
    for exchange in site.exchanges:
        yield AssetDocument(
            asset_id=exchange.exchange_id,
            kind="exchange",
            bus_id=exchange.bus_id,
            fuel="",
            capacity_mw=exchange.import_mw,
            minimum_mw=-exchange.export_mw,
            energy_mwh=None,
        )
    stores: tuple[tuple[AssetKind, str, Storage | EvFleet | Reservoir], ...] = (
        *(("storage", storage.storage_id, storage) for storage in site.storages),
        *(("ev_fleet", fleet.fleet_id, fleet) for fleet in site.ev_fleets),
        *(("reservoir", reservoir.reservoir_id, reservoir) for reservoir in site.reservoirs),
    )
    for kind, name, store in stores:
        yield AssetDocument(
            asset_id=name,
            kind=kind,
            bus_id=store.bus_id,
            fuel="",
            capacity_mw=store.power_mw,
            minimum_mw=0.0,
            energy_mwh=store.energy_mwh,
        )
