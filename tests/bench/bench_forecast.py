"""How good the demo's forecasters are over a year: skill against the seasonal naive, and what their bands cover.

Run it by ``make bench``. At five instants the load and the solar model are trained on what was known then and scored
on the three weeks before, which they were kept from (two minutes in all). Future weather is unknown to them. Nothing
is kept: each training is rolled back.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from api.demo import EmbeddedPostgres
from api.demo.recordings import READINGS_TOPIC
from api.demo.site import load_demo_site
from api.demo.telemetry import DEMO_START, history_messages, load_telemetry
from api.settings import CacheSettings, read_settings
from forecasting.judging.backtest import Scores
from forecasting.site.service import ForecastService
from grid.readings import ReadingBlock, Source
from grid.store.database import connect
from grid.store.migrate import migrate
from grid.store.saving import save_readings
from grid.store.sites import save_site
from ingest.messages import decode_reading

ISSUES = (
    datetime(2007, 7, 16, 10, tzinfo=UTC),
    datetime(2007, 10, 16, 10, tzinfo=UTC),
    datetime(2008, 1, 16, 10, tzinfo=UTC),
    datetime(2008, 4, 16, 10, tzinfo=UTC),
    DEMO_START,
)


def main() -> None:
    cache_dir = read_settings(CacheSettings).cache_dir
    telemetry = load_telemetry(cache_dir)
    site = load_demo_site(cache_dir, telemetry)
    scores: dict[str, list[Scores]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="gridpilot-bench-") as folder:
        Path(folder).chmod(0o711)  # the database's account must be able to enter
        with (
            EmbeddedPostgres(Path(folder) / "postgres") as postgres,
            connect(postgres.url, application_name="gridpilot-bench") as conn,
        ):
            migrate(conn)
            save_site(conn, site)
            blocks = []
            for message in history_messages(telemetry):
                source = Source.METER if message.topic == READINGS_TOPIC else Source.WEATHER
                block = decode_reading(message.payload, source)
                assert isinstance(block, ReadingBlock), block
                blocks.append(block)
            save_readings(conn, blocks, received_at=datetime.now(UTC))
            conn.commit()
            print(f"{'issued':<12}{'kind':<8}{'skill':>7}{'50 %':>7}{'90 %':>7}{'windows':>9}{'seconds':>9}")
            for issued_at in ISSUES:
                for report in ForecastService().train(conn, site, issued_at=issued_at):
                    assert report.scores is not None, report.reason
                    scores[report.kind].append(report.scores)
                    print(_line(f"{issued_at:%Y-%m-%d}", report.kind, report.scores, f"{report.seconds:.1f}"))
                conn.rollback()
    for kind, found in scores.items():
        mean, worst = (f([s.skill for s in found]) for f in (statistics.mean, min))
        covered = statistics.mean(s.coverage_90 for s in found)
        print(f"{kind}: mean skill {mean:.3f}, worst {worst:.3f}; 90 % band covers {covered:.1%} on average")


def _line(issued: str, kind: str, scores: Scores, seconds: str) -> str:
    figures = f"{scores.skill:>7.3f}{scores.coverage_50:>7.1%}{scores.coverage_90:>7.1%}{scores.windows:>9}"
    return f"{issued:<12}{kind:<8}{figures}{seconds:>9}"


if __name__ == "__main__":
    main()
