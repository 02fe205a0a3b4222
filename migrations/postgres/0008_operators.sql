-- What people decided: settlements of legs, notes, pauses of sources, and orphans that were found only at a vendor.

ALTER TABLE orders ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE legs ADD COLUMN settled TEXT;

-- Requests of operators that concern no single order.
CREATE TABLE operator_actions (
    scope        TEXT   NOT NULL,
    operation    TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    request_hash TEXT   NOT NULL,
    scheduled    BIGINT NOT NULL,
    used_at      BIGINT NOT NULL,
    PRIMARY KEY (scope, operation, key)
);
CREATE INDEX operator_actions_by_use ON operator_actions (used_at);

CREATE TABLE source_pauses (
    source    TEXT   PRIMARY KEY,
    mode      TEXT   NOT NULL,
    since     BIGINT NOT NULL,
    ends_at   BIGINT,
    note      TEXT   NOT NULL,
    paused_by TEXT   NOT NULL
);

-- The vendor's identifier is encrypted, like the references of legs.
CREATE TABLE resolved_orphans (
    id          TEXT   PRIMARY KEY,
    source      TEXT   NOT NULL,
    key_id      TEXT   NOT NULL,
    sealed      BYTEA  NOT NULL,
    order_key   TEXT,
    leg         BIGINT,
    note        TEXT   NOT NULL,
    resolved_by TEXT   NOT NULL,
    resolved_at BIGINT NOT NULL
);
CREATE INDEX resolved_orphans_by_source ON resolved_orphans (source);
