"""Sealed models: they come back as they went, and nothing else does."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save as write_tensors

from forecasting.engine.format import FORMAT, ModelRefusedError
from forecasting.engine.model import TrainedModel, ask_now
from forecasting.engine.registry import SealedModel, export_model, import_model, seal, unseal
from forecasting.judging.contest import hold_contest
from forecasting.members.course import Course
from forecasting.series.request import FileSeries
from grid.forecasts import DEFAULT_LEVELS

TRAINED_AT = datetime(2008, 5, 10, tzinfo=UTC)
QUICK = Course(share=0.03, seed=1)


def trained(series: list[FileSeries], kind: str) -> TrainedModel:
    weather = ["w"] * len(series)
    return hold_contest(series, weather, kind=kind, levels=DEFAULT_LEVELS, course=QUICK, champion=None).model


@pytest.fixture(scope="module")
def load_model(made: Any) -> TrainedModel:
    return trained(made.load_series, "load")


@pytest.fixture(scope="module")
def sealed(load_model: TrainedModel) -> SealedModel:
    return seal(load_model, trained_at=TRAINED_AT, about={"scores": {"skill": 0.4}})


def answer(model: TrainedModel, series: list[FileSeries]) -> Any:
    return ask_now(model, {one.series_id: one for one in series}, levels=DEFAULT_LEVELS)


def test_a_load_model_comes_back_the_same(made: Any, load_model: TrainedModel, sealed: SealedModel) -> None:
    opened = unseal(sealed)
    before, after = answer(load_model, made.load_series), answer(opened, made.load_series)
    assert set(before) == {"m-0:load", "m-1:load"}
    for name, quantiles in before.items():
        np.testing.assert_array_equal(after[name], quantiles)
    assert {"lstm", "regression", "boosted-trees"} <= set(sealed.manifest["weights"]["m-0:load"])


def test_a_solar_model_comes_back_the_same(made: Any) -> None:
    model = trained(made.solar_series, "solar")
    opened = unseal(seal(model, trained_at=TRAINED_AT, about={}))
    assert opened.parts.plants == model.parts.plants  # type: ignore[union-attr]
    (before,), (after,) = (answer(one, made.solar_series).values() for one in (model, opened))
    np.testing.assert_array_equal(after, before)


def test_the_manifest_is_plain_json_that_tells_what_the_model_is(sealed: SealedModel) -> None:
    assert json.loads(json.dumps(sealed.manifest)) == sealed.manifest
    assert sealed.manifest["model_id"] == sealed.model_id == f"load-20080510T0000Z-{sealed.manifest['sha256'][:10]}"
    assert sealed.manifest["scores"] == {"skill": 0.4}
    assert list(sealed.manifest["weights"]) == ["m-0:load", "m-1:load"]
    assert sum(sealed.manifest["weights"]["m-1:load"].values()) == pytest.approx(1.0)


@pytest.mark.parametrize("position", [0, 9, 500, -1])
def test_one_changed_byte_is_noticed(sealed: SealedModel, position: int) -> None:
    changed = bytearray(sealed.weights)
    changed[position] ^= 1
    with pytest.raises(ModelRefusedError, match="SHA-256"):
        unseal(replace(sealed, weights=bytes(changed)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 99}, f"format must be {FORMAT}, got 99"),
        ({"kind": "solar"}, "kind must be one of load, solar"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(sealed: SealedModel, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelRefusedError, match=said):
        unseal(replace(sealed, manifest={**sealed.manifest, **change}))


def test_the_hash_lies_over_all_that_speaks_not_over_tensors_alone(sealed: SealedModel) -> None:
    share = next(iter(sealed.manifest["weights"]["m-0:load"].values()))
    there = repr(share).encode()
    assert there in sealed.weights
    with pytest.raises(ModelRefusedError, match="SHA-256"):
        unseal(replace(sealed, weights=sealed.weights.replace(there, there[:-1] + b"0")))


def test_tensors_without_a_state_are_refused(sealed: SealedModel) -> None:
    weights = write_tensors({"other": torch.zeros(3)})
    manifest = {**sealed.manifest, "sha256": hashlib.sha256(weights).hexdigest()}
    with pytest.raises(ModelRefusedError, match="cannot be read: 'state'"):
        unseal(replace(sealed, weights=weights, manifest=manifest))


def test_bytes_that_are_no_tensors_are_refused_even_with_their_hash(sealed: SealedModel) -> None:
    pickle = b"\x80\x04cos\nsystem\n(S'true'\ntR."
    manifest = {**sealed.manifest, "sha256": hashlib.sha256(pickle).hexdigest()}
    with pytest.raises(ModelRefusedError, match="cannot be read"):
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


def test_a_series_the_model_never_knew_is_not_answered_for(made: Any, load_model: TrainedModel) -> None:
    stranger = replace(made.load_series[0], series_id="m-9:load")
    told = answer(load_model, [made.load_series[1], stranger])
    assert list(told) == ["m-1:load"]
    np.testing.assert_allclose(told["m-1:load"], answer(load_model, made.load_series)["m-1:load"], rtol=1e-5)
    assert answer(load_model, [stranger]) == {}
