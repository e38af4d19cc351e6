"""The demo's folder belongs to one demo at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.demo import state_folder
from api.demo.state_folder import sole_user
from grid.faults import InputError


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with sole_user(tmp_path), pytest.raises(InputError, match="another demo is running here"), sole_user(tmp_path):
        pass


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with sole_user(tmp_path / "new"):
            assert (tmp_path / "new" / "lock").exists()


def test_a_full_disk_is_named_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_folder, "FREE_BYTES_NEEDED", 10**18)
    with pytest.raises(InputError, match="--directory"), sole_user(tmp_path):
        pass


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"), sole_user(tmp_path / "file"):
        pass
