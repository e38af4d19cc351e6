"""Several processes train one network: as one process would with all of their windows."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from forecasting.team import joined

SCRIPT = Path(__file__).with_name("team_member.py")


def member() -> ModuleType:
    spec = importlib.util.spec_from_file_location("team_member", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_two_processes_train_as_one_with_twice_the_batch(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[2])}
    done = subprocess.run(
        [*torchrun, str(SCRIPT), str(tmp_path), "8"], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    first, second = (dict(np.load(tmp_path / f"{rank}.npz")) for rank in (0, 1))
    alone = member().trained(16)
    assert alone["losses"][1] < 0.9 * alone["losses"][0]
    np.testing.assert_array_equal(first["weights"], second["weights"])
    # Weights on which the answer does not hang, such as the bias of attention's keys, follow the rounding of sums.
    np.testing.assert_allclose(first["losses"], alone["losses"], rtol=1e-4)
    np.testing.assert_allclose(first["said"], alone["said"], atol=1e-3)


def test_who_starts_alone_is_a_team_of_one() -> None:
    with joined() as team:
        assert (team.rank, team.size, team.leads) == (0, 1, True)
