"""The model registry in a real database: one champion per kind, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from grid.store.database import connect
from grid.store.events import events_after
from grid.store.models import (
    UnknownModelError,
    find_champion,
    is_retired,
    list_champions,
    list_models,
    load_weights,
    promote,
    retire,
    roll_back,
    save_model,
)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def save(conn: psycopg.Connection, *names: str, kind: str = "load") -> None:
    for name in names:
        save_model(conn, model_id=name, kind=kind, manifest={"name": name}, weights=name.encode())


def test_a_model_is_stored_as_a_challenger_and_comes_back(conn: psycopg.Connection) -> None:
    save(conn, "a")
    (stored,) = list_models(conn)
    assert (stored.model_id, stored.kind, stored.status, stored.manifest) == ("a", "load", "challenger", {"name": "a"})
    assert stored.promoted_at is None
    assert load_weights(conn, "a") == b"a"
    assert find_champion(conn, "load") is None


def test_a_promotion_retires_the_champion_of_its_own_kind_only(conn: psycopg.Connection) -> None:
    save(conn, "a", "b")
    save(conn, "s", kind="solar")
    for name in ("a", "s", "b"):
        promote(conn, name)
    status = {model.model_id: model.status for model in list_models(conn)}
    assert status == {"a": "retired", "b": "champion", "s": "champion"}
    champion = find_champion(conn, "load")
    assert champion is not None
    assert champion.model_id == "b"


def test_listeners_are_told_of_each_promotion_once(conn: psycopg.Connection) -> None:
    save(conn, "a")
    promote(conn, "a")
    promote(conn, "a")
    assert [event.payload for event in events_after(conn, event_id=0)] == [{"model_id": "a", "kind": "load"}]


def test_rolling_back_returns_to_the_champion_before(conn: psycopg.Connection) -> None:
    save(conn, "a", "b", "never")
    promote(conn, "a")
    promote(conn, "b")
    assert roll_back(conn, "load").model_id == "a"
    assert roll_back(conn, "load").model_id == "b"


def test_without_an_earlier_champion_there_is_nothing_to_roll_back_to(conn: psycopg.Connection) -> None:
    save(conn, "a", "b")
    promote(conn, "a")
    with pytest.raises(UnknownModelError, match="no earlier champion"):
        roll_back(conn, "load")
    champion = find_champion(conn, "load")
    assert champion is not None
    assert champion.model_id == "a"


def test_a_champion_that_is_retired_neither_speaks_nor_stands_in_until_it_is_promoted(
    conn: psycopg.Connection,
) -> None:
    save(conn, "a", "b", "c")
    promote(conn, "a")
    promote(conn, "b")
    assert not is_retired(conn, "load")
    assert retire(conn, "load").model_id == "b"
    assert find_champion(conn, "load") is None
    assert list_champions(conn, "load") == [], "nor does the champion before it"
    assert is_retired(conn, "load")
    with pytest.raises(UnknownModelError, match="no champion of kind 'load'"):
        retire(conn, "load")
    promote(conn, "c")
    assert [one.model_id for one in list_champions(conn, "load")] == ["c", "a"]
    assert promote(conn, "b").model_id == "b"
    assert not is_retired(conn, "load")
    told = [event.payload for event in events_after(conn, event_id=0)]
    assert told == [{"model_id": name, "kind": "load"} for name in ("a", "b", "b", "c", "b")]


def test_a_roll_back_after_a_retirement_returns_to_the_champion_before_the_retired_one(
    conn: psycopg.Connection,
) -> None:
    save(conn, "a", "b")
    promote(conn, "a")
    promote(conn, "b")
    retire(conn, "load")
    assert roll_back(conn, "load").model_id == "a"


def test_without_a_champion_there_is_none_to_retire(conn: psycopg.Connection) -> None:
    save(conn, "a")
    with pytest.raises(UnknownModelError, match="no champion of kind 'load'"):
        retire(conn, "load")
    assert not is_retired(conn, "load"), "it never had one"


def test_an_unknown_model_is_named(conn: psycopg.Connection) -> None:
    with pytest.raises(UnknownModelError, match="'ghost'"):
        promote(conn, "ghost")
    with pytest.raises(UnknownModelError, match="'ghost'"):
        load_weights(conn, "ghost")


def test_the_same_model_again_changes_nothing(conn: psycopg.Connection) -> None:
    save(conn, "a")
    promote(conn, "a")
    save(conn, "a")
    assert [model.status for model in list_models(conn)] == ["champion"]
