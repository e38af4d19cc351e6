"""The stored channel that a request means by the id of a series."""

from __future__ import annotations

from typing import Annotated, Any

import psycopg
from fastapi import Path

from api.problems import not_found
from grid.readings import Source
from grid.store.readings import parse_series_id
from grid.store.series import ChannelId, find_channel_keys

SeriesId = Annotated[str, Path(max_length=250, description="`<owner>:<channel>`; `site:load` is the whole system.")]
MeasuredSeriesId = Annotated[str, Path(max_length=250, description="`<owner>:<channel>`, of something measured.")]


def channel_of(conn: psycopg.Connection[Any], series_id: str) -> ChannelId:
    """The stored channel of that name; a meter's goes before a weather site's.

    Raises:
        Problem: 404, if there is none.
    """
    try:
        owner_id, channel = parse_series_id(series_id)
    except ValueError as error:
        raise not_found("series", series_id, remedy=str(error)) from None
    both: list[ChannelId] = [(source, owner_id, channel) for source in (Source.METER, Source.WEATHER)]
    keys = find_channel_keys(conn, both)
    known = [candidate for candidate, key in zip(both, keys, strict=True) if key is not None]
    if not known:
        raise not_found("series", series_id, remedy="GET /api/v1/series lists them")
    return known[0]
