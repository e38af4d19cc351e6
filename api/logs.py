"""How every process logs: lines for people, or one JSON object a line for programs.

A line about messages carries their coordinates as fields (``topic``, ``partition``, ``offset``, ``meter_id``,
``error_class``, ...): whoever writes it hands them to ``logging`` as ``extra``, and knows nothing of this file.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from api.settings import LogSettings

TEXT_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
QUIET = ("kafka", "httpx")  # they tell of every connection
_STANDARD = vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, the line's fields, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        document = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        document |= {name: value for name, value in vars(record).items() if name not in _STANDARD | document.keys()}
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str, ensure_ascii=False)


def start_logging(settings: LogSettings) -> None:
    """Log to standard error from now on, as the settings say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else logging.Formatter(TEXT_FORMAT))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    level = logging.getLevelNamesMapping()[settings.log_level]
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, level))
