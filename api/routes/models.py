"""Models: which there are, and which one speaks."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path

from api.auth import ModelKeeper, Reader
from api.problems import Problem, not_found, problems
from api.schemas import DriftDocument, ModelDocument
from api.service import Database
from forecasting.engine.format import ModelRefusedError, check_format
from grid.store.audit import key_actor
from grid.store.models import StoredModel, UnknownModelError, list_models, promote, roll_back
from grid.store.scores import StoredDrift, load_drifts

router = APIRouter(prefix="/models", tags=["models"])


@router.get("", responses=problems(401, 403, 503), summary="Every model")
def get_models(caller: Reader, conn: Database) -> list[ModelDocument]:
    """Champions, challengers and retired ones, each with its manifest; the newest first. Champions tell their drift."""
    drifts = {drift.model_id: drift for drift in load_drifts(conn).values()}
    return [_document(model, drifts.get(model.model_id)) for model in list_models(conn)]


@router.post(
    "/{model_id}/promote", responses=problems(401, 403, 404, 409, 422, 503), summary="Make a model the champion"
)
def promote_model(
    caller: ModelKeeper, conn: Database, model_id: Annotated[str, Path(max_length=200, description="Which model.")]
) -> ModelDocument:
    """It speaks for its kind from the next forecast on; the former champion retires and can be promoted again."""
    try:
        with conn.transaction():
            champion = promote(conn, model_id, actor=key_actor(caller.name))
            check_format(champion.model_id, champion.manifest)
    except UnknownModelError as error:
        raise not_found("model", model_id, remedy="GET /api/v1/models lists them") from error
    except ModelRefusedError as error:
        raise Problem(409, "model-refused", f"it could not speak: {error}") from error
    return _document(champion)


@router.post("/{kind}/rollback", responses=problems(401, 403, 409, 422, 503), summary="Back to the champion before")
def roll_back_model(
    caller: ModelKeeper, conn: Database, kind: Annotated[Literal["load", "solar"], Path(description="Of which kind.")]
) -> ModelDocument:
    """The champion before the present one speaks again from the next forecast on; twice returns to the present one."""
    try:
        with conn.transaction():
            champion = roll_back(conn, kind, actor=key_actor(caller.name))
            check_format(champion.model_id, champion.manifest)
    except UnknownModelError as error:
        raise Problem(409, "no-earlier-champion", str(error)) from error
    except ModelRefusedError as error:
        raise Problem(409, "model-refused", f"the champion before could not speak: {error}") from error
    return _document(champion)


def _document(model: StoredModel, drift: StoredDrift | None = None) -> ModelDocument:
    told = None
    if drift is not None:
        worst = sorted(name for name, one in drift.document.items() if one["declared"] and name != "*")
        told = DriftDocument(checked_at=drift.checked_at, drifted_series=worst, **drift.document["*"])
    manifest = {name: value for name, value in model.manifest.items() if name != "promise"}  # long, and told by drift
    document = ModelDocument.model_validate(model, from_attributes=True)
    return document.model_copy(update={"manifest": manifest, "drift": told})
