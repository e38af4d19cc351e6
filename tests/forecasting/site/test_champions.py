"""Which model speaks, as far as its manifest tells."""

from __future__ import annotations

from forecasting.site.champions import Champions, Promoted


def never() -> bytes:
    raise AssertionError("weights of a format that cannot be read were fetched")


def test_weights_of_another_format_are_never_fetched() -> None:
    champions = Champions()
    promoted = [Promoted(name, {"format": 1, "kind": "load"}, name == "new", never) for name in ("new", "old")]
    found = champions.of("load", promoted)
    assert found.model is None
    assert found.reason == champions.refused["load"]
    assert "new: format must be" in champions.refused["load"]
    assert "train a new model" in champions.refused["load"]
