"""CPU seconds that the rivals need for day-ahead forecasts of all series of a case, warm: ``rival_speed.py CASE``.

Features, frames and prediction count; training does not. NHITS is trained for a few steps: how good it is does not
matter here.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import rival_lightgbm
import rival_networks
from rival_case import read_case

REPEATS = 3


def main() -> None:
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    case = read_case(folder)
    levels = [float(part) for part in (folder / "quantiles.txt").read_text().split(",")]
    trees = rival_lightgbm.fit(case, levels)
    rival_networks.STEPS = 5
    network = rival_networks.fit(case, levels, kind="NHITS")
    rows = rival_networks.long_form(case)
    recent = rows[~rows["ahead"]].groupby("unique_id").tail(8 * case.day).drop(columns="ahead")
    ahead = rows[rows["ahead"]].drop(columns=["y", "ahead"])
    seconds: dict[str, list[float]] = {"LightGBM": [], "NHITS": []}
    for _ in range(REPEATS):
        began = time.process_time()
        features, scale, _ = rival_lightgbm.samples(case, np.array([case.origin]))
        trees.quantiles(features, scale)
        seconds["LightGBM"].append(time.process_time() - began)
        began = time.process_time()
        network.predict(df=recent, futr_df=ahead)
        seconds["NHITS"].append(time.process_time() - began)
    print(json.dumps({name: float(np.median(each)) for name, each in seconds.items()}))


if __name__ == "__main__":
    main()
