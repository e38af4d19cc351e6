"""Several processes train one network: as one process would with all of their windows."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from forecasting.networks.team import joined

SCRIPT = Path(__file__).with_name("team_member.py")


def member() -> ModuleType:
    spec = importlib.util.spec_from_file_location("team_member", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, np.ndarray]]:
    """What each of two processes made."""
    folder = tmp_path_factory.mktemp("team")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(SCRIPT.parents[3]),
    }
    done = subprocess.run(
        [*torchrun, str(SCRIPT), str(folder), "8"], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return [dict(np.load(folder / f"{rank}.npz")) for rank in (0, 1)]


def test_two_processes_train_as_one_with_twice_the_batch(both: list[dict[str, np.ndarray]]) -> None:
    first, second = both
    alone = member().trained(16)
    assert alone["losses"][1] < 0.9 * alone["losses"][0]
    np.testing.assert_array_equal(first["weights"], second["weights"])
    # Weights on which the answer does not hang, such as the bias of attention's keys, follow the rounding of sums.
    np.testing.assert_allclose(first["losses"], alone["losses"], rtol=1e-4)
    np.testing.assert_allclose(first["said"], alone["said"], atol=1e-3)


def test_processes_that_read_other_values_still_make_one_network(both: list[dict[str, np.ndarray]]) -> None:
    np.testing.assert_array_equal(both[0]["corrected"], both[1]["corrected"])


def test_processes_with_other_windows_all_refuse(both: list[dict[str, np.ndarray]]) -> None:
    for made in both:
        assert "differ in their windows" in str(made["refused"])


def test_the_present_is_that_of_the_first_process(both: list[dict[str, np.ndarray]]) -> None:
    assert {str(made["instant"]) for made in both} == {"2026-11-22T13:00:00.123457+00:00"}


def test_no_thread_of_the_team_outlives_it(both: list[dict[str, np.ndarray]]) -> None:
    for made in both:
        assert any("gloo" in name for name in made["threads"])
        assert not any("gloo" in name for name in made["threads_after"])


def test_who_starts_alone_is_a_team_of_one() -> None:
    with joined() as team:
        assert (team.rank, team.size, team.leads) == (0, 1, True)
