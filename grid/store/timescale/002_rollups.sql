-- Totals by hour and by local day as continuous aggregates of the raw readings. They are refreshed by the roll-up, not
-- by a policy, which would count from the wall clock and leave a replayed history alone. Real-time aggregation is off:
-- it knows only what lies behind the newest bucket, and would not see a correction; the marks in rollup_due see both.

-- Makes one continuous aggregate, of hours or of a zone's days. Only intervals inside their bucket count; where all
-- have one length and one phase they cannot overlap, and a plain sum is right: uniform.
CREATE FUNCTION make_reading_sums(name text, bucket text, behind text) RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE format($sums$
        CREATE MATERIALIZED VIEW %1$I WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
        SELECT channel_key, %2$s AS bucket_start, sum(value * interval_minutes) AS value_minutes,
               sum(interval_minutes) FILTER (WHERE value IS NOT NULL) AS known_minutes,
               count(value) AS readings, count(*) - count(value) AS missing,
               last(value, interval_start) FILTER (WHERE value IS NOT NULL) AS last_value,
               min(interval_minutes) = max(interval_minutes) AND min(%4$s) = max(%4$s) AS uniform
        FROM reading
        WHERE (interval_start AT TIME ZONE 'UTC') + interval_minutes * interval '1 minute' <= %3$s
        GROUP BY channel_key, %2$s WITH NO DATA $sums$, name, bucket, behind,
        'interval_start - date_bin(interval_minutes * interval ''1 minute'', interval_start, ''1970-01-01Z'')');
END $make$;

CREATE FUNCTION make_reading_daily_sums(zone text) RETURNS void LANGUAGE sql AS $$
    SELECT make_reading_sums('reading_daily_sums', format('time_bucket(''1 day'', interval_start, %L)', zone),
        format('(date_trunc(''day'', interval_start AT TIME ZONE %1$L) + interval ''1 day'') AT TIME ZONE %1$L '
               'AT TIME ZONE ''UTC''', zone))
$$;

CREATE FUNCTION make_reading_hourly_sums(hours_from timestamptz) RETURNS void LANGUAGE sql AS $$
    SELECT make_reading_sums('reading_hourly_sums',
        format('time_bucket(''1 hour'', interval_start, origin => timestamptz %L)', hours_from),
        format('date_bin(''1 hour'', interval_start AT TIME ZONE ''UTC'', timestamp %L) + interval ''1 hour''',
               hours_from AT TIME ZONE 'UTC'))
$$;

SELECT make_reading_hourly_sums((SELECT hours_from FROM rollup_setting));
SELECT make_reading_daily_sums((SELECT timezone FROM rollup_setting));

-- What the views read beside the few totals that are no plain sums, in the same columns.
CREATE FUNCTION plain_sums(name text) RETURNS text LANGUAGE sql AS $$
    SELECT format($sums$(
        SELECT s.channel_key, s.bucket_start, s.value_minutes, coalesce(s.known_minutes, 0)::integer AS known_minutes,
               s.readings::integer AS readings, 0 AS estimated, s.missing::integer AS missing, s.last_value
        FROM %1$I s LEFT JOIN %2$I h USING (channel_key, bucket_start) WHERE h.channel_key IS NULL)$sums$,
        name || '_sums', name)
$$;
CREATE FUNCTION read_plain_sums() RETURNS void LANGUAGE sql AS $$
    SELECT make_totals_view('v_reading_hourly', ARRAY['reading_hourly', plain_sums('reading_hourly')], 'NULL');
    SELECT make_totals_view('v_reading_daily', ARRAY['reading_daily', plain_sums('reading_daily')],
                            '(SELECT timezone FROM rollup_setting)');
$$;
SELECT read_plain_sums();

-- The totals at rest were made on plain tables until now, or not at all.
TRUNCATE reading_hourly, reading_daily;
SELECT mark_all_rollups();

-- Days of another zone are another aggregate, and so are hours where its clocks differ by a part of one.
CREATE OR REPLACE FUNCTION set_rollup_zone(zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    midnight timestamptz := timestamp '2026-01-01' AT TIME ZONE zone;   -- raises for a zone that the server does not know
BEGIN
    IF EXISTS (SELECT FROM rollup_setting WHERE timezone <> zone) THEN
        PERFORM make_totals_view('v_reading_daily', '{reading_daily}', '(SELECT timezone FROM rollup_setting)');
        DROP MATERIALIZED VIEW reading_daily_sums;
        PERFORM make_reading_daily_sums(zone);
        TRUNCATE reading_daily;
        IF EXISTS (SELECT FROM rollup_setting WHERE date_bin('1 hour', midnight, hours_from) <> midnight) THEN
            PERFORM make_totals_view('v_reading_hourly', '{reading_hourly}', 'NULL');
            DROP MATERIALIZED VIEW reading_hourly_sums;
            PERFORM make_reading_hourly_sums(midnight);
            TRUNCATE reading_hourly;
        END IF;
        UPDATE rollup_setting SET timezone = zone, hours_from = midnight;
        PERFORM read_plain_sums();
        PERFORM mark_all_rollups();
    END IF;
END $$;
