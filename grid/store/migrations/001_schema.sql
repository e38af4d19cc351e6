-- The whole first schema. Runs on plain PostgreSQL 15 and later; TimescaleDB statements live in ../timescale.
-- Instants are timestamptz; power is kW, energy kWh, temperature degC, irradiance W/m2, voltage V.

-- Sites ---------------------------------------------------------------------------------------------------
CREATE TABLE site (
    site_id    text PRIMARY KEY,
    document   jsonb NOT NULL,              -- the site file, validated before it came here
    sha256     text NOT NULL,
    loaded_at  timestamptz NOT NULL DEFAULT now()
);

-- Telemetry -----------------------------------------------------------------------------------------------
CREATE TABLE meter (
    meter_id      text PRIMARY KEY,
    registered    boolean NOT NULL DEFAULT false,   -- false: first seen in the stream, accepted
    first_seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE channel (                      -- one series of readings: who measures what
    channel_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text NOT NULL CHECK (source IN ('meter', 'weather')),
    owner_id    text NOT NULL,              -- meter_id or weather site_id
    channel     text NOT NULL,
    unit        text NOT NULL,              -- the stored unit
    UNIQUE (source, owner_id, channel)
);

-- reading and weather_forecast name their channel without a foreign key: its check triples the cost of a bulk load
-- (215,000 against 640,000 rows/s). Keys are only ever taken from channel, whose rows the trigger below keeps.
CREATE FUNCTION keep_channel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'channel rows are kept: readings refer to them by channel_key' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER channel_kept BEFORE DELETE OR UPDATE OF channel_key ON channel
    FOR EACH ROW EXECUTE FUNCTION keep_channel();

CREATE TABLE reading (                      -- the winning reading of every interval
    channel_key      integer NOT NULL,
    interval_start   timestamptz NOT NULL,
    interval_minutes smallint NOT NULL,
    value            double precision,      -- NULL: reported as missing
    quality          integer NOT NULL DEFAULT 0,
    revision         integer NOT NULL DEFAULT 0,
    received_at      timestamptz NOT NULL,
    PRIMARY KEY (channel_key, interval_start, interval_minutes)
);

CREATE TABLE reading_history (              -- readings that lost against a higher revision or a later message
    channel_key      integer NOT NULL,
    issued_at        timestamptz,           -- of a weather forecast; NULL for a reading
    interval_start   timestamptz NOT NULL,
    interval_minutes smallint NOT NULL,
    value            double precision,
    quality          integer NOT NULL,
    revision         integer NOT NULL,
    received_at      timestamptz NOT NULL,
    superseded_at    timestamptz NOT NULL
);
CREATE INDEX reading_history_interval ON reading_history (channel_key, interval_start);

CREATE TABLE weather_forecast (             -- forecasts that others send us, by instant of issue
    channel_key      integer NOT NULL,
    issued_at        timestamptz NOT NULL,
    interval_start   timestamptz NOT NULL,
    interval_minutes smallint NOT NULL,
    value            double precision,
    quality          integer NOT NULL DEFAULT 0,
    revision         integer NOT NULL DEFAULT 0,
    received_at      timestamptz NOT NULL,
    PRIMARY KEY (channel_key, issued_at, interval_start, interval_minutes)
);

-- Stream bookkeeping: offsets live here, in the transaction that stores the readings ------------------------
CREATE TABLE stream_offset (
    cluster_id  text NOT NULL,
    topic       text NOT NULL,
    topic_id    text NOT NULL,              -- a topic made anew starts over at offset 0
    "partition" integer NOT NULL,
    next_offset bigint NOT NULL,
    readings    bigint NOT NULL DEFAULT 0,  -- values counted once each: the proof of exactly once in effect
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster_id, topic, topic_id, "partition")
);

