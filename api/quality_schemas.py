"""What the API takes and gives about the quality of readings, and about edits by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, Strict

from api.schemas import INTERVAL_START, Document, RequestDocument
from grid.store.edits import MAX_EDITS

REASON_PATTERN = r"^[^\x00]*\S[^\x00]*$"
Reason = Annotated[str, Field(min_length=3, max_length=2000, pattern=REASON_PATTERN)]


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be text, RFC 3339 with its offset")
    return value


Instant = Annotated[AwareDatetime, Strict(False), BeforeValidator(_text)]
"""An instant in a strict document: written out, never a number."""


class QualityShares(Document):
    """How many intervals are what; each counts once."""

    intervals: int = Field(description="That came, or that validation knows not to have come.")
    valid: int = Field(description="As sent, and nothing speaks against it.")
    questionable: int = Field(description="As sent, but a check doubts it.")
    estimated: int = Field(description="The validated value is an estimate.")
    edited: int = Field(description="An operator set the validated value.")
    missing: int = Field(description="There is no validated value.")
    waiting: int = Field(description="Not validated yet.")


class QualityDay(QualityShares):
    """The same for one local day of the site."""

    day: date = Field(description="On the site's clock.")
    start: datetime = Field(description="The instant at which it begins. RFC 3339, UTC.")


class RuleCount(Document):
    """A rule that spoke, and how often."""

    rule: str = Field(description="Its name, such as `flat_line`.", examples=["flat_line"])
    bit: int = Field(description="Its bit of the quality mask.")
    intervals: int = Field(description="Of how many intervals.")
    seen: str = Field(description="What was seen, in a sentence.")
    remedy: str = Field(description="What to do.")


class QualitySpan(Document):
    """Intervals in a row of which validation says the same."""

    start: datetime = Field(description="Start of the first one, inclusive. RFC 3339, UTC.")
    end: datetime = Field(description="End of the last one, exclusive.")
    intervals: int = Field(description="How many they are.")
    quality: int = Field(description="Bit mask; the README has the table.")
    missing: bool = Field(description="True if they have no validated value.")
    reasons: list[str] = Field(description="Names of the bits: what the value is, then why.")
    explanation: list[str] = Field(description="A sentence for each of them.")


class SeriesQuality(Document):
    """How good the readings of one series are, and what was found where."""

    series_id: str = Field(description="Which series.")
    start: datetime = Field(description="Intervals that start at or after this instant.")
    end: datetime = Field(description="And before this one.")
    as_of: datetime | None = Field(description="As it was known then; null for now.")
    total: QualityShares = Field(description="Over the whole span.")
    days: list[QualityDay] = Field(description="By local day of the site, in order; days without any are left out.")
    rules: list[RuleCount] = Field(description="The rules that spoke, the most frequent first.")
    spans: list[QualitySpan] = Field(description="Where, in order of time.")
    complete: bool = Field(description="False if there are more verdicts than are told here: ask for a shorter span.")


class Backlog(Document):
    """What waits for validation."""

    spans: int = Field(description="Marked spans of readings.")
    series: int = Field(description="Of how many series.")
    oldest_marked_at: datetime | None = Field(description="Since when the oldest waits (wall clock); null if none.")


class SeriesStanding(QualityShares):
    """How one series does."""

    series_id: str = Field(description="Which series.")
    last: datetime | None = Field(description="End of its newest reading's interval.")
    reasons: list[str] = Field(description="Names of the rules that spoke; empty for a series that is silent.")


class SiteQuality(Document):
    """The series that need somebody to look at them."""

    start: datetime | None = Field(description="Intervals since then count; null while there is no reading.")
    end: datetime | None = Field(description="The site's present.")
    backlog: Backlog = Field(description="What waits for validation now, of all series.")
    series: list[SeriesStanding] = Field(description="Those with the most time that is not plainly valid, worst first.")
    silent: list[SeriesStanding] = Field(description="Meters without any reading in that time, silent longest first.")


class EditRequest(RequestDocument):
    """Set validated values by hand. The raw readings stay as they were sent."""

    action: Literal["set", "missing", "accept"] = Field(
        description="`set` values; declare `missing`; `accept` what was sent, whatever the rules say of it."
    )
    start: Instant = Field(description="Start of the first interval. RFC 3339 with offset.")
    end: Instant | None = Field(
        None, description="Instant behind the last interval; needed unless `values` tells how many there are."
    )
    value: float | None = Field(None, description="For `set`: the value of every interval, in the series' unit.")
    values: Annotated[list[float | None], Field(min_length=1, max_length=MAX_EDITS)] | None = Field(
        None, description="For `set`: one value per interval from `start` on; null declares one missing."
    )
    interval_minutes: Annotated[int, Field(ge=1, le=1440)] | None = Field(
        None, description="For `set`: length of each interval; that of the newest reading if left out. [min]"
    )
    reason: Reason = Field(description="Why, in the operator's words.", examples=["meter was replaced at noon"])


class EditDocument(Document):
    """A value set by hand; kept for ever, withdrawn or not."""

    edit_id: int = Field(description="Unique.")
    interval_start: datetime = Field(description=INTERVAL_START)
    interval_minutes: int = Field(description="Length of the interval. [min]")
    old_value: float | None = Field(description="The validated value until then; null: missing.")
    value: float | None = Field(description="The one that was set; null: declared missing.")
    reason: str = Field(description="Why.")
    edited_by: str = Field(description="Who, as in the audit log: `key:NAME`.")
    edited_at: datetime = Field(description="When (wall clock).")
    withdrawn_by: str | None = Field(description="Who took it back; null while it is in force.")
    withdrawn_at: datetime | None = Field(description="When (wall clock).")
    withdrawal_reason: str | None = Field(description="Why it was taken back.")
