"""The audit log is one chain whoever writes at once, and every way to tamper with it is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from grid.readings import Rejection
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.audit import START, append_audit, entry_sha256, key_actor, list_audit, verify_audit
from grid.store.dead_letters import add_dead_letter, resolve_dead_letters
from grid.store.keys import create_key, revoke_key, rotate_key
from grid.store.models import promote, roll_back, save_model
from grid.store.sites import save_site


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as connection:
        yield connection


def write(conn: psycopg.Connection, count: int) -> None:
    for i in range(count):
        append_audit(conn, actor=key_actor("test"), action="key.create", document={"number": i})
    conn.commit()


def tamper(conn: psycopg.Connection, statement: str, *values: Any) -> None:
    """What a superuser can do: the triggers are off."""
    conn.execute("SET session_replication_role = replica")
    assert conn.execute(statement.encode(), values).rowcount > 0
    conn.execute("SET session_replication_role = DEFAULT")
    conn.commit()


def test_an_empty_log_is_intact(conn: psycopg.Connection) -> None:
    assert verify_audit(conn).intact
    assert verify_audit(conn, expected_head=START).intact


def test_entries_are_numbered_chained_and_come_back_as_written(conn: psycopg.Connection) -> None:
    document = {"reason": "Zähler \u20ac \0", "large": 1e300, "small": -0.0, "integer": 10**30, "nothing": None}
    first = append_audit(conn, actor="gridpilot", action="site.load", document=document)
    second = append_audit(conn, actor="gridpilot", action="site.load", document={})
    assert list_audit(conn, limit=10) == [second, first]
    assert (first.previous_sha256, second.previous_sha256) == (START, first.sha256)
    assert (first.document, first.at.utcoffset()) == (document, second.at.utcoffset())
    verdict = verify_audit(conn)
    assert (verdict.entries, verdict.head, verdict.broken) == (2, second.sha256, None)


def test_an_entry_stands_only_if_its_work_does(conn: psycopg.Connection) -> None:
    write(conn, 1)
    create_key(conn, role="operator", name="kept")
    conn.execute("SELECT")  # opens the transaction that the next key is made in
    create_key(conn, role="operator", name="undone")
    conn.rollback()
    assert [entry.document.get("name") for entry in list_audit(conn, limit=9)] == ["kept", None]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
def test_no_session_may_change_an_entry(conn: psycopg.Connection, statement: str) -> None:
    write(conn, 1)
    with pytest.raises(psycopg.errors.RestrictViolation, match="never changed"):
        conn.execute(statement.encode())


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'key:other'",
        "action = 'key.revoke'",
        "document = '{\"number\": 7}'",
        "document = '{\"number\":  2}'",
        "at = at + interval '1 microsecond'",
        "sha256 = decode(repeat('ab', 32), 'hex')",
    ],
)
def test_a_changed_entry_is_found_by_its_number(conn: psycopg.Connection, change: str) -> None:
    write(conn, 5)
    tamper(conn, f"UPDATE audit_entry SET {change} WHERE audit_id = 3")
    verdict = verify_audit(conn)
    assert (verdict.broken, verdict.entries) == (3, 2)
    assert "changed" in verdict.reason


def test_a_removed_entry_is_found(conn: psycopg.Connection) -> None:
    write(conn, 5)
    tamper(conn, "DELETE FROM audit_entry WHERE audit_id = 2")
    verdict = verify_audit(conn)
    assert verdict.broken == 2
    assert "gone" in verdict.reason
    tamper(conn, "UPDATE audit_entry SET audit_id = audit_id - 1 WHERE audit_id > 2")  # numbers closed up again
    assert verify_audit(conn).broken == 2


def test_an_entry_hashed_anew_breaks_the_one_behind_it(conn: psycopg.Connection) -> None:
    write(conn, 4)
    old = list_audit(conn, limit=1, before=3)[0]
    text = json.dumps({"number": 99})
    forged = entry_sha256(2, old.at, old.actor, old.action, text, old.previous_sha256)
    tamper(conn, "UPDATE audit_entry SET document = %s::json, sha256 = %s WHERE audit_id = 2", text, forged)
    verdict = verify_audit(conn)
    assert verdict.broken == 3
    assert "follow" in verdict.reason


def test_an_entry_put_in_first_is_found(conn: psycopg.Connection) -> None:
    write(conn, 1)
    columns = "at, actor, action, document, previous_sha256, sha256"
    tamper(conn, f"INSERT INTO audit_entry (audit_id, {columns}) SELECT 0, {columns} FROM audit_entry")
    assert verify_audit(conn).broken == 0


def test_an_end_that_was_cut_off_is_found_by_a_head_noted_before(conn: psycopg.Connection) -> None:
    write(conn, 5)
    noted = verify_audit(conn).head
    write(conn, 2)
    assert verify_audit(conn, expected_head=noted).intact
    tamper(conn, "DELETE FROM audit_entry WHERE audit_id > 4")
    assert verify_audit(conn).intact  # by itself it cannot be seen
    verdict = verify_audit(conn, expected_head=noted)
    assert (verdict.intact, verdict.broken) == (False, 5)


def test_writers_at_once_keep_one_chain(database_url: str) -> None:
    def work(worker: int) -> None:
        with psycopg.connect(database_url) as conn:
            for i in range(25):
                append_audit(conn, actor=f"key:{worker}", action="key.create", document={"number": i})
                conn.rollback() if i % 5 == 4 else conn.commit()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    with psycopg.connect(database_url) as conn:
        verdict = verify_audit(conn)
        entries = list_audit(conn, limit=1000)
    assert (verdict.intact, verdict.entries) == (True, 80)
    for worker in range(4):
        numbers = [entry.document["number"] for entry in entries if entry.actor == f"key:{worker}"]
        assert numbers == [i for i in reversed(range(25)) if i % 5 != 4]


def test_entries_are_listed_by_action_and_in_pages(conn: psycopg.Connection) -> None:
    write(conn, 3)
    append_audit(conn, actor="gridpilot", action="site.load", document={})
    assert [entry.audit_id for entry in list_audit(conn, limit=2)] == [4, 3]
    assert [entry.audit_id for entry in list_audit(conn, limit=2, before=3)] == [2, 1]
    assert [entry.audit_id for entry in list_audit(conn, limit=9, action="site.load")] == [4]


def test_every_administrative_act_is_audited_with_who_did_it(conn: psycopg.Connection) -> None:
    secret = create_key(conn, role="operator", name="night", actor="shell:me@desk")
    rotate_key(conn, name="night", actor="shell:me@desk")
    revoke_key(conn, name="night", actor="shell:me@desk")
    revoke_key(conn, name="night", actor="shell:me@desk")  # nothing left to do, nothing to tell
    save_site(conn, read_site_file(EXAMPLE_SITE), actor="shell:me@desk")
    for name in ("a", "b"):
        save_model(conn, model_id=name, kind="load", manifest={}, weights=b"")
        promote(conn, name)
    promote(conn, "b")  # is champion already
    roll_back(conn, "load", actor="key:admin")
    refused = Rejection("not_json", "", "rubbish")
    where = {"topic": "t", "partition": 0, "offset": 7, "message_key": None, "payload": b""}
    add_dead_letter(conn, **where, rejection=refused, received_at=list_audit(conn, limit=1)[0].at)  # type: ignore[arg-type]
    assert resolve_dead_letters(conn, [1, 2], resolution="discarded: a test", actor="shell:me@desk") == 1
    told = [(entry.actor, entry.action, entry.document) for entry in reversed(list_audit(conn, limit=20))]
    assert [(actor, action) for actor, action, _ in told] == [
        ("shell:me@desk", "key.create"),
        ("shell:me@desk", "key.rotate"),
        ("shell:me@desk", "key.revoke"),
        ("shell:me@desk", "site.load"),
        ("gridpilot", "model.promote"),
        ("gridpilot", "model.promote"),
        ("key:admin", "model.rollback"),
        ("shell:me@desk", "dead_letter.resolve"),
    ]
    assert told[6][2] == {"model_id": "a", "kind": "load", "in_place_of": "b"}
    assert told[7][2] == {"dead_letter_ids": [1], "resolution": "discarded: a test"}
    assert secret not in json.dumps([document for *_, document in told])
    assert verify_audit(conn).intact
