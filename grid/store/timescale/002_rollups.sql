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

SELECT make_reading_sums('reading_hourly_sums', 'time_bucket(''1 hour'', interval_start)',
    'date_bin(''1 hour'', interval_start AT TIME ZONE ''UTC'', ''1970-01-01'') + interval ''1 hour''');
SELECT make_reading_daily_sums((SELECT timezone FROM rollup_setting));

CREATE OR REPLACE VIEW rolled_hourly AS
SELECT * FROM reading_hourly
UNION ALL
SELECT s.channel_key, s.bucket_start, s.value_minutes, coalesce(s.known_minutes, 0)::integer, s.readings::integer, 0,
       s.missing::integer, s.last_value
FROM reading_hourly_sums s
WHERE NOT EXISTS (SELECT FROM reading_hourly h
                  WHERE h.channel_key = s.channel_key AND h.bucket_start = s.bucket_start);

CREATE FUNCTION point_rolled_daily() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE OR REPLACE VIEW rolled_daily AS
    SELECT * FROM reading_daily
    UNION ALL
    SELECT s.channel_key, s.bucket_start, s.value_minutes, coalesce(s.known_minutes, 0)::integer, s.readings::integer,
           0, s.missing::integer, s.last_value
    FROM reading_daily_sums s
    WHERE NOT EXISTS (SELECT FROM reading_daily h
                      WHERE h.channel_key = s.channel_key AND h.bucket_start = s.bucket_start);
END $$;
SELECT point_rolled_daily();

-- The totals at rest were made on plain tables until now, or not at all.
TRUNCATE reading_hourly, reading_daily;
SELECT mark_all_rollups();

-- Days of another zone are another aggregate.
CREATE OR REPLACE FUNCTION set_rollup_zone(zone text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM now() AT TIME ZONE zone;         -- raises for a zone that the server does not know
    UPDATE rollup_setting SET timezone = zone WHERE timezone <> zone;
    IF FOUND THEN
        CREATE OR REPLACE VIEW rolled_daily AS SELECT * FROM reading_daily;
        DROP MATERIALIZED VIEW reading_daily_sums;
        PERFORM make_reading_daily_sums(zone);
        PERFORM point_rolled_daily();
        TRUNCATE reading_daily;
        PERFORM mark_all_rollups();
    END IF;
END $$;