CREATE TABLE stream_gap (                   -- messages the broker dropped before we read them
    gap_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text NOT NULL,
    "partition" integer NOT NULL,
    from_offset bigint NOT NULL,
    to_offset   bigint NOT NULL,
    noticed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ingest_worker (                -- workers heard of lately: each owns its fair share of the partitions
    worker_id  text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE TABLE partition_lease (              -- which ingest worker owns a partition, and until when
    topic       text NOT NULL,
    "partition" integer NOT NULL,
    worker_id   text NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (topic, "partition")
);

CREATE TABLE dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic          text NOT NULL,
    "partition"    integer NOT NULL,
    "offset"       bigint NOT NULL,
    message_key    bytea,
    payload        bytea NOT NULL,
    error_class    text NOT NULL,
    detail         text NOT NULL,
    received_at    timestamptz NOT NULL,
    resolved_at    timestamptz,
    resolution     text
);
CREATE INDEX dead_letter_open ON dead_letter (received_at) WHERE resolved_at IS NULL;

-- Models and forecasts ------------------------------------------------------------------------------------
CREATE TABLE model (
    model_id    text PRIMARY KEY,
    kind        text NOT NULL,              -- load, solar
    status      text NOT NULL CHECK (status IN ('challenger', 'champion', 'retired')),
    manifest    jsonb NOT NULL,             -- data window, features, scores, hash of the weights
    weights     bytea NOT NULL,             -- safetensors
    created_at  timestamptz NOT NULL DEFAULT now(),
    promoted_at timestamptz
);
CREATE UNIQUE INDEX model_one_champion ON model (kind) WHERE status = 'champion';

CREATE TABLE forecast_run (
    forecast_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id        text NOT NULL,         -- <owner_id>:<channel>
    role             text NOT NULL CHECK (role IN ('primary', 'baseline')),
    issued_at        timestamptz NOT NULL,
    interval_minutes smallint NOT NULL,
    levels           double precision[] NOT NULL,
    unit             text NOT NULL,
    model_id         text NOT NULL,
    method           text NOT NULL,
    degraded         boolean NOT NULL,
    reasons          text[] NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (series_id, role, issued_at, model_id)
);
CREATE INDEX forecast_run_latest ON forecast_run (series_id, role, issued_at DESC);

CREATE TABLE forecast_value (
    forecast_id    bigint NOT NULL REFERENCES forecast_run ON DELETE CASCADE,
    interval_start timestamptz NOT NULL,
    quantiles      double precision[] NOT NULL,     -- in the order of forecast_run.levels
    PRIMARY KEY (forecast_id, interval_start)
);

-- Plans ---------------------------------------------------------------------------------------------------
CREATE TABLE plan (
    plan_id    text PRIMARY KEY,
    site_id    text NOT NULL,
    issued_at  timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    what_if    boolean NOT NULL DEFAULT false,
    status     text NOT NULL,
    objective  double precision,
    gap        double precision,
    model_ids  text[] NOT NULL,
    document   jsonb NOT NULL               -- the whole plan as the API returns it
);
CREATE INDEX plan_latest ON plan (site_id, issued_at DESC) WHERE NOT what_if;

CREATE TABLE plan_setpoint (
    plan_id        text NOT NULL REFERENCES plan ON DELETE CASCADE,
    asset_id       text NOT NULL,
    interval_start timestamptz NOT NULL,
    setpoint_kw    double precision NOT NULL,       -- positive feeds the grid; a charging storage is negative
    PRIMARY KEY (plan_id, asset_id, interval_start)
);

CREATE TABLE plan_decision (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id     text NOT NULL REFERENCES plan,
    decision    text NOT NULL CHECK (decision IN ('accept', 'reject', 'override')),
    reason      text NOT NULL,
    overrides   jsonb NOT NULL DEFAULT '{}',
    decided_by  text NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now()
);

-- Access and events ---------------------------------------------------------------------------------------
CREATE TABLE api_key (
    key_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    role       text NOT NULL CHECK (role IN ('operator', 'analyst', 'meter', 'admin')),
    key_sha256 bytea NOT NULL UNIQUE,       -- of a 256-bit random key: no salt needed
    meter_id   text,                        -- role meter: the one meter it may write
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE TABLE event (                        -- what dashboards are told; the id resumes a lost connection
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     text NOT NULL,                 -- readings, forecast, plan, decision, model
    at       timestamptz NOT NULL DEFAULT now(),
    payload  jsonb NOT NULL
);
CREATE FUNCTION notify_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gridpilot_event', NEW.event_id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER event_notify AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION notify_event();

-- Stable views --------------------------------------------------------------------------------------------
CREATE VIEW v_reading AS
SELECT c.owner_id AS meter_id, c.channel, r.interval_start, r.interval_minutes, r.value, c.unit,
       r.quality, r.revision, r.received_at
FROM reading r JOIN channel c USING (channel_key)
WHERE c.source = 'meter';

CREATE VIEW v_weather AS
SELECT c.owner_id AS site_id, c.channel, r.interval_start, r.interval_minutes, r.value, c.unit,
       r.quality, r.revision, r.received_at
FROM reading r JOIN channel c USING (channel_key)
WHERE c.source = 'weather';

CREATE VIEW v_weather_forecast AS
SELECT c.owner_id AS site_id, c.channel, w.issued_at, w.interval_start, w.interval_minutes, w.value, c.unit,
       w.revision, w.received_at
FROM weather_forecast w JOIN channel c USING (channel_key);

CREATE VIEW v_dead_letter AS
SELECT topic, "partition", "offset", received_at, error_class, detail, payload, resolved_at
FROM dead_letter;

CREATE VIEW v_forecast AS
SELECT f.series_id, f.issued_at, v.interval_start, q.quantile, q.value, f.unit, f.model_id, f.degraded
FROM forecast_run f
JOIN forecast_value v USING (forecast_id)
CROSS JOIN LATERAL unnest(f.levels, v.quantiles) AS q(quantile, value);

CREATE VIEW v_plan AS
SELECT p.plan_id, p.issued_at, s.interval_start, s.asset_id, s.setpoint_kw, p.status, p.model_ids
FROM plan p JOIN plan_setpoint s USING (plan_id);
