-- The validated layer beside the raw readings, which it never changes. It is sparse: an interval without a verdict is
-- valid as it was sent. Runs on TimescaleDB too, with reading and its history as hypertables.

-- Quality bits 0 to 6 are those of IEEE 2030.5 from now on; what the message said moves to bits 7 and 8.
SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
UPDATE reading SET quality = quality & ~3 | (quality & 3) << 7 WHERE quality & 3 <> 0;
UPDATE reading_history SET quality = quality & ~3 | (quality & 3) << 7 WHERE quality & 3 <> 0;
UPDATE weather_forecast SET quality = quality & ~3 | (quality & 3) << 7 WHERE quality & 3 <> 0;

-- What waits for judgement: added in the transaction that changes readings, never updated, so that writers do not wait.
CREATE TABLE validation_due (
    due_id        bigint GENERATED ALWAYS AS IDENTITY,
    channel_key   integer NOT NULL,
    interval_from timestamptz NOT NULL,         -- intervals that start in [interval_from, interval_until)
    interval_until timestamptz NOT NULL,
    marked_at     timestamptz NOT NULL,
    PRIMARY KEY (channel_key, interval_from, due_id)
);

CREATE TABLE validation_done (                  -- what has been judged: so that "valid" can be asked as of an instant
    channel_key   integer NOT NULL,
    interval_from timestamptz NOT NULL,
    interval_until timestamptz NOT NULL,
    marked_at     timestamptz NOT NULL,
    judged_at     timestamptz NOT NULL
);
CREATE INDEX validation_done_span ON validation_done (channel_key, interval_from);

CREATE TABLE validation_done_folded (           -- the same of days past, a row for many spans
    channel_key   integer NOT NULL,
    interval_from timestamptz NOT NULL,         -- around all of its spans
    interval_until timestamptz NOT NULL,
    marked_at     timestamptz NOT NULL,         -- the first
    judged_at     timestamptz NOT NULL,         -- the last
    spans_from    timestamptz[] NOT NULL,
    spans_until   timestamptz[] NOT NULL,
    spans_marked_at timestamptz[] NOT NULL,
    spans_judged_at timestamptz[] NOT NULL
);
CREATE INDEX validation_done_folded_span ON validation_done_folded (channel_key, interval_from);

CREATE TABLE channel_settled (                  -- when nothing of a channel was left to judge; it may rest a while
    channel_key   integer PRIMARY KEY,
    settled_at    timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE verdict (                          -- only for intervals that are not plainly valid
    channel_key      integer NOT NULL,
    interval_start   timestamptz NOT NULL,
    interval_minutes smallint NOT NULL,
    value            double precision,          -- the validated value; NULL: missing
    quality          integer NOT NULL,
    judged_at        timestamptz NOT NULL,
    PRIMARY KEY (channel_key, interval_start, interval_minutes)
);

CREATE TABLE verdict_history (                  -- verdicts that another judgement replaced or withdrew
    channel_key      integer NOT NULL,
    interval_start   timestamptz NOT NULL,
    interval_minutes smallint NOT NULL,
    value            double precision,
    quality          integer NOT NULL,
    judged_at        timestamptz NOT NULL,
    superseded_at    timestamptz NOT NULL
);
CREATE INDEX verdict_history_interval ON verdict_history (channel_key, interval_start);

CREATE TABLE reading_edit (                     -- values that operators set by hand; a withdrawal is another row
    edit_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_key      integer NOT NULL REFERENCES channel,
    interval_start   timestamptz NOT NULL,
    interval_minutes smallint NOT NULL CHECK (interval_minutes > 0),
    old_value        double precision,          -- the validated value until then; NULL: missing
    value            double precision,          -- NULL: declared missing
    reason           text NOT NULL,
    edited_by        text NOT NULL,
    edited_at        timestamptz NOT NULL,
    withdraws        bigint UNIQUE REFERENCES reading_edit
);
CREATE INDEX reading_edit_interval ON reading_edit (channel_key, interval_start);
CREATE FUNCTION keep_reading_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'edits of readings are added, never changed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER reading_edit_kept BEFORE UPDATE OR DELETE ON reading_edit
    FOR EACH ROW EXECUTE FUNCTION keep_reading_edit();

-- Everything stored so far has never been judged.
INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)
SELECT c.channel_key, first.interval_start, last.interval_start + last.interval_minutes * interval '1 minute', now()
FROM channel c
CROSS JOIN LATERAL (SELECT r.interval_start FROM reading r WHERE r.channel_key = c.channel_key
                    ORDER BY r.interval_start LIMIT 1) first
