from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from grid.faults import InputError
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.sites import load_site, save_site


def test_saved_site_comes_back_and_its_meters_are_registered(database_url: str) -> None:
    site = read_site_file(EXAMPLE_SITE)
    with psycopg.connect(database_url) as conn:
        save_site(conn, site)
        assert load_site(conn) == site
        rows = conn.execute("SELECT meter_id, registered FROM meter ORDER BY meter_id").fetchall()
    assert rows == [("dune-solar", True), ("town", True)]


def test_site_saved_last_is_in_force_and_older_ones_are_kept(database_url: str) -> None:
    first = read_site_file(EXAMPLE_SITE)
    second = replace(first, site_id="other", name="Other")
    with psycopg.connect(database_url, autocommit=True) as conn:
        save_site(conn, first)
        save_site(conn, second)
        assert load_site(conn) == second
        assert load_site(conn, first.site_id) == first
        save_site(conn, replace(first, name="Renamed"))
        assert load_site(conn).name == "Renamed"


def test_missing_site_says_how_to_load_one(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        with pytest.raises(InputError, match="no site is loaded; write one with gridpilot init"):
            load_site(conn)
        with pytest.raises(InputError, match="no such site: 'moon'"):
            load_site(conn, "moon")


def test_faulty_site_made_by_code_is_not_saved(database_url: str) -> None:
    site = replace(read_site_file(EXAMPLE_SITE), timezone="Mars/Olympus")
    with psycopg.connect(database_url) as conn:
        with pytest.raises(InputError, match="no such time zone"):
            save_site(conn, site)
        assert conn.execute("SELECT count(*) FROM site").fetchone() == (0,)
