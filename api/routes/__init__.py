"""The routes of the API, one module per resource, each with a ``router``; they all stand under ``PREFIX``."""

from __future__ import annotations

PREFIX = "/api/v1"