CROSS JOIN LATERAL (SELECT r.interval_start, r.interval_minutes FROM reading r WHERE r.channel_key = c.channel_key
                    ORDER BY r.interval_start DESC, r.interval_minutes DESC LIMIT 1) last;

-- The newest forecast and plan of any series or site: asked for by every health check.
CREATE INDEX forecast_run_newest ON forecast_run (role, issued_at DESC);
CREATE INDEX plan_newest ON plan (issued_at DESC) WHERE NOT what_if;

-- Views: the raw value with all that is known about it, and the validated one ----------------------------------
CREATE OR REPLACE VIEW v_reading AS
SELECT c.owner_id AS meter_id, c.channel, r.interval_start, r.interval_minutes, r.value, c.unit,
       r.quality | coalesce(v.quality, CASE WHEN EXISTS (
           SELECT FROM validation_due d WHERE d.channel_key = r.channel_key
           AND d.interval_from <= r.interval_start AND d.interval_until > r.interval_start) THEN 0 ELSE 1 END) AS quality,
       r.revision, r.received_at
FROM reading r JOIN channel c USING (channel_key)
LEFT JOIN verdict v USING (channel_key, interval_start, interval_minutes)
WHERE c.source = 'meter';

CREATE OR REPLACE VIEW v_weather AS
SELECT c.owner_id AS site_id, c.channel, r.interval_start, r.interval_minutes, r.value, c.unit,
       r.quality | coalesce(v.quality, CASE WHEN EXISTS (
           SELECT FROM validation_due d WHERE d.channel_key = r.channel_key
           AND d.interval_from <= r.interval_start AND d.interval_until > r.interval_start) THEN 0 ELSE 1 END) AS quality,
       r.revision, r.received_at
FROM reading r JOIN channel c USING (channel_key)
LEFT JOIN verdict v USING (channel_key, interval_start, interval_minutes)
WHERE c.source = 'weather';

CREATE VIEW v_validated_reading AS
SELECT c.owner_id AS meter_id, c.channel, r.interval_start, r.interval_minutes,
       CASE WHEN v.channel_key IS NULL THEN r.value ELSE v.value END AS value, c.unit,
       r.quality | coalesce(v.quality, CASE WHEN EXISTS (
           SELECT FROM validation_due d WHERE d.channel_key = r.channel_key
           AND d.interval_from <= r.interval_start AND d.interval_until > r.interval_start) THEN 0 ELSE 1 END) AS quality,
       r.revision, r.received_at
FROM reading r JOIN channel c USING (channel_key)
LEFT JOIN verdict v USING (channel_key, interval_start, interval_minutes)
WHERE c.source = 'meter'
UNION ALL                                       -- intervals that never came: estimated, or known to be missing
SELECT c.owner_id, c.channel, v.interval_start, v.interval_minutes, v.value, c.unit, v.quality, 0, v.judged_at
FROM verdict v JOIN channel c USING (channel_key)
WHERE c.source = 'meter' AND NOT EXISTS (
    SELECT FROM reading r WHERE r.channel_key = v.channel_key AND r.interval_start = v.interval_start
    AND r.interval_minutes = v.interval_minutes);

CREATE VIEW v_validation AS                     -- by series: what waits, and what was found
SELECT c.source, c.owner_id, c.channel, coalesce(d.due_spans, 0) AS due_spans, d.oldest_marked_at,
       coalesce(f.verdicts, 0) AS verdicts, coalesce(f.estimated, 0) AS estimated, coalesce(f.edited, 0) AS edited,
       coalesce(f.missing, 0) AS missing
FROM channel c
LEFT JOIN (SELECT channel_key, count(*) AS due_spans, min(marked_at) AS oldest_marked_at
           FROM validation_due GROUP BY channel_key) d USING (channel_key)
LEFT JOIN (SELECT channel_key, count(*) AS verdicts, count(*) FILTER (WHERE quality & 12 <> 0) AS estimated,
                  count(*) FILTER (WHERE quality & 2 <> 0) AS edited, count(*) FILTER (WHERE value IS NULL) AS missing
           FROM verdict GROUP BY channel_key) f USING (channel_key);
