from __future__ import annotations

import pytest

from grid.readings import Quality
from grid.validation import RULES, explain
from grid.validation.reasons import DOUBTING, REJECTING


def test_every_bit_is_explained_once() -> None:
    everything = explain(sum(Quality))
    assert [reason.bit for reason in everything].sort() == list(Quality).sort()
    assert len(everything) == len({reason.name for reason in everything}) == len(Quality)


@pytest.mark.parametrize("reason", explain(sum(Quality)), ids=lambda reason: reason.name)
def test_every_reason_says_what_was_seen_and_what_to_do(reason: object) -> None:
    assert reason.name == reason.bit.name.lower()  # type: ignore[attr-defined]
    assert reason.seen.endswith(".")  # type: ignore[attr-defined]
    assert reason.remedy.endswith(".")  # type: ignore[attr-defined]


def test_mask_is_explained_by_what_the_value_is_and_then_why() -> None:
    names = [reason.name for reason in explain(Quality.SPIKE | Quality.ESTIMATED_LINEARLY)]
    assert names == ["estimated_linearly", "spike"]
    assert explain(0) == []


def test_rules_either_reject_or_doubt_or_only_tell() -> None:
    assert not REJECTING & DOUBTING
    only_tell = {reason.bit for reason in RULES} - set(REJECTING) - set(DOUBTING)
    assert only_tell == {Quality.LATE, Quality.ROLLOVER}
