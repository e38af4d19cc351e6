-- Totals of every channel by hour and by local day of the site, of validated values, up to the newest reading.
-- What was touched since the last roll-up is known by marks and computed from the readings at the time of asking, so
-- the views are exact at any moment; docs/storage.md has the design. Runs on any PostgreSQL; ../plain and ../timescale
-- say where the totals at rest come from.

CREATE TABLE rollup_setting (               -- one row: what the totals stand on
    timezone      text NOT NULL,            -- the zone of local days; that of the site once one is loaded
    hours_from    timestamptz NOT NULL DEFAULT '2026-01-01Z',   -- a midnight there: hours count from it, :30 in India
    readings_from timestamptz NOT NULL DEFAULT '-infinity',     -- earlier readings were dropped, their totals stay
    one_row       boolean PRIMARY KEY DEFAULT true CHECK (one_row)
);
INSERT INTO rollup_setting (timezone) VALUES ('UTC');

CREATE TABLE rollup_due (                   -- spans whose totals at rest no longer hold
    due_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_key    integer NOT NULL,
    interval_from  timestamptz NOT NULL,
    interval_until timestamptz NOT NULL
);

CREATE TABLE reading_hourly (               -- totals at rest; on TimescaleDB only those that are no plain sums
    channel_key   integer NOT NULL,
    bucket_start  timestamptz NOT NULL,
    value_minutes double precision,         -- sum of value times length: kW minutes of power
    known_minutes integer NOT NULL,
    readings      integer NOT NULL,
    estimated     integer NOT NULL,
    missing       integer NOT NULL,
    last_value    double precision,         -- what a state (register, state of charge) ended with
    PRIMARY KEY (channel_key, bucket_start)
) WITH (fillfactor = 80);                   -- the newest buckets are rewritten in place as they fill
CREATE INDEX reading_hourly_time ON reading_hourly USING brin (bucket_start) WITH (autosummarize = on);
CREATE TABLE reading_daily (LIKE reading_hourly INCLUDING ALL) WITH (fillfactor = 80);

-- Marks -----------------------------------------------------------------------------------------------------
-- Ingest marks what it stored in validation_due; when validation has dealt with a mark, or changed a verdict, the
-- totals are due. So ingest pays for one mark only.
CREATE FUNCTION mark_rollup_of_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_due (channel_key, interval_from, interval_until)
    SELECT channel_key, min(interval_from), max(interval_until) FROM gone
    GROUP BY channel_key, date_bin('7 days', interval_from, '1970-01-01Z');
    RETURN NULL;
END $$;
CREATE TRIGGER validation_due_gone AFTER DELETE ON validation_due REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION mark_rollup_of_due();

CREATE FUNCTION mark_rollup_of_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_due (channel_key, interval_from, interval_until)
    SELECT channel_key, min(interval_start), max(interval_start) + interval '1 microsecond' FROM changed
    GROUP BY channel_key, date_bin('1 day', interval_start, '1970-01-01Z');
    RETURN NULL;
END $$;
CREATE TRIGGER verdict_added AFTER INSERT ON verdict REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION mark_rollup_of_verdict();
CREATE TRIGGER verdict_changed AFTER UPDATE ON verdict REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION mark_rollup_of_verdict();
CREATE TRIGGER verdict_removed AFTER DELETE ON verdict REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION mark_rollup_of_verdict();

