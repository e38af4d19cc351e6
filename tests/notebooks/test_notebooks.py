"""Notebooks are kept without output, and run whole against a live API on a small real database."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import psycopg
import pytest
from nbclient import NotebookClient

from api.demo.telemetry import DEMO_START
from forecasting.site.service import ForecastService

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_without_output(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert len(cells) > 5
    assert [cell for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []


def shown(notebook: Any, kind: str) -> list[str]:
    """Everything of one MIME type that the cells show."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


@pytest.mark.chain
def test_first_look_shows_readings_forecasts_the_plan_and_its_reasons(
    chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(chain.database_url) as conn:  # an older issue, so that there is something to score
        ForecastService().forecast(conn, chain.site, issued_at=DEMO_START - timedelta(hours=4))
    monkeypatch.setenv("GRIDPILOT_URL", chain.url)
    monkeypatch.setenv("GRIDPILOT_KEY", chain.key)
    notebook = nbformat.read(ROOT / "notebooks" / "first_look.ipynb", as_version=4)

    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()

    assert len(shown(notebook, "image/png")) == 5
    tables = "\n".join(shown(notebook, "text/plain"))
    (load,) = re.findall(r"^site:load +4 .*", tables, re.MULTILINE)
    assert "NaN" not in load
    for wanted in ("site:load", "zone-1:load", "pv-50:generation", "skill", "champion", "313_STORAGE_1"):
        assert wanted in tables
    said = "\n".join(
        output.text for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "stream"
    )
    assert "RTS-GMLC" in said
    assert "of the optimum" in said
