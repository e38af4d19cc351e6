"""Keys: handed out once, kept as hashes, found only while they are in force."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from grid.faults import InputError
from grid.store.keys import KEY_PREFIX, Role, create_key, find_key, list_keys, revoke_key, rotate_key


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as connection:
        yield connection


def test_a_key_is_found_by_its_secret_alone(conn: psycopg.Connection) -> None:
    secret = create_key(conn, role="meter", name="gateway", meter_id="m-17")
    found = find_key(conn, secret)
    assert found is not None
    assert (found.name, found.role, found.meter_id) == ("gateway", Role.METER, "m-17")
    for wrong in (secret[:-1], secret + "x", secret.removeprefix(KEY_PREFIX), "", KEY_PREFIX):
        assert find_key(conn, wrong) is None


def test_secrets_have_256_bits_and_never_repeat(conn: psycopg.Connection) -> None:
    secrets = {create_key(conn, role="analyst", name=f"analyst-{i}") for i in range(20)}
    assert len(secrets) == 20
    assert all(len(secret) == len(KEY_PREFIX) + 43 for secret in secrets)  # 32 bytes in base64


def test_a_revoked_key_is_found_no_more_and_its_name_stays_taken(conn: psycopg.Connection) -> None:
    secret = create_key(conn, role="operator", name="night-shift")
    assert revoke_key(conn, name="night-shift")
    assert find_key(conn, secret) is None
    assert not revoke_key(conn, name="night-shift")
    assert [key.revoked_at is not None for key in list_keys(conn)] == [True]
    with pytest.raises(InputError, match="already"):
        create_key(conn, role="operator", name="night-shift")


def test_a_rotated_key_has_a_new_secret_and_the_same_role(conn: psycopg.Connection) -> None:
    old = create_key(conn, role="operator", name="control-room")
    revoke_key(conn, name="control-room")
    new = rotate_key(conn, name="control-room")
    assert find_key(conn, old) is None
    found = find_key(conn, new)
    assert found is not None
    assert found.role is Role.OPERATOR
    with pytest.raises(InputError, match="no key named"):
        rotate_key(conn, name="nobody")


def test_in_its_grace_the_old_secret_works_beside_the_new_one(conn: psycopg.Connection) -> None:
    first = create_key(conn, role="operator", name="control-room")
    second = rotate_key(conn, name="control-room", grace=timedelta(hours=1))
    assert find_key(conn, first) == find_key(conn, second) == list_keys(conn)[0]
    third = rotate_key(conn, name="control-room", grace=timedelta(hours=1))
    assert find_key(conn, first) is None  # only the one before has a grace
    assert find_key(conn, second) == find_key(conn, third)
    conn.execute("UPDATE api_key SET former_until = clock_timestamp()")
    assert find_key(conn, second) is None
    assert find_key(conn, third) is not None


def test_a_revoked_key_ends_with_its_grace_and_rotation_does_not_bring_the_old_secret_back(
    conn: psycopg.Connection,
) -> None:
    old = create_key(conn, role="operator", name="control-room")
    new = rotate_key(conn, name="control-room", grace=timedelta(hours=1))
    revoke_key(conn, name="control-room")
    assert find_key(conn, old) is find_key(conn, new) is None
    newest = rotate_key(conn, name="control-room", grace=timedelta(hours=1))
    assert find_key(conn, newest) is not None
    assert find_key(conn, old) is find_key(conn, new) is None


def test_all_faults_of_a_new_key_are_told_at_once(conn: psycopg.Connection) -> None:
    with pytest.raises(InputError) as caught:
        create_key(conn, role="king", name=" ", meter_id="m-17")
    assert [fault.place for fault in caught.value.faults] == ["role", "name", "meter"]
    with pytest.raises(InputError, match="meter"):
        create_key(conn, role="meter", name="gateway")