-- The bucket that holds an instant: the hour, counted from hours_from (a clock change of an hour moves none), or the
-- local day of a zone.
CREATE FUNCTION bucket_start(instant timestamptz, zone text, hours_from timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN zone IS NULL THEN date_bin('1 hour', instant, hours_from)
                ELSE date_trunc('day', instant AT TIME ZONE zone) AT TIME ZONE zone END
$$;
CREATE FUNCTION bucket_end(instant timestamptz, zone text, hours_from timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN zone IS NULL THEN date_bin('1 hour', instant, hours_from) + interval '1 hour'
                ELSE (date_trunc('day', instant AT TIME ZONE zone) + interval '1 day') AT TIME ZONE zone END
$$;
-- The same by the setting, for the few; where there are many, the planner had better see through the call.
CREATE FUNCTION bucket_start(instant timestamptz, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT bucket_start(instant, zone, hours_from) FROM rollup_setting
$$;
CREATE FUNCTION bucket_end(instant timestamptz, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT bucket_end(instant, zone, hours_from) FROM rollup_setting
$$;

-- The whole buckets that a span touches, without those of which readings were dropped: their totals stay.
CREATE FUNCTION whole_buckets(interval_from timestamptz, interval_until timestamptz, zone text) RETURNS tstzrange
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN behind > first THEN tstzrange(first, behind) END
    FROM (SELECT greatest(bucket_start(interval_from, zone, hours_from), CASE WHEN isfinite(readings_from)
                     THEN bucket_end(readings_from - interval '1 microsecond', zone, hours_from)
                     ELSE readings_from END) AS first,
                 bucket_end(greatest(interval_until - interval '1 microsecond', interval_from), zone, hours_from) AS behind
          FROM rollup_setting) AS span
$$;

-- What is due of every channel, in whole buckets.
CREATE FUNCTION due_buckets(zone text) RETURNS TABLE (channel_key integer, spans tstzmultirange)
LANGUAGE sql STABLE AS $$
    SELECT d.channel_key, range_agg(whole_buckets(d.interval_from, d.interval_until, zone))
    FROM (SELECT channel_key, interval_from, interval_until FROM validation_due
          UNION ALL SELECT channel_key, interval_from, interval_until FROM rollup_due) AS d
    GROUP BY d.channel_key
$$;

-- Totals of one channel over whole buckets, from its readings and verdicts, by the rules of grid/resampling.py.
CREATE FUNCTION reading_totals(key integer, span tstzrange, zone text)
RETURNS SETOF reading_hourly LANGUAGE sql STABLE ROWS 50 AS $$
    WITH validated AS (
        SELECT r.interval_start, r.interval_minutes, coalesce(v.quality, 0) AS quality,
               CASE WHEN v.channel_key IS NULL THEN r.value ELSE v.value END AS value
        FROM reading r LEFT JOIN verdict v USING (channel_key, interval_start, interval_minutes)
        WHERE r.channel_key = key AND r.interval_start >= lower(span) AND r.interval_start < upper(span)
        UNION ALL
        SELECT v.interval_start, v.interval_minutes, v.quality, v.value FROM verdict v
        WHERE v.channel_key = key AND v.interval_start >= lower(span) AND v.interval_start < upper(span)
          AND NOT EXISTS (SELECT FROM reading r WHERE r.channel_key = v.channel_key
                          AND r.interval_start = v.interval_start AND r.interval_minutes = v.interval_minutes)
    ), placed AS (
        SELECT *, interval_start + interval_minutes * interval '1 minute' AS interval_end,
               bucket_start(interval_start, zone, hours_from) AS bucket,
               bucket_end(interval_start, zone, hours_from) AS bucket_end
        FROM validated, rollup_setting
    ), inside AS (
        SELECT *, interval_start = date_bin(interval_minutes * interval '1 minute', interval_start, '1970-01-01Z')
                  AS on_grid,
               coalesce(interval_start < max(CASE WHEN value IS NOT NULL THEN interval_end END) OVER earlier, false)
                  AS clashes
        FROM placed WHERE interval_end <= bucket_end
        WINDOW earlier AS (PARTITION BY bucket ORDER BY interval_start, interval_minutes
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), counted AS (
        SELECT *, value IS NOT NULL AND (NOT bool_or(clashes) OVER (PARTITION BY bucket) OR NOT EXISTS (
                   SELECT FROM inside s
                   WHERE s.bucket = i.bucket AND s.value IS NOT NULL
                     AND s.interval_start < i.interval_end AND s.interval_end > i.interval_start
                     AND (s.interval_minutes, s.on_grid, i.interval_start)
                         > (i.interval_minutes, i.on_grid, s.interval_start))) AS counts
        FROM inside i
    )
    SELECT key, bucket, sum(value * interval_minutes) FILTER (WHERE counts),
           coalesce(sum(interval_minutes) FILTER (WHERE counts), 0)::integer,
           count(*) FILTER (WHERE counts)::integer,
           count(*) FILTER (WHERE counts AND quality & 12 <> 0)::integer,      -- bits 2 and 3: estimated
           count(*) FILTER (WHERE value IS NULL)::integer,
           (array_agg(value ORDER BY interval_start DESC, interval_minutes DESC) FILTER (WHERE value IS NOT NULL))[1]
    FROM counted GROUP BY bucket
$$;

-- All totals of every channel become due.
CREATE FUNCTION mark_all_rollups() RETURNS void LANGUAGE sql AS $$
    INSERT INTO rollup_due (channel_key, interval_from, interval_until)
    SELECT c.channel_key, first.interval_start, last.interval_start + interval '1 microsecond' FROM channel c
    CROSS JOIN LATERAL (SELECT r.interval_start FROM reading r WHERE r.channel_key = c.channel_key
                        ORDER BY r.interval_start LIMIT 1) first
    CROSS JOIN LATERAL (SELECT r.interval_start FROM reading r WHERE r.channel_key = c.channel_key
                        ORDER BY r.interval_start DESC LIMIT 1) last
$$;
SELECT mark_all_rollups();

-- Days and hours are those of this zone from now on. Hours stay where they are unless its clocks differ by a part of one.
CREATE FUNCTION set_rollup_zone(zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    midnight timestamptz := timestamp '2026-01-01' AT TIME ZONE zone;   -- raises for a zone that the server does not know
BEGIN
    IF EXISTS (SELECT FROM rollup_setting WHERE timezone <> zone) THEN
        IF EXISTS (SELECT FROM rollup_setting WHERE date_bin('1 hour', midnight, hours_from) <> midnight) THEN
            TRUNCATE reading_hourly;
        END IF;
        UPDATE rollup_setting SET timezone = zone, hours_from = midnight;
        TRUNCATE reading_daily;
        PERFORM mark_all_rollups();
    END IF;
END $$;
SELECT set_rollup_zone(document ->> 'timezone') FROM site ORDER BY loaded_at DESC LIMIT 1;

-- Called before a batch is stored. Only plain PostgreSQL needs to be told: see ../plain.
CREATE FUNCTION make_reading_partitions(spans integer[], counts bigint[]) RETURNS integer LANGUAGE sql AS 'SELECT 0';

-- Stable views ----------------------------------------------------------------------------------------------
-- One view of totals: what is at rest and not due, from each of the relations at_rest, and what is due, live. Every arm
-- joins the channel by itself, so that a question about one meter reaches the index of each. zone is SQL: NULL for
-- hours, or the zone of days.
CREATE FUNCTION make_totals_view(name text, at_rest text[], zone text) RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
    columns text := $columns$
        c.owner_id AS meter_id, c.channel, $columns$ || CASE WHEN zone = 'NULL' THEN $columns$
        t.bucket_start AS interval_start, 60::smallint AS interval_minutes, $columns$ ELSE $columns$
        (t.bucket_start AT TIME ZONE %1$s)::date AS day, t.bucket_start AS interval_start,
        (extract(epoch FROM bucket_end(t.bucket_start, %1$s) - t.bucket_start) / 60)::smallint AS interval_minutes,
        $columns$ END || $columns$
        CASE WHEN c.channel = 'state_of_charge' OR c.channel LIKE '%%\_register' THEN t.last_value
             ELSE t.value_minutes / nullif(t.known_minutes, 0) END AS value, c.unit,
        CASE WHEN c.unit = 'kW' THEN t.value_minutes / 60 END AS energy_kwh,
        t.known_minutes, t.readings, t.estimated, t.missing $columns$;
    rested text := (SELECT string_agg(format('SELECT ' || columns || $rested$
        FROM channel c JOIN %2$s AS t USING (channel_key) LEFT JOIN due_buckets(%1$s) d USING (channel_key)
        WHERE c.source = 'meter' AND (d.spans IS NULL OR NOT d.spans @> t.bucket_start) $rested$, zone, relation),
        ' UNION ALL ') FROM unnest(at_rest) AS relation);
BEGIN
    EXECUTE format('CREATE OR REPLACE VIEW %I AS ', name) || rested || format(' UNION ALL SELECT ' || columns || $live$
        FROM channel c JOIN due_buckets(%1$s) d USING (channel_key) CROSS JOIN LATERAL unnest(d.spans) AS s(span)
        CROSS JOIN LATERAL reading_totals(c.channel_key, s.span, %1$s) t
        WHERE c.source = 'meter' $live$, zone);
END $make$;

SELECT make_totals_view('v_reading_hourly', '{reading_hourly}', 'NULL');
SELECT make_totals_view('v_reading_daily', '{reading_daily}', '(SELECT timezone FROM rollup_setting)');
