"""Sealed models: they come back as they went, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecasting.fitting import fit_load_model, fit_solar_model, split_in_time
from forecasting.models import LoadModel, SolarModel, predict_kw
from forecasting.registry import ModelRefusedError, SealedModel, export_model, import_model, seal, unseal
from forecasting.solar import Plant
from forecasting.training import TrainingOptions
from grid.forecasts import DEFAULT_LEVELS

TRAINED_AT = datetime(2008, 5, 10, tzinfo=UTC)
QUICK = TrainingOptions(max_steps=4, batch=16, check_every=4)


@pytest.fixture(scope="module")
def load_model(made: Any) -> LoadModel:
    split = split_in_time(made.load.axis.periods)
    model, _ = fit_load_model(
        made.load, weather_ids=["w"], split=split, levels=DEFAULT_LEVELS, periods=48, options=QUICK
    )
    return model


@pytest.fixture(scope="module")
def sealed(load_model: LoadModel) -> SealedModel:
    return seal(load_model, trained_at=TRAINED_AT, about={"scores": {"skill": 0.4}})


def answer(model: LoadModel | SolarModel, panel: Any) -> Any:
    rows, origins = np.zeros(2, dtype=np.int64), np.array([700, 901])
    return predict_kw(model.network, model.shifts, model.windows(panel), rows, origins)


def test_a_load_model_comes_back_the_same(made: Any, load_model: LoadModel, sealed: SealedModel) -> None:
    opened = unseal(sealed)
    assert isinstance(opened, LoadModel)
    np.testing.assert_array_equal(answer(opened, made.load), answer(load_model, made.load))


def test_a_solar_model_comes_back_the_same(made: Any) -> None:
    split = split_in_time(made.solar.axis.periods)
    plant = Plant(39.74, -75.18, 40.0, 170.0, 0.003, 3.4)
    model, _ = fit_solar_model(
        made.solar, plants=[plant], split=split, levels=DEFAULT_LEVELS, periods=48, options=QUICK
    )
    opened = unseal(seal(model, trained_at=TRAINED_AT, about={}))
    assert isinstance(opened, SolarModel)
    assert opened.plants == (plant,)
    np.testing.assert_array_equal(answer(opened, made.solar), answer(model, made.solar))


def test_the_manifest_is_plain_json_that_tells_what_the_model_is(sealed: SealedModel) -> None:
    assert json.loads(json.dumps(sealed.manifest)) == sealed.manifest
    assert sealed.manifest["model_id"] == sealed.model_id == f"load-20080510T0000Z-{sealed.manifest['sha256'][:10]}"
    assert sealed.manifest["scores"] == {"skill": 0.4}
    assert sealed.manifest["state"]["series_ids"] == ["m-0:load", "m-1:load"]


@pytest.mark.parametrize("position", [0, 9, 500, -1])
def test_one_changed_byte_is_noticed(sealed: SealedModel, position: int) -> None:
    changed = bytearray(sealed.weights)
    changed[position] ^= 1
    with pytest.raises(ModelRefusedError, match="SHA-256"):
        unseal(replace(sealed, weights=bytes(changed)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 99}, "format must be 1, got 99"),
        ({"kind": "solar"}, "kind must be one of load, solar"),
        ({"state": {}}, "do not fit"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(sealed: SealedModel, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelRefusedError, match=said):
        unseal(replace(sealed, manifest={**sealed.manifest, **change}))


def test_bytes_that_are_no_tensors_are_refused_even_with_their_hash(sealed: SealedModel) -> None:
    import hashlib

    pickle = b"\x80\x04cos\nsystem\n(S'true'\ntR."
    manifest = {**sealed.manifest, "sha256": hashlib.sha256(pickle).hexdigest()}
    with pytest.raises(ModelRefusedError, match="do not fit"):
        unseal(replace(sealed, weights=pickle, manifest=manifest))


def test_a_model_goes_out_to_a_folder_and_comes_back(sealed: SealedModel, tmp_path: Path) -> None:
    folder = export_model(sealed, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "weights.safetensors"]
    back = import_model(folder)
    assert (back.model_id, back.kind, back.manifest) == (sealed.model_id, "load", sealed.manifest)
    assert back.weights == sealed.weights


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match=r"weights\.safetensors and manifest\.json"):
        import_model(tmp_path)


def test_a_series_the_model_never_knew_is_named(made: Any, load_model: LoadModel) -> None:
    stranger = replace(made.load, series_ids=("m-0:load", "m-9:load"))
    with pytest.raises(ValueError, match="trained without m-9:load"):
        load_model.windows(stranger)
