"""A short round of the fault harness; ``make bench`` runs the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent.parent / "bench" / "bench_faults.py"


@pytest.mark.parametrize("ownership", ["lease", "group"])
def test_whatever_is_killed_crashed_or_cut_every_value_is_counted_once(ownership: str) -> None:
    command = [sys.executable, str(HARNESS), "--short", "--ownership", ownership, "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "every value was counted once" in done.stdout
