"""Which stored models can be read, told by their manifests alone: neither weights nor torch are needed for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMAT = 6
"""Raised when windows, networks, cores or seals change so that older models would be misread."""


class ModelRefusedError(ValueError):
    """A stored model cannot be trusted or read; the message says why and what to do."""


def check_format(model_id: str, manifest: Mapping[str, Any]) -> None:
    """Make sure that a model is of the format that is read here.

    Raises:
        ModelRefusedError: If its format is another one.
    """
    if manifest.get("format") != FORMAT:
        said = f"format must be {FORMAT}, got {manifest.get('format')!r}"
        raise ModelRefusedError(f"{model_id}: {said}; train a new model")
