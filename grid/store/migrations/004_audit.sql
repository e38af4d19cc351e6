-- The audit log: who did what when, each entry chained to the one before it by SHA-256, so that a change is found.

CREATE TABLE audit_entry (
    audit_id        bigint PRIMARY KEY,         -- 1, 2, 3 … without a gap: given out under the chain's lock
    at              timestamptz NOT NULL,
    actor           text NOT NULL,              -- key:NAME, shell:user@host, or gridpilot for the service
    action          text NOT NULL,
    document        json NOT NULL,              -- not jsonb: kept byte for byte, as it went into the hash
    previous_sha256 bytea NOT NULL,
    sha256          bytea NOT NULL
);
CREATE INDEX audit_entry_action ON audit_entry (action, audit_id DESC);

CREATE FUNCTION keep_audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are added, never changed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION keep_audit_entry();
CREATE TRIGGER audit_entry_not_emptied BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_entry();

-- A rotated key: the secret before the present one works until then.
ALTER TABLE api_key ADD COLUMN former_sha256 bytea UNIQUE, ADD COLUMN former_until timestamptz;
