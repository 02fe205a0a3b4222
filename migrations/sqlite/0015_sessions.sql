-- Sessions of people who signed in by the provider. Their tokens are stored as hashes only.

CREATE TABLE sessions (
    id         BLOB   PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    reseller   TEXT,
    role       TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id, started_at);
CREATE INDEX sessions_by_use ON sessions (seen_at);
