"""The walls of the code: which package may import which, and the habits that every file keeps."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("grid", "ingest", "forecasting", "api")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERYTHING = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py")])

MAY_IMPORT = {
    "grid": {"grid"},
    "grid.store": {"grid", "grid.store"},
    "ingest": {"grid", "grid.store", "ingest"},
    "forecasting": {"grid", "grid.store", "forecasting"},
    "api": {"grid", "grid.store", "ingest", "forecasting", "api"},
}
KEPT_OUT = {
    "grid": {"psycopg", "psycopg_pool", "kafka", "torch", "fastapi", "httpx", "uvicorn", "requests"},
    "grid.store": {"kafka", "torch", "fastapi", "httpx", "uvicorn"},
    "ingest": {"torch", "fastapi", "uvicorn"},
    "forecasting": {"kafka", "fastapi", "uvicorn"},
    "api": set(),
}
PLANNING = {
    "problem": set[str](),
    "formulation": {"problem"},
    "searching": {"formulation"},
    "explaining": {"problem", "formulation"},
    "checking": {"problem"},  # a check that used the optimiser's model would share its mistakes
    "cases": {"problem"},
    "power_flow": {"problem", "formulation", "cases"},
    "dispatch": {"problem", "formulation", "searching", "explaining", "checking"},
    "simulation": {"problem", "formulation", "dispatch"},
}
"""Which folders of ``grid`` a folder that plans may import, beside itself."""
FORECASTING = {
    "quantiles": set[str](),
    "series": set[str](),
    "networks": set[str](),
    "members": {"quantiles", "series", "networks"},
    "load": {"quantiles", "series", "networks", "members"},
    "sun": {"quantiles", "series", "networks", "members"},
    "engine": {"quantiles", "series", "networks", "members", "load", "sun"},
    "explaining": {"series", "members", "engine"},
    "files": {"quantiles", "series", "members", "sun", "engine", "explaining"},
    "judging": {"quantiles", "series", "networks", "members", "engine"},
    "site": {"quantiles", "series", "networks", "members", "load", "sun", "engine", "explaining", "judging"},
}
"""The same of ``forecasting``."""
ROOMS = {"grid": PLANNING, "forecasting": FORECASTING}
LINE_LIMIT = 350


def layer_of(module: str) -> str:
    """The layer a dotted module name belongs to: its top package, with ``grid.store`` apart from ``grid``."""
    if module == "grid.store" or module.startswith("grid.store."):
        return "grid.store"
    return module.split(".")[0]


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, *, at_import_only: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of every import; relative ones resolved; ``if TYPE_CHECKING`` counts as well.

    Args:
        at_import_only: Leave out the imports that stand inside functions.
    """
    tree = ast.parse(path.read_text(), filename=str(path))
    inside_functions = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    package = module_of(path).split(".") if path.name == "__init__.py" else module_of(path).split(".")[:-1]
    for node in ast.walk(tree):
        if at_import_only and id(node) in inside_functions:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            base = base if node.level else (node.module or "")
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield node.lineno, whole if is_module(whole) else base


def is_module(name: str) -> bool:
    """Whether a dotted name is a file or folder of ours, so that ``from grid import store`` counts as grid.store."""
    path = ROOT.joinpath(*name.split("."))
    return name.split(".")[0] in PACKAGES and (path.with_suffix(".py").exists() or path.is_dir())


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_the_four_packages_hold_code() -> None:
    for package in PACKAGES:
        assert sum(path.stat().st_size for path in SOURCES if path.is_relative_to(ROOT / package)) > 1000, package


def test_imports_follow_the_arrows() -> None:
    against = [
        f"{place(path, line)} imports {name}"
        for path in SOURCES
        for line, name in imports_of(path)
        if name.split(".")[0] in PACKAGES and layer_of(name) not in MAY_IMPORT[layer_of(module_of(path))]
    ]
    assert against == []


@pytest.mark.parametrize("package", ROOMS)
def test_rooms_follow_arrows_of_their_own(package: str) -> None:
    rooms = ROOMS[package]
    against = [
        f"{place(path, line)} imports {name}"
        for folder, allowed in rooms.items()
        for path in (ROOT / package / folder).rglob("*.py")
        for line, name in imports_of(path)
        if name.startswith(f"{package}.") and name.split(".")[1] in rooms.keys() - allowed - {folder}
    ]
    assert against == []


@pytest.mark.parametrize("package", ROOMS)
def test_no_modules_of_rooms_need_each_other(package: str) -> None:
    """Imports for annotations alone count as well: two modules that need each other are one, or lack a third."""
    modules = {module_of(path): path for folder in ROOMS[package] for path in (ROOT / package / folder).rglob("*.py")}
    needs = {module: modules.keys() & {name for _, name in imports_of(path)} for module, path in modules.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(f"these need each other: {' <- '.join(error.args[1])}")


def test_every_file_of_forecasting_has_its_room() -> None:
    outside = {path.name for path in (ROOT / "forecasting").glob("*.py")}
    assert outside == {"__init__.py", "nouns.py"}
    assert {path.parent.name for path in (ROOT / "forecasting").glob("*/*.py")} == set(FORECASTING)


def test_only_what_serves_a_site_meets_the_store() -> None:
    against = [
        f"{place(path, line)} imports {name}"
        for path in (ROOT / "forecasting").rglob("*.py")
        for line, name in imports_of(path)
        if layer_of(name) == "grid.store" and path.parent.name != "site"
    ]
    assert against == []


def test_each_layer_stays_free_of_the_libraries_it_must_run_without() -> None:
    against = [
        f"{place(path, line)} imports {name}"
        for path in SOURCES
        for line, name in imports_of(path)
        if name.split(".")[0] in KEPT_OUT[layer_of(module_of(path))]
    ]
    assert against == []


def test_forecasting_meets_the_database_in_its_edge_module_alone() -> None:
    touching = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if layer_of(module_of(path)) == "forecasting"
        for _, name in imports_of(path)
        if layer_of(name) == "grid.store" or layer_of(name) in {"psycopg", "psycopg_pool"}
    }
    assert len(touching) <= 2, f"the database is known to {sorted(touching)}; keep it in the edge module"


