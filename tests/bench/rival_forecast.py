"""One rival's forecast of one case: ``python rival_forecast.py METHOD CASE OUT LEVELS``; prints its CPU seconds."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

from rival_case import read_case


def main() -> None:
    method, folder, out, listed = sys.argv[1:]
    warnings.simplefilter("ignore")
    # Imported here: loading one takes seconds, which do not count, and none needs the others.
    if method == "LightGBM":
        from rival_lightgbm import forecast
    elif method in ("NHITS", "PatchTST"):
        from rival_networks import forecast
    else:
        from rival_statistics import forecast
    began = time.process_time()
    forecast(read_case(Path(folder)), [float(part) for part in listed.split(",")], kind=method).to_parquet(out)
    print(time.process_time() - began)


if __name__ == "__main__":
    main()
