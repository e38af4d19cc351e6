-- Applied after the plain schema where TimescaleDB is not: readings in partitions of four weeks. What was stored so far
-- becomes the default partition, untouched; a span gets a partition of its own as soon as it is known to be more than
-- a few stray stamps, so rubbish cannot make thousands of them.
CREATE SCHEMA partitions;

-- Views keep their identity and their grants: each is pointed at the new table by its own definition.
CREATE FUNCTION views_of_readings() RETURNS TABLE (name text, definition text) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT v.oid::regclass::text, pg_get_viewdef(v.oid) FROM pg_depend d
    JOIN pg_rewrite w ON w.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_class v ON v.oid = w.ev_class
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'reading'::regclass AND v.relkind = 'v'
$$;

DO $$
DECLARE
    kept record;
    kept_views jsonb := (SELECT jsonb_object_agg(name, definition) FROM views_of_readings());
BEGIN
    ALTER TABLE reading RENAME TO reading_default;
    ALTER TABLE reading_default SET SCHEMA partitions;
    ALTER INDEX partitions.reading_pkey RENAME TO reading_default_pkey;
    CREATE TABLE reading (LIKE partitions.reading_default INCLUDING DEFAULTS,
                          PRIMARY KEY (channel_key, interval_start, interval_minutes)) PARTITION BY RANGE (interval_start);
    ALTER TABLE reading ATTACH PARTITION partitions.reading_default DEFAULT;
    FOR kept IN SELECT * FROM jsonb_each_text(kept_views) LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', kept.key, kept.value);
    END LOOP;
END $$;
CREATE INDEX reading_default_time ON partitions.reading_default (interval_start);

-- Makes partitions for spans of four weeks, counted from 1970, of which a batch and the default partition together hold
-- at least 1,000 readings. Where the default partition already holds more than 10,000, the span stays there: moving them
-- would hold up everybody. A span without a count is made ahead of its readings. Returns how many were made.
-- Who waits for a reader of the default partition has all others queue behind him: so not for long, but longer than
-- deadlock_timeout, after which autovacuum gives way; and for a span ahead, which has weeks to be made, not at all.
CREATE FUNCTION make_dense_partitions(spans integer[], counts bigint[]) RETURNS integer LANGUAGE plpgsql
SET lock_timeout = '1200ms' AS $$
DECLARE
    made integer := 0;
    wanted record;
    stray bigint;
BEGIN
    FOR wanted IN
        SELECT s.count, 'reading_' || s.span AS name,
               timestamptz '1970-01-01Z' + s.span * interval '672 hours' AS first,
               timestamptz '1970-01-01Z' + (s.span + 1) * interval '672 hours' AS behind
        FROM unnest(spans, counts) AS s(span, count) ORDER BY s.count NULLS LAST
    LOOP
        CONTINUE WHEN to_regclass('partitions.' || wanted.name) IS NOT NULL;
        SELECT count(*) INTO stray FROM (SELECT FROM partitions.reading_default
            WHERE interval_start >= wanted.first AND interval_start < wanted.behind LIMIT 10001) AS found;
        CONTINUE WHEN stray + wanted.count < 1000 OR stray > 10000;
        IF wanted.count IS NULL THEN
            LOCK TABLE partitions.reading_default IN ACCESS EXCLUSIVE MODE NOWAIT;
        ELSE
            LOCK TABLE partitions.reading_default IN ACCESS EXCLUSIVE MODE;
        END IF;
        EXECUTE format('CREATE TABLE partitions.%I (LIKE partitions.reading_default INCLUDING DEFAULTS INCLUDING '
                       'CONSTRAINTS)', wanted.name);
        EXECUTE format('WITH moved AS (DELETE FROM partitions.reading_default WHERE interval_start >= %L '
                       'AND interval_start < %L RETURNING *) INSERT INTO partitions.%I SELECT * FROM moved',
                       wanted.first, wanted.behind, wanted.name);
        EXECUTE format('ALTER TABLE reading ATTACH PARTITION partitions.%I FOR VALUES FROM (%L) TO (%L)',
                       wanted.name, wanted.first, wanted.behind);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Called before a batch is stored. Where somebody reads the default partition for long, the batch goes there, and a
-- later one tries again.
CREATE OR REPLACE FUNCTION make_reading_partitions(spans integer[], counts bigint[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    made integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(spans) AS s(span) WHERE to_regclass('partitions.reading_' || s.span) IS NULL) THEN
        RETURN 0;
    END IF;
    BEGIN
        -- One at a time, before either has looked at the default partition: nobody waits for a lock in exchange for his
        -- own. Where there is nothing to make, leaving by the exception gives all of these locks back.
        PERFORM pg_advisory_xact_lock(hashtext('gridpilot reading partitions'));
        made := make_dense_partitions(spans, counts);
        IF made = 0 THEN
            RAISE lock_not_available;
        END IF;
    EXCEPTION WHEN lock_not_available THEN
        made := 0;
    END;
    -- What the batch then sends to the default partition is no other's to move until it has ended.
    LOCK TABLE partitions.reading_default IN ROW EXCLUSIVE MODE;
    RETURN made;
END $$;

-- Back to one table, for a server that gains TimescaleDB.
CREATE FUNCTION merge_reading_partitions() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kept record;
    kept_views jsonb := (SELECT jsonb_object_agg(name, definition) FROM views_of_readings());
BEGIN
    ALTER TABLE reading RENAME TO reading_partitioned;
    CREATE TABLE reading (LIKE reading_partitioned INCLUDING DEFAULTS);
    INSERT INTO reading SELECT * FROM reading_partitioned;
    FOR kept IN SELECT * FROM jsonb_each_text(kept_views) LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', kept.key, kept.value);
    END LOOP;
    DROP TABLE reading_partitioned;
    ALTER TABLE reading ADD CONSTRAINT reading_pkey PRIMARY KEY (channel_key, interval_start, interval_minutes);
    DROP SCHEMA partitions CASCADE;
    CREATE OR REPLACE FUNCTION make_reading_partitions(spans integer[], counts bigint[]) RETURNS integer
        LANGUAGE sql AS 'SELECT 0';
    DROP FUNCTION views_of_readings, make_dense_partitions, merge_reading_partitions;
END $$;
