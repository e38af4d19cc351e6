"""What retention left is judged as before: verdicts whose look-back was dropped are final, the dropped stays gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from grid.faults import InputError
from grid.readings import Source
from grid.store.edits import IntervalValue, add_edits, withdraw_edits
from grid.store.retention import drop_readings
from grid.units import Channel
from grid.validation import LOOK_BACK

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
HORIZON = START + 40 * DAY
CHANNEL = (Source.METER, "m", Channel.LOAD)


def test_corrections_after_retention_neither_bring_edits_back_nor_change_final_verdicts(meters: Any) -> None:
    days = 150
    values = meters.course(days)
    values[np.arange(3, 24 * days, 50)] = np.nan
    meters.save(values, at=START + days * DAY)
    with meters.conn.transaction():
        add_edits(
            meters.conn,
            CHANNEL,
            [IntervalValue(HORIZON - 5 * DAY, 60, 5.0)],
            reason="meter was read by hand",
            actor="key:test",
            at=START + days * DAY,
        )
    meters.validate()
    drop_readings(meters.conn, before=HORIZON)
    kept = meters.everything()
    assert min(meters.verdicts()) >= HORIZON
    for day in (1, 10, 40, 60):  # after the horizon: within reach of what was dropped, and behind it
        corrected = HORIZON + day * DAY
        meters.save(np.array([95.0]), start=corrected, at=START + (days + 1) * DAY, revision=1)
        meters.validate()
        assert meters.count("validation_due") == 0
        final = [row for row in kept if row[1] < HORIZON + LOOK_BACK]
        assert [row for row in meters.everything() if row[1] < HORIZON + LOOK_BACK] == final
    assert meters.everything() != kept, "what lies farther behind is judged again"


def test_edits_that_would_have_no_effect_are_refused(meters: Any) -> None:
    act = {"reason": "x", "actor": "key:test", "at": START + 150 * DAY}
    meters.save(meters.course(150), at=START + 150 * DAY)
    final, open_ = HORIZON + LOOK_BACK - DAY, HORIZON + LOOK_BACK
    (edit,) = add_edits(meters.conn, CHANNEL, [IntervalValue(final, 60, 5.0)], **act)
    meters.validate()
    drop_readings(meters.conn, before=HORIZON)
    with pytest.raises(InputError, match="is final"):
        add_edits(meters.conn, CHANNEL, [IntervalValue(final, 60, 6.0)], **act)
    with pytest.raises(InputError, match="is final"):
        withdraw_edits(meters.conn, CHANNEL, [edit], **act)
    add_edits(meters.conn, CHANNEL, [IntervalValue(open_, 60, 6.0)], **act)
    meters.validate()
    assert [meters.verdicts()[start][0] for start in (final, open_)] == [5.0, 6.0]
