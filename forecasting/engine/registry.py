"""Sealing a model into bytes and opening it again: safetensors weights beside a JSON manifest that carries their hash.

Neither can run code when it is read. All that speaks lies under the hash: what is no tensor is JSON in one, so that the
manifest only tells about the model. A model whose bytes do not match its manifest, or whose manifest is of another
format, is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors

from forecasting.engine.format import FORMAT, ModelRefusedError, check_format
from forecasting.engine.model import TrainedModel

_STATE = "state"
"""The tensor of bytes that holds, as JSON, what else must be known to read the others."""
WEIGHTS_FILE, MANIFEST_FILE = "weights.safetensors", "manifest.json"
_KINDS = ("load", "solar")


@dataclass(frozen=True, slots=True, eq=False)
class SealedModel:
    """A model as it is stored.

    Attributes:
        kind: ``load`` or ``solar``.
        manifest: JSON object; holds ``sha256`` of the weights.
        weights: safetensors.
    """

    model_id: str
    kind: str
    manifest: dict[str, Any]
    weights: bytes


def seal(model: TrainedModel, *, trained_at: datetime, about: dict[str, Any]) -> SealedModel:
    """Turn a model into bytes and a manifest.

    Args:
        trained_at: The site's instant at which it was trained (data clock); part of its id.
        about: What else the manifest should tell: data window, scores, seed, options.
    """
    kind = model.kind
    tensors, state = model.state()
    weights = write_tensors({**tensors, _STATE: _bytes_of(state)})
    digest = hashlib.sha256(weights).hexdigest()
    model_id = f"{kind}-{trained_at:%Y%m%dT%H%MZ}-{digest[:10]}"
    manifest = {
        "format": FORMAT,
        "model_id": model_id,
        "kind": kind,
        "weights": {name: blend.weights for name, blend in zip(model.series_ids, model.blends, strict=True)},
        "trained_at": trained_at.isoformat(),
        "sha256": digest,
        "parameters": sum(value.numel() for value in tensors.values()),
        **about,
    }
    # What is stored is what a reader will get back: plain JSON, nothing that only Python knows.
    return SealedModel(model_id, kind, json.loads(json.dumps(manifest, allow_nan=False)), weights)


def unseal(sealed: SealedModel) -> TrainedModel:
    """Open a sealed model.

    Raises:
        ModelRefusedError: If format, kind or hash are not what they must be, or the tensors do not fit.
    """
    name, manifest = sealed.model_id, sealed.manifest
    check_format(name, manifest)
    if sealed.kind not in _KINDS or manifest.get("kind") != sealed.kind:
        raise ModelRefusedError(
            f"{name}: kind must be one of {', '.join(_KINDS)} in record and manifest,"
            f" got {sealed.kind!r} and {manifest.get('kind')!r}; train a new model"
        )
    digest = hashlib.sha256(sealed.weights).hexdigest()
    if digest != manifest.get("sha256"):
        raise ModelRefusedError(
            f"{name}: the weights' SHA-256 must be {manifest.get('sha256')}, got {digest};"
            " they were changed after training: restore them or train a new model"
        )
    try:
        tensors = read_tensors(sealed.weights)
        state = json.loads(tensors.pop(_STATE).numpy().tobytes())
        return TrainedModel.from_state(tensors, state)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelRefusedError(f"{name}: its weights cannot be read: {error}; train a new model") from error


def _bytes_of(state: dict[str, Any]) -> torch.Tensor:
    return torch.frombuffer(bytearray(json.dumps(state, allow_nan=False).encode()), dtype=torch.uint8)


def export_model(sealed: SealedModel, folder: Path) -> Path:
    """Write ``<folder>/<model_id>/`` with the weights and the manifest; returns that folder."""
    target = folder / sealed.model_id
    target.mkdir(parents=True, exist_ok=True)
    (target / WEIGHTS_FILE).write_bytes(sealed.weights)
    (target / MANIFEST_FILE).write_text(json.dumps(sealed.manifest, indent=2, sort_keys=True) + "\n")
    return target


def import_model(folder: Path) -> SealedModel:
    """Read what :func:`export_model` wrote, and check that it opens.

    Raises:
        ModelRefusedError: If a file is missing or not JSON, or :func:`unseal` refuses the model.
    """
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text())
        weights = (folder / WEIGHTS_FILE).read_bytes()
        sealed = SealedModel(str(manifest["model_id"]), str(manifest["kind"]), manifest, weights)
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelRefusedError(
            f"{folder}: must hold {WEIGHTS_FILE} and {MANIFEST_FILE} of an exported model: {error}"
        ) from error
    unseal(sealed)
    return sealed
