-- Readings are joined with their verdicts in one place; the stable views show what they did.

CREATE VIEW reading_with_verdict AS
SELECT c.source, c.owner_id, c.channel, c.unit, r.interval_start, r.interval_minutes, r.value,
       CASE WHEN v.channel_key IS NULL THEN r.value ELSE v.value END AS validated_value,
       r.quality | coalesce(v.quality, CASE WHEN EXISTS (
           SELECT FROM validation_due d WHERE d.channel_key = r.channel_key
           AND d.interval_from <= r.interval_start AND d.interval_until > r.interval_start) THEN 0 ELSE 1 END) AS quality,
       r.revision, r.received_at
FROM reading r JOIN channel c USING (channel_key)
LEFT JOIN verdict v USING (channel_key, interval_start, interval_minutes);

CREATE OR REPLACE VIEW v_reading AS
SELECT owner_id AS meter_id, channel, interval_start, interval_minutes, value, unit, quality, revision, received_at
FROM reading_with_verdict WHERE source = 'meter';

CREATE OR REPLACE VIEW v_weather AS
SELECT owner_id AS site_id, channel, interval_start, interval_minutes, value, unit, quality, revision, received_at
FROM reading_with_verdict WHERE source = 'weather';

CREATE OR REPLACE VIEW v_validated_reading AS
SELECT owner_id AS meter_id, channel, interval_start, interval_minutes, validated_value AS value, unit, quality, revision,
       received_at
FROM reading_with_verdict WHERE source = 'meter'
UNION ALL                                       -- intervals that never came: estimated, or known to be missing
SELECT c.owner_id, c.channel, v.interval_start, v.interval_minutes, v.value, c.unit, v.quality, 0, v.judged_at
FROM verdict v JOIN channel c USING (channel_key)
WHERE c.source = 'meter' AND NOT EXISTS (
    SELECT FROM reading r WHERE r.channel_key = v.channel_key AND r.interval_start = v.interval_start
    AND r.interval_minutes = v.interval_minutes);
