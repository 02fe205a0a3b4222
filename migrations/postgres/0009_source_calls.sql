-- Calls to vendors by calendar month in UTC, for those that limit a month by contract, and what is kept of rare calls.

CREATE TABLE source_calls (
    account TEXT   NOT NULL,
    month   TEXT   NOT NULL,
    class   TEXT   NOT NULL,
    calls   BIGINT NOT NULL,
    PRIMARY KEY (account, month, class)
);

-- Data of vendors that may be requested rarely, compressed.
CREATE TABLE source_snapshots (
    name       TEXT   PRIMARY KEY,
    read_at    BIGINT NOT NULL,
    changed_at BIGINT,
    body       BYTEA  NOT NULL
);

-- Requests that may be sent once in an interval, and those whose result is not there yet.
CREATE TABLE source_requests (
    name          TEXT   PRIMARY KEY,
    requested_at  BIGINT,
    pending_id    BIGINT,
    pending_since BIGINT
);
