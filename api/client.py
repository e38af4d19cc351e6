"""The client SDK: ``from api.client import GridPilot``. Needs httpx, pandas and pyarrow, nothing else of this project.

Example:
    >>> with GridPilot("http://127.0.0.1:8000", key) as grid:  # doctest: +SKIP
    ...     load = grid.readings("site:load", start, end, resolution="PT1H")
    ...     forecast = grid.forecast("site:load")
    ...     plan = grid.latest_plan()
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx
import pandas as pd
import pyarrow as pa

from api.client_quality import QualityClient
from api.client_transport import GridPilotError, Transport, error_of, given

__all__ = ["GridPilot", "GridPilotError", "ServerEvent"]

_ARROW = "application/vnd.apache.arrow.stream"
_SILENCE_SECONDS = 45.0  # the stream sends a heartbeat every 15 s
_PLAN_SECONDS = 300.0  # a server searches for 240 s at most, then prices and explains


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of the stream: ``readings``, ``forecast``, ``plan``, ``decision``, ``edit``, ``model``, or ``reset``.

    After ``reset`` events were missed: load afresh.
    """

    event_id: int
    kind: str
    data: dict[str, Any]


class GridPilot:
    """A connection to one gridpilot service; close it, or use it as a context manager.

    Instants may be given in any zone but never without one; what comes back is in UTC.

    Attributes:
        quality: How good readings are, and edits of them by hand.
    """

    def __init__(self, base_url: str, key: str, *, timeout_seconds: float = 60.0) -> None:
        """Connect lazily.

        Args:
            base_url: Such as ``http://127.0.0.1:8000``.
            key: ``gp_…``, from ``gridpilot keys create``.
            timeout_seconds: For one answer; a plan is waited for longer, as long as any server may take.

        Raises:
            ValueError: If the key cannot be one; the message does not show it.
        """
        self._transport = Transport(base_url, key, timeout_seconds=timeout_seconds)
        self.quality = QualityClient(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def site(self) -> dict[str, Any]:
        """The site, its present instant, and how old its data are."""
        return self._transport.document("GET", "/site")

    def series(self) -> pd.DataFrame:
        """Every series: series_id, source, unit, kind, first, last."""
        frame = pd.DataFrame(self._transport.documents("GET", "/series"))
        for column in ("first", "last"):
            if column in frame:
                frame[column] = pd.to_datetime(frame[column], utc=True)
        return frame

    def readings(
        self,
        series_id: str,
        start: datetime,
        end: datetime,
        *,
        resolution: str | None = None,
        as_of: datetime | None = None,
        layer: Literal["raw", "validated"] = "raw",
        unit: str | None = None,
    ) -> pd.DataFrame:
        """Readings with interval_start in [start, end), indexed by it: interval_minutes, value, quality, unit.

        Args:
            resolution: ISO 8601 length of the intervals wanted, such as ``PT1H``; None as measured.
            as_of: Only what had been received by then (wall clock).
            layer: As sent, or as validation takes it: flagged values replaced or left out, gaps estimated.
            unit: Such as ``MW``, ``kWh`` (energy of each interval) or ``degF``; None for the one that is stored.
        """
        query = given(start=start, end=end, resolution=resolution, as_of=as_of, layer=layer, unit=unit)
        path = f"/series/{quote(series_id, safe='')}/readings"
        response = self._transport.send("GET", path, params=query, headers={"Accept": _ARROW})
        frame: pd.DataFrame = pa.ipc.open_stream(response.content).read_pandas()
        return frame.drop(columns="series_id").set_index("interval_start")

    def forecast(
        self,
        series_id: str,
        *,
        issued_at: datetime | None = None,
        as_of: datetime | None = None,
        role: Literal["primary", "baseline"] = "primary",
    ) -> pd.DataFrame:
        """A forecast, indexed by interval_start, with a column per quantile level such as 0.5.

        ``frame.attrs`` holds issued_at, unit, model_id, method, degraded, reasons, inputs, and as ``spoken_by`` who
        tells the intervals, in order: method, model_id, fallback_level, and the interval_start from which on.

        Args:
            issued_at: Exactly that issue; None for the latest.
            as_of: The latest issue up to then (the site's clock).
        """
        query = given(series_id=series_id, issued_at=issued_at, as_of=as_of, role=role)
        document = self._transport.document("GET", "/forecasts", params=query)
        index = pd.DatetimeIndex([row["interval_start"] for row in document["intervals"]], name="interval_start")
        values = [row["quantiles"] for row in document["intervals"]]
        frame = pd.DataFrame(values, index=index.tz_convert("UTC"), columns=pd.Index(document["levels"]))
        frame.attrs = {name: value for name, value in document.items() if name not in ("intervals", "levels")}
        voices = groupby(document["intervals"], key=itemgetter("method", "model_id", "fallback_level"))
        frame.attrs["spoken_by"] = [{k: v for k, v in next(rows).items() if k != "quantiles"} for _, rows in voices]
        return frame

    def forecast_explanation(
        self, series_id: str, *, issued_at: datetime | None = None, as_of: datetime | None = None
    ) -> pd.DataFrame:
        """What each group of inputs contributes to a forecast: interval_start, group, to_median, to_width.

        The groups of an instant add up to the median and to the width of the central 80 %. ``frame.attrs`` holds
        ``sentences``, one per day and one for each stand-in, and the networks' ``attention``. Without a model's word
        the frame is empty.

        Args:
            issued_at: Exactly that issue; None for the latest.
            as_of: The latest issue up to then (the site's clock).
        """
        query = given(series_id=series_id, issued_at=issued_at, as_of=as_of)
        document = self._transport.document("GET", "/forecasts/explanation", params=query)
        columns = ["interval_start", "group", "to_median", "to_width"]
        frame = pd.DataFrame(document.pop("rows"), columns=columns)
        frame["interval_start"] = pd.to_datetime(frame["interval_start"], utc=True)
        frame.attrs = {name: value for name, value in document.items()}  # noqa: C416
        return frame

    def scenarios(
        self,
        series_ids: Sequence[str],
        *,
        count: int = 100,
        as_of: datetime | None = None,
        add_up: bool = False,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Joint scenarios of the newest forecasts: series_id, interval_start, mean, then s1, s2, …

        The k-th of all series and intervals belong together. ``frame.attrs`` holds how many earlier issues told what
        hangs together.

        Args:
            as_of: The newest forecasts issued up to then (the site's clock).
            add_up: Whether totals of the site's sum checks are to be the sums of their parts.
        """
        query = {**given(as_of=as_of), "series_id": list(series_ids), "count": count, "add_up": add_up, "seed": seed}
        document = self._transport.document("GET", "/forecasts/scenarios", params=query)
        frame = pd.DataFrame(document.pop("rows"))
        frame["interval_start"] = pd.to_datetime(frame["interval_start"], utc=True)
        frame.attrs = {name: value for name, value in document.items()}  # noqa: C416
        return frame

    def forecast_file(
        self,
        table: pd.DataFrame | str | PathLike[str],
        series: Mapping[str, Any],
        *,
        quantiles: Sequence[float] | None = None,
        effort: Literal["fast", "full"] = "full",
        seed: int = 0,
        scenarios: int = 0,
        explain: bool = False,
    ) -> pd.DataFrame:
        """Forecast the horizon of a file or of a frame: series_id, time, mean, then a column per level such as q0.5.

        ``frame.attrs["series"]`` tells how each series was forecast; ``attrs["scenarios"]``, ``attrs["explanation"]``
        hold what was asked for, in rows for ``pd.DataFrame``. Training may take minutes: raise ``timeout_seconds``.

        Args:
            table: Columns series_id, time, value and covariates; the rows after the last value are the horizon.
            series: What each series is, by its id, or "*" for all: ``{"*": {"kind": "load", "interval_minutes": 60}}``.
            scenarios: How many joint scenarios to draw.
            explain: Whether to tell what each group of inputs contributes.
        """
        content = table.to_parquet(index=False) if isinstance(table, pd.DataFrame) else Path(table).read_bytes()
        fields = {"effort": effort, "seed": str(seed), "scenarios": str(scenarios), "explain": str(explain).lower()}
        if quantiles is not None:
            fields["quantiles"] = ",".join(map(str, quantiles))
        files = {"file": ("FILE", content), "series": ("SERIES.json", json.dumps({"series": dict(series)}).encode())}
        document = self._transport.document("POST", "/forecasts/from-file", data=fields, files=files)
        frame = pd.DataFrame(document.pop("rows"))
        frame["time"] = pd.to_datetime(frame["time"], utc=True)
        frame.attrs = {name: value for name, value in document.items() if value is not None}
        return frame

    def latest_plan(self) -> dict[str, Any]:
        """The newest plan that is no what-if."""
        return self._transport.document("GET", "/plans/latest")

    def plan(self, plan_id: str) -> dict[str, Any]:
        """Any plan, what-ifs too."""
        return self._transport.document("GET", f"/plans/{quote(plan_id, safe='')}")

    def plans(self, *, limit: int = 50) -> pd.DataFrame:
        """The newest plans in short."""
        return pd.DataFrame(self._transport.documents("GET", "/plans", params={"limit": limit}))

    def explanation(self, plan_id: str, *, asset_id: str | None = None) -> dict[str, Any]:
        """Why a plan is what it is, for every asset or for one."""
        return self._transport.document(
            "GET", f"/plans/{quote(plan_id, safe='')}/explanation", params=given(asset_id=asset_id)
        )

    def shortfalls(self, start: datetime, end: datetime) -> pd.DataFrame:
        """How often net load came out beyond what plans could follow: direction, periods, promised, came, luck."""
        return pd.DataFrame(self._transport.documents("GET", "/plans/shortfalls", params=given(start=start, end=end)))

    def plan_now(self, **changes: Any) -> dict[str, Any]:
        """Plan the coming hours; with changes, such as ``load_scale=1.05``, the answer is a what-if."""
        return self._transport.document(
            "POST", "/plans", json=changes, timeout=httpx.Timeout(_PLAN_SECONDS, connect=10.0)
        )

    def redispatch(self) -> dict[str, Any]:
        """The plan in force dispatched for the newest forecasts, its commitment held; nothing is stored."""
        return self._transport.document("POST", "/plans/redispatch")

    def decide(
        self,
        plan_id: str,
        decision: Literal["accept", "reject", "override"],
        *,
        reason: str,
        overrides: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """Accept, reject or override a plan. Overrides are set-points by asset id. [MW]"""
        body = {"decision": decision, "reason": reason, "overrides": dict(overrides or {})}
        return self._transport.document("POST", f"/plans/{quote(plan_id, safe='')}/decisions", json=body)

    def decisions(self, plan_id: str) -> list[dict[str, Any]]:
        """The decisions about a plan, the newest first."""
        return self._transport.documents("GET", f"/plans/{quote(plan_id, safe='')}/decisions")

    def models(self) -> pd.DataFrame:
        """Every model: model_id, kind, status, created_at, promoted_at, manifest, and the drift of champions."""
        return pd.DataFrame(self._transport.documents("GET", "/models"))

    def promote(self, model_id: str) -> dict[str, Any]:
        """Make a model the champion of its kind."""
        return self._transport.document("POST", f"/models/{quote(model_id, safe='')}/promote")

    def roll_back(self, kind: str) -> dict[str, Any]:
        """Make the champion before the present one champion again, of kind load or solar."""
        return self._transport.document("POST", f"/models/{quote(kind, safe='')}/rollback")

    def audit(self, *, limit: int = 100, action: str | None = None, before: int | None = None) -> pd.DataFrame:
        """Who did what, the newest first: audit_id, at, actor, action, document, previous_sha256, sha256.

        Args:
            action: Only of this one, such as ``reading.edit``.
            before: Only entries with a lower number.
        """
        query = {"limit": str(limit), **given(action=action, before=None if before is None else str(before))}
        frame = pd.DataFrame(self._transport.documents("GET", "/audit", params=query))
        return frame.assign(at=pd.to_datetime(frame["at"], utc=True)) if len(frame) else frame

    def send(self, readings: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Send one message of readings, or several, as on ``gridpilot.readings.v1``; with ``site_id``, of weather.

        The answer tells for each message whether it was accepted, and if not, why; where none was, that is raised.
        """
        return self._transport.document(
            "POST", "/readings", json=readings if isinstance(readings, Mapping) else list(readings)
        )

    def events(self, last_event_id: int | None = None) -> Iterator[ServerEvent]:
        """Follow events for ever; connects again by itself and then goes on behind the last event it gave.

        Args:
            last_event_id: Go on behind this one; None begins with what happens from now on.

        Raises:
            GridPilotError: If the key is refused.
        """
        last = None if last_event_id is None else str(last_event_id)
        pause = 1.0
        while True:
            try:
                for event in self._stream(last):
                    pause, last = 1.0, str(event.event_id)
                    if event.kind != "hello":
                        yield event
            except httpx.TransportError:
                pass
            except GridPilotError as error:
                if error.status < 500:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 15.0)

    def _stream(self, last: str | None) -> Iterator[ServerEvent]:
        headers = {"Accept": "text/event-stream", **({} if last is None else {"Last-Event-ID": last})}
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=10.0)
        with self._transport.client.stream("GET", "/events", headers=headers, timeout=timeout) as response:
            if response.is_error:
                response.read()
                raise error_of(response)
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                name, separator, value = line.partition(":")
                if line and separator and name:
                    fields[name] = value.removeprefix(" ")
                elif not line and "data" in fields:
                    yield ServerEvent(int(fields["id"]), fields["event"], json.loads(fields["data"]))
                    fields = {}
