"""RTS-GMLC as published: its day-ahead series on its network, with the ratings that hold after an outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from api.demo.rts_units import thermal_unit
from grid.assets import RenewableKind, RenewablePlant
from grid.dispatch import DispatchProblem
from grid.network import Branch, Bus, DcLink, Network
from grid.time_axis import TimeAxis

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "rts_gmlc"
KINDS = {
    "PV": RenewableKind.SOLAR,
    "RTPV": RenewableKind.SOLAR,
    "WIND": RenewableKind.WIND,
    "HYDRO": RenewableKind.HYDRO,
}
THERMAL = ["CC", "CT", "NUCLEAR", "STEAM"]
SPINNING = 0.03


def secure_problem(day: str, *, hours: int, secure: bool) -> DispatchProblem:
    """``hours`` from midnight of ``day`` on: load by area, plants, 3 % spinning reserve, N-1 on every branch.

    The concentrating solar plant, the storage and the condensers are left out. Units are free before the first hour.
    """
    source = DATA / "source"
    bus, gen, branch = (pd.read_csv(source / f"{name}.csv") for name in ("bus", "gen", "branch"))
    series = pd.read_parquet(DATA / "day_ahead_hourly.parquet").set_index("timestamp")
    rows = series[pd.Timestamp(day) : pd.Timestamp(day) + timedelta(hours=hours - 1)]
    plants = gen[gen["Unit Type"].isin(KINDS) & gen["GEN UID"].isin(rows.columns)]
    area_load = {area: rows[f"load_area{area}"].to_numpy() for area in (1, 2, 3)}
    area_peak = bus.groupby("Area")["MW Load"].sum()
    load = np.array(
        [mw / area_peak[area] * area_load[area] for mw, area in zip(bus["MW Load"], bus["Area"], strict=True)]
    )
    return DispatchProblem(
        axis=TimeAxis(datetime.fromisoformat(day).replace(tzinfo=UTC), timedelta(hours=1), hours),
        network=Network(
            tuple(Bus(str(number)) for number in bus["Bus ID"]),
            tuple(
                Branch(
                    b["UID"], str(b["From Bus"]), str(b["To Bus"]), b["X"], b["Cont Rating"],
                    b["Tr Ratio"] or 1.0, b["R"], b["STE Rating"],
                )
                for _, b in branch.iterrows()
            ),
            (DcLink("DC1", "113", "316", 100.0),),
        ),
        thermal_units=tuple(thermal_unit(unit) for _, unit in gen[gen["Unit Type"].isin(THERMAL)].iterrows()),
        renewable_plants=tuple(
            RenewablePlant(
                p["GEN UID"], str(p["Bus ID"]), KINDS[p["Unit Type"]], p["PMax MW"], p["GEN UID"], 1.0,
                curtailable=p["Unit Type"] not in ("RTPV", "HYDRO"),
            )
            for _, p in plants.iterrows()
        ),
        storages=(),
        load_mw=load,
        available_mw=np.array([rows[name].to_numpy() for name in plants["GEN UID"]]),
        reserve_up_mw=SPINNING * load.sum(axis=0),
        reserve_down_mw=np.zeros(hours),
        initial={},
        initial_mwh={},
        secure=secure,
    )  # fmt: skip
