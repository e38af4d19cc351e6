"""How often net load came out beyond what plans could follow, beside how often they had promised that it would."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import psycopg

from forecasting.site.data import load_series_kw
from grid.dispatch.assemble import available_mw, loads_mw
from grid.dispatch.realised import Realised, realised
from grid.site import Site
from grid.store.plans import promises
from grid.time_axis import TimeAxis, ceil_to_step

_STEP = timedelta(hours=1)


def realised_shortfalls(
    conn: psycopg.Connection[Any], site: Site, *, start: datetime, end: datetime
) -> tuple[Realised, ...]:
    """What was promised of the hours that begin in [start, end), and what came, upward and downward.

    Net load is that of validated readings. Plants count with what they gave, so that curtailment looks like more net
    load than there was. Hours in which a reading is missing are left out.
    """
    first = ceil_to_step(start, _STEP)
    axis = TimeAxis(first, _STEP, max((end - first) // _STEP, 0))
    documents = promises(conn, site.site_id, start=start, end=end)
    names = sorted({load.series_id for load in site.loads} | {plant.series_id for plant in site.renewable_plants})
    if not documents or not axis.periods:
        return realised([], {})
    kw = dict(zip(names, load_series_kw(conn, site, names, axis), strict=True))
    net = loads_mw(site, kw, axis.periods).sum(axis=0) - available_mw(site, kw, axis.periods).sum(axis=0)
    known = zip(axis.interval_starts, net.tolist(), strict=True)
    return realised(documents, {begin: mw for begin, mw in known if np.isfinite(mw)})
