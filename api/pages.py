"""The dashboard, the page about the API, and their files: all ours, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def dashboard() -> FileResponse:
    """The board; it asks for a key in the browser."""
    return FileResponse(STATIC / "index.html", media_type="text/html")


@router.get("/docs")
async def reference() -> FileResponse:
    """The API's reference, drawn from ``/openapi.json``."""
    return FileResponse(STATIC / "docs.html", media_type="text/html")


def static_files() -> StaticFiles:
    """Scripts, styles and the chart library."""
    return StaticFiles(directory=STATIC)
