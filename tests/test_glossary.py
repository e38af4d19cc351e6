"""Every word that an outsider meets stands in the glossary: columns of tables and views, settings, quality bits."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from pydantic_settings import BaseSettings

import api.settings
from api.settings import PREFIX
from grid.readings import Quality
from grid.units import STORED_UNIT, Channel

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
EXPLAINED = {
    word
    for row in re.findall(r"^\| (`[^|]+`) +\| [^|]{3,}", GLOSSARY, flags=re.MULTILINE)
    for word in re.findall(r"`([^`]+)`", row)
}
FIELDS = [
    (PREFIX + name.upper(), field)
    for kind in vars(api.settings).values()
    if isinstance(kind, type) and issubclass(kind, BaseSettings)
    for name, field in kind.model_fields.items()
]
SETTINGS = dict(sorted(FIELDS, key=lambda item: item[1].is_required()))  # required wins


def test_every_column_of_every_table_and_view_is_explained(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        rows = conn.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    assert len(rows) > 50
    assert {f"{table}.{column}" for table, column in rows if column not in EXPLAINED} == set()


def test_every_table_and_view_is_explained(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        rows = conn.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'").fetchall()
    assert {name for (name,) in rows if name not in EXPLAINED} == set()


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_stands_in_the_readme_with_its_default(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| ([^|]*) \| ([^|]*) \|$", README, flags=re.MULTILINE)
    assert row, f"the settings table of the README has no row for {name}"
    field = SETTINGS[name]
    if field.is_required():
        assert row[1].strip() == "required"
    elif field.default_factory is None:
        shown = "" if field.default is None else f"`{field.default}`"
        assert row[1].strip() == shown, f"{name}: the default is {field.default}"


def test_the_readme_lists_no_setting_that_does_not_exist() -> None:
    assert set(re.findall(rf"^\| `({PREFIX}\w+)` ", README, flags=re.MULTILINE)) == set(SETTINGS)


@pytest.mark.parametrize("bit", list(Quality))
def test_every_quality_bit_stands_in_the_readme(bit: Quality) -> None:
    assert re.search(rf"^\| {bit.value} \| `{bit.name}` \| [^|]{{3,}}", README, flags=re.MULTILINE)


@pytest.mark.parametrize("channel", list(Channel))
def test_every_channel_stands_in_the_readme_with_its_stored_unit(channel: Channel) -> None:
    unit = STORED_UNIT[channel]
    assert re.search(rf"^\| `{channel.value}` \|.*\| {re.escape(unit)} \|$", README, flags=re.MULTILINE)


def test_every_file_that_the_pages_point_at_exists() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if not target.startswith("http") and not (page.parent / target).exists()
    ]
    assert broken == []
