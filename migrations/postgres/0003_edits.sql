-- Edits of events and of the gate by key: noted before the vendor is called. Without an outcome nobody knows what came of one.

CREATE TABLE edits (
    scope        TEXT   NOT NULL,
    operation    TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    source       TEXT   NOT NULL,
    request_hash TEXT   NOT NULL,
    begun_at     BIGINT NOT NULL,
    outcome      TEXT,
    PRIMARY KEY (scope, operation, key, source)
);
