"""A table as JSON, Arrow, Parquet or CSV, as the ``Accept`` header asks; big ones leave batch by batch."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel

from api.problems import Problem

Format = Literal[
    "application/json", "text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
]
JSON: Format = "application/json"
CSV: Format = "text/csv"
PARQUET: Format = "application/vnd.apache.parquet"
ARROW: Format = "application/vnd.apache.arrow.stream"
_ACCEPTED: dict[str, Format] = {
    JSON: JSON,
    "application/*": JSON,
    "*/*": JSON,
    CSV: CSV,
    "text/*": CSV,
    PARQUET: PARQUET,
    "application/x-parquet": PARQUET,
    "application/parquet": PARQUET,
    ARROW: ARROW,
}
_SUFFIX = {CSV: "csv", PARQUET: "parquet", ARROW: "arrows"}

TABLE_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, Arrow (IPC stream), Parquet or CSV, as `Accept` asks.",
        "content": {
            CSV: {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
            ARROW: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def wanted_format(request: Request) -> Format:
    """The format with the highest quality in ``Accept`` that we have; JSON where nothing is asked.

    Raises:
        Problem: 406, if none is acceptable.
    """
    accept = request.headers.get("accept", "*/*")
    wishes = []
    for i, part in enumerate(accept.split(",")):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        if media.lower() in _ACCEPTED and quality > 0:
            wishes.append((-quality, i, _ACCEPTED[media.lower()]))
    if not wishes:
        formats = f"{JSON}, {ARROW}, {PARQUET} or {CSV}"
        raise Problem(406, "not-acceptable", f"this is to be had as {formats}, not as {accept!r:.120}")
    return min(wishes)[2]


def table_response(request: Request, document: BaseModel, table: Callable[[], pd.DataFrame], *, name: str) -> Response:
    """Answer with ``document`` as JSON, or with ``table()`` in another format under the file name ``name``."""
    media = wanted_format(request)
    if media == JSON:
        return JSONResponse(document.model_dump(mode="json"))
    whole = pa.Table.from_pandas(table(), preserve_index=False).replace_schema_metadata()
    return batches_response(media, whole.schema, whole.to_batches(), name=name)


def batches_response(media: Format, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, name: str) -> Response:
    """Answer with record batches, each sent as it is made, under the file name ``name``; not as JSON."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
    headers = {"Content-Disposition": f'attachment; filename="{safe}.{_SUFFIX[media]}"', "Vary": "Accept"}
    return StreamingResponse(_encoded(media, schema, batches), media_type=media, headers=headers)


def _encoded(media: Format, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    sink = _Sink()
    with _writer(media, schema, sink) as writer:
        for batch in batches:
            writer.write_batch(_with_text_instants(batch) if media == CSV else batch)
            yield sink.taken()
    yield sink.taken()


def _writer(media: Format, schema: pa.Schema, sink: _Sink) -> Any:
    if media == CSV:
        return pyarrow.csv.CSVWriter(sink, pa.schema([_text_instant(field) for field in schema]))
    if media == PARQUET:
        return pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd")
    return pa.ipc.new_stream(sink, schema)


def _text_instant(field: pa.Field) -> pa.Field:
    return field.with_type(pa.string()) if pa.types.is_timestamp(field.type) else field


def _with_text_instants(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with instants as RFC 3339, without a fraction where none is needed."""
    columns = []
    for column in batch.columns:
        if pa.types.is_timestamp(column.type):
            whole = pc.floor_temporal(column, unit="second")
            unit = "s" if pc.all(pc.equal(whole, column)).as_py() is not False else "us"
            column = pc.strftime(column.cast(pa.timestamp(unit, "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema([_text_instant(field) for field in batch.schema]))


class _Sink(io.RawIOBase):
    """What a writer wrote since it was last taken; it counts on, as Parquet's footer asks where everything stands."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += memoryview(data)
        self._written += len(memoryview(data))
        return len(memoryview(data))

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
