"""JSON that would be half read is refused, and says why."""

from __future__ import annotations

import pytest

from grid.records import parse_json


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"units": {"a": 1, "b": 2, "a": 3}}', "an object has 'a' twice"),
        ("[" * 100_000, "nested too deep"),
        ("{", "Expecting property name"),
    ],
)
def test_json_that_would_be_half_read_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_json(text)


def test_json_is_read_as_it_stands() -> None:
    assert parse_json('{"a": [1, null, {"b": true}]}') == {"a": [1, None, {"b": True}]}
