-- Who speaks for every interval of a forecast, what was known, and how good issued forecasts turned out, by day.

ALTER TABLE forecast_run
    ADD COLUMN methods           text[],        -- of its voices; NULL: nobody noted them
    ADD COLUMN model_ids         text[],
    ADD COLUMN fallback_levels   smallint[],
    ADD COLUMN readings_until    timestamptz,   -- end of the newest reading that was known
    ADD COLUMN weather_issued_at timestamptz,   -- of the newest weather forecast that was known
    ADD COLUMN completeness      double precision;
ALTER TABLE forecast_value ADD COLUMN voice smallint;  -- place in methods, from 1

CREATE OR REPLACE VIEW v_forecast AS
SELECT f.series_id, f.issued_at, v.interval_start, q.quantile, q.value, f.unit,
       coalesce(f.model_ids[v.voice], f.model_id) AS model_id, f.degraded,
       coalesce(f.methods[v.voice], f.method) AS method, f.fallback_levels[v.voice] AS fallback_level,
       f.readings_until, f.weather_issued_at, f.completeness
FROM forecast_run f
JOIN forecast_value v USING (forecast_id)
CROSS JOIN LATERAL unnest(f.levels, v.quantiles) AS q(quantile, value);

-- A model's forecasts of one series and one day against what came; scored again while readings still come late.
CREATE TABLE forecast_score (
    series_id   text NOT NULL,
    day         date NOT NULL,                  -- local calendar day of the site
    model_id    text NOT NULL,
    intervals   integer NOT NULL,
    pinball_kw  double precision NOT NULL,      -- mean over intervals and levels
    missed      double precision,               -- share outside the central 90 % band; NULL: a polar night
    PRIMARY KEY (series_id, day, model_id)
);
CREATE INDEX forecast_score_model ON forecast_score (model_id, day);

CREATE TABLE model_drift (                      -- a champion's last days against what its backtest promised
    model_id    text PRIMARY KEY REFERENCES model,
    checked_at  timestamptz NOT NULL,           -- on the site's clock
    declared    boolean NOT NULL,
    document    jsonb NOT NULL                  -- by series, and under * of their mean
);
