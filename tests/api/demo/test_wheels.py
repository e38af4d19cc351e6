"""The downloads here are real pip runs against a folder of wheels instead of an index: no network."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from api.demo.wheels import Wheel, fetch_wheel, read_member
from grid.faults import InputError

METADATA = "Metadata-Version: 2.1\nName: demodata\nVersion: 1.0\n"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def wheel(index: Path) -> Wheel:
    path = index / "demodata-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demodata/numbers.csv", "a,b\n1,2\n")
        archive.writestr("demodata-1.0.dist-info/METADATA", METADATA)
        archive.writestr("demodata-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("demodata-1.0.dist-info/RECORD", "")
    return Wheel("demodata", "1.0", path.name, hashlib.sha256(path.read_bytes()).hexdigest(), "two numbers")


def test_wheel_is_fetched_once_and_read_without_importing(wheel: Wheel, index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "new" / "cache"
    path = fetch_wheel(wheel, cache)
    assert read_member(path, "demodata/numbers.csv") == b"a,b\n1,2\n"
    (index / wheel.filename).unlink()
    assert fetch_wheel(wheel, cache) == path
    assert [entry.name for entry in cache.iterdir()] == [wheel.filename]


def test_damaged_wheel_in_the_cache_is_fetched_again(wheel: Wheel, tmp_path: Path) -> None:
    (tmp_path / wheel.filename).write_bytes(b"half a whe")
    path = fetch_wheel(wheel, tmp_path)
    assert read_member(path, "demodata/numbers.csv") == b"a,b\n1,2\n"


def test_wheel_with_another_hash_is_refused_and_not_kept(wheel: Wheel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"wheel demodata 1\.0 \(two numbers\): .*another sha256"):
        fetch_wheel(replace(wheel, sha256="0" * 64), tmp_path)
    assert not (tmp_path / wheel.filename).exists()


def test_unreachable_index_names_the_wheel_and_the_way_out(index: Path, tmp_path: Path) -> None:
    missing = Wheel("demodata", "2.0", "demodata-2.0-py3-none-any.whl", "0" * 64, "two numbers")
    with pytest.raises(InputError) as caught:
        fetch_wheel(missing, tmp_path / "cache")
    (fault,) = caught.value.faults
    assert "demodata 2.0" in fault.place
    assert "cannot be downloaded" in fault.problem
    assert "by hand" in fault.remedy


def test_unusable_cache_folder_names_the_setting(wheel: Wheel, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(InputError, match="GRIDPILOT_CACHE_DIR"):
        fetch_wheel(wheel, tmp_path / "cache")


def test_full_disk_says_so(wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("api.demo.wheels._download", full)
    with pytest.raises(InputError, match="No space left on device; make room"):
        fetch_wheel(wheel, tmp_path)


def test_missing_member_is_named(wheel: Wheel, index: Path) -> None:
    with pytest.raises(InputError, match=r"demodata/absent\.csv"):
        read_member(index / wheel.filename, "demodata/absent.csv")
