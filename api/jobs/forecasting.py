"""``gridpilot forecast``: fresh quantile forecasts at every step of the site's clock."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from api.jobs.clock import present, ticks
from api.settings import ForecastProcess
from forecasting.site.service import ForecastService
from grid.forecasts import Forecast
from grid.store.database import connect
from grid.store.migrate import check_schema
from grid.store.sites import load_site


def forecast_once(settings: ForecastProcess) -> list[Forecast]:
    """Issue one set of forecasts for every series of the site; store and return it."""
    with connect(settings.database_url, application_name="gridpilot-forecast") as conn:
        check_schema(conn)
        site = load_site(conn)
        issued_at = present(conn, site, settings.clock)
        return ForecastService().forecast(conn, site, issued_at=issued_at, periods=settings.forecast_horizon_hours)


def forecast_forever(settings: ForecastProcess, *, stop: threading.Event) -> None:
    """Issue forecasts whenever the clock enters a new step, until ``stop`` is set.

    A model that is promoted meanwhile speaks from the next step on.
    """
    service = ForecastService()
    with connect(settings.database_url, application_name="gridpilot-forecast") as conn:
        check_schema(conn)
        site = load_site(conn)
        conn.commit()

        def now() -> datetime:
            with conn.transaction():
                return present(conn, site, settings.clock)

        for issued_at in ticks(now, every=timedelta(minutes=settings.forecast_every_minutes), stop=stop):
            site = load_site(conn)  # a site file may have been loaded meanwhile
            service.forecast(conn, site, issued_at=issued_at, periods=settings.forecast_horizon_hours)
            conn.commit()
