-- Sessions of people who signed in by the provider. Their tokens are stored as hashes only.

CREATE TABLE sessions (
    id         BYTEA  PRIMARY KEY,
    issuer     TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    reseller   TEXT,
    role       TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id, started_at);
CREATE INDEX sessions_by_use ON sessions (seen_at);

-- Who did what to which order or source, and when.
CREATE TABLE audit_log (
    position     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    actor_name   TEXT   NOT NULL,
    reseller     TEXT,
    action       TEXT   NOT NULL,
    order_key    TEXT,
    order_number TEXT,
    source       TEXT
);
CREATE INDEX audit_log_by_time ON audit_log (at);
CREATE INDEX audit_log_by_actor ON audit_log (actor, position);
CREATE INDEX audit_log_by_order ON audit_log (order_number, position);
