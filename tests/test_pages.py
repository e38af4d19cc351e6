"""The README and the pages under docs/ speak of commands, options, routes and files that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from api.app import create_app
from api.cli import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = {path.name: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
COMMANDS: Any = typer.main.get_command(app)
CALL = re.compile(r"\bgridpilot ((?:[a-z-]+|--?[a-z-]+|[a-z]+(?:\\?\|[a-z]+)+)(?: [^`&;\n#(,]*)?)")


def calls(text: str) -> list[list[str]]:
    """Every call of the command line that stands in code, as words."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^(?: {4}|\s*\$ )(.+)$", text, flags=re.MULTILINE)
    return [match[1].replace("\\", "").split() for line in code for match in CALL.finditer(line)]


def fault_of(words: list[str]) -> str:
    """What does not exist in a call; empty if all of it does."""
    group, rest = COMMANDS, list(words)
    while hasattr(group, "commands") and rest:
        for name in rest[0].split("|"):
            if name not in group.commands:
                return f"no command {name!r} in gridpilot {' '.join(words)}"
        group, rest = group.commands[rest[0].split("|")[0]], rest[1:]
    known = {option for parameter in group.params for option in parameter.opts}
    unknown = {word.strip("[]") for word in rest if word.strip("[]").startswith("--")} - known
    return f"no option {unknown} in gridpilot {' '.join(words)}" if unknown else ""


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_command_and_option_exists(name: str) -> None:
    found = [words for words in calls(PAGES[name]) if not words[0].startswith("-")]
    assert [fault for words in found if (fault := fault_of(words))] == []


def test_commands_in_the_readme_are_found() -> None:
    assert len(calls(PAGES["README.md"])) > 10
    assert fault_of(["demo", "--never"])
    assert fault_of(["keys", "forge"])


def test_every_command_stands_in_the_readme() -> None:
    told = {word for words in calls(PAGES["README.md"]) for word in words[0].split("|")}
    told |= set(re.findall(r"`([a-z]+)`", PAGES["README.md"]))
    assert set(COMMANDS.commands) - told == set()


def test_every_route_that_the_pages_name_exists() -> None:
    paths = create_app(database_url="postgresql://nobody@localhost/none").openapi()["paths"]
    routes = {re.sub(r"{\w+}", "{}", path) for path in paths}  # whatever a page calls the id
    named = {
        re.sub(r"{\w+}", "{}", path)
        for text in PAGES.values()
        for path in re.findall(r"(?:GET |POST |`)(/(?:api/v1|health|metrics)[a-z_{}/-]*)", text)
        if path != "/api/v1"
    }
    assert named
    assert named - routes == set()


def test_the_way_of_a_reading_leads_through_names_that_exist() -> None:
    (way,) = re.findall(r"`(decode_reading →[^`]+)`", PAGES["README.md"])
    names = re.split(r"\s*→\s*", way)
    code = "\n".join(path.read_text() for package in ("grid", "ingest", "forecasting") for path in _modules(package))
    defined = set(re.findall(r"^(?:class|def) (\w+)", code, flags=re.MULTILINE))
    assert len(names) > 10
    assert set(names) - defined == set()


def _modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def anchor(heading: str) -> str:
    """What GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_link_between_the_pages_leads_somewhere(name: str) -> None:
    folder = ROOT if name == "README.md" else ROOT / "docs"
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", PAGES[name]):
        file, _, place = link.partition("#")
        page = folder / file if file else folder / name
        assert page.exists(), link
        if place:
            headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
            assert place in {anchor(heading) for heading in headings}, link
