"""Joint scenarios of the stored forecasts that a plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import psycopg

from forecasting.site.data import load_series_kw
from forecasting.site.joint import joint_scenarios, past_of
from grid.dispatch.assemble import available_mw, loads_mw
from grid.forecasts import Forecast
from grid.problem.scenarios import Scenarios
from grid.site import Site
from grid.store.forecasts import load_issues
from grid.time_axis import TimeAxis


def draw_scenarios(
    conn: psycopg.Connection[Any], site: Site, forecasts: Mapping[str, Forecast], *, axis: TimeAxis
) -> tuple[Scenarios, dict[str, Any]]:
    """Draw the scenarios that the site's policy asks for; the same forecasts give the same ones.

    Args:
        forecasts: Of every load and plant series, which cover ``axis``, in its steps or parts of them.

    Returns:
        The scenarios, equally probable, and the document of how they came about.
    """
    policy = site.scenarios
    names = sorted({load.series_id for load in site.loads} | {plant.series_id for plant in site.renewable_plants})
    newest = [forecasts[name] for name in names]
    seed = int(max(one.issued_at for one in newest).timestamp()) % 2**31
    past = past_of(newest)
    issues = load_issues(conn, names, past.issued_at)
    kw = load_series_kw(conn, site, names, past.axis)
    joint = joint_scenarios(newest, issues, kw, checks=None, count=policy.drawn, seed=seed)
    first, each = (axis.start - joint.axis.start) // joint.axis.step, axis.step // joint.axis.step
    reached = joint.scenarios[..., first : first + axis.periods * each]  # (scenarios, names, intervals)
    means = reached.reshape(policy.drawn, len(names), axis.periods, each).mean(axis=-1)
    courses = [dict(zip(names, one, strict=True)) for one in means]
    scenarios = Scenarios(
        load_mw=np.array([loads_mw(site, course, axis.periods) for course in courses]),
        available_mw=np.array([available_mw(site, course, axis.periods) for course in courses]),
        weight=np.full(policy.drawn, 1.0 / policy.drawn),
        risk_weight=policy.risk_weight,
        risk_level=policy.risk_level,
        most=policy.most,
    )
    return scenarios, {"drawn": policy.drawn, "issues": joint.issues, "seed": seed}