def test_routes_load_without_torch_and_the_optimiser_without_database_or_web() -> None:
    """Follow the imports that run when a module is loaded, through our own modules."""
    reach = {
        "api.app": {"torch"},
        "grid.dispatch": {"torch", "psycopg", "fastapi", "kafka"},
        "forecasting": {"psycopg", "kafka", "fastapi"},
        "ingest": {"torch", "fastapi"},
    }
    loaded: dict[str, set[str]] = {}
    for path in SOURCES:
        loaded[module_of(path)] = {name for _, name in imports_of(path, at_import_only=True)}
    for start, forbidden in reach.items():
        seen: set[str] = set()
        queue = [start]
        while queue:
            module = queue.pop()
            if module in seen:
                continue
            seen.add(module)
            for name in loaded.get(module, set()):
                queue.extend([name, *(".".join(name.split(".")[:i]) for i in range(1, len(name.split("."))))])
        assert start in loaded, f"{start} is gone"
        found = forbidden & {module.split(".")[0] for module in seen}
        assert not found, f"loading {start} loads {sorted(found)}"


def test_nothing_but_safe_formats_is_loaded() -> None:
    against = []
    for path in EVERYTHING:
        against += [
            f"{place(path, line)} imports {name}"
            for line, name in imports_of(path)
            if name.split(".")[0] in {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}
        ]
        against += [
            f"{place(path, node.lineno)} uses {ast.unparse(node)}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"torch.load", "torch.save", "pd.read_pickle"}
        ]
    assert against == []


NAIVE_CALLS = {"datetime.utcnow", "datetime.utcfromtimestamp", "datetime.today", "date.today"}


def test_no_instant_is_naive() -> None:
    against = []
    for path in EVERYTHING:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            called = ".".join(called.split(".")[-2:])
            without_zone = called in {"datetime.now", "datetime.fromtimestamp"} and not (
                len(node.args) > (called == "datetime.fromtimestamp") or any(k.arg == "tz" for k in node.keywords)
            )
            if called in NAIVE_CALLS or without_zone:
                against.append(f"{place(path, node.lineno)} calls {ast.unparse(node)}")
    assert against == []


def test_pure_code_never_reads_the_wall_clock() -> None:
    """The present is an argument; only the store, the workers and the API may look at a clock."""
    against = [
        f"{place(path, node.lineno)} calls {ast.unparse(node)}"
        for path in SOURCES
        if layer_of(module_of(path)) in {"grid", "forecasting"}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"datetime.now", "time.time", "pd.Timestamp.now"}
    ]
    assert against == []


def test_files_stay_readable_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in EVERYTHING
        if (lines := len(path.read_text().splitlines())) > LINE_LIMIT
    }
    assert long == {}


def test_no_module_is_a_drawer_of_leftovers() -> None:
    drawers = re.compile(r"(^|_)(utils?|common|helpers?|misc|shared)$")
    names = [part for path in EVERYTHING for part in path.relative_to(ROOT).with_suffix("").parts]
    assert [name for name in names if drawers.search(name)] == []


def test_tests_hold_no_packages() -> None:
    assert [str(path) for path in (ROOT / "tests").rglob("__init__.py")] == []


def test_every_folder_two_levels_deep_at_most() -> None:
    deep = {str(path.parent.relative_to(ROOT)) for path in SOURCES if len(path.relative_to(ROOT).parts) > 3}
    assert deep == set()


def public_definitions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes at the top of a module."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_public_says_what_it_is(package: str) -> None:
    silent = [
        f"{place(path, node.lineno)} {node.name}"
        for path in SOURCES
        if path.is_relative_to(ROOT / package)
        for node in public_definitions(path)
        if not ast.get_docstring(node)
    ]
    silent += [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.is_relative_to(ROOT / package) and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_names_its_public_words(package: str) -> None:
    """``__all__`` of a package names only what exists there."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text())
    names = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    bound = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for listed in names:
        assert set(listed) <= bound | {path.stem for path in (ROOT / package).iterdir()}


def tracked_text_files() -> Iterator[tuple[str, str]]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:8192]:
            yield name, path.read_text(errors="replace")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_tracked_file_names_a_machine_path_or_holds_more_than_a_mebibyte() -> None:
    homes = re.compile(r"(?<![\w.$}/])/(work|root|farm|home/\w+|Users/\w+)/\w")
    against = []
    for name, text in tracked_text_files():
        against += [f"{name}: {found.group()}" for found in homes.finditer(text)]
        if len(text) > 1024 * 1024:
            against.append(f"{name}: {len(text)} characters")
    assert against == []
