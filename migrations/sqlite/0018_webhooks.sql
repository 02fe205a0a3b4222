-- Webhooks: where they send to, how far they have read the feed, and what they send.

CREATE TABLE webhooks (
    id              TEXT   PRIMARY KEY,
    caller          TEXT   NOT NULL,
    reseller        TEXT,
    scopes          TEXT   NOT NULL,
    events          TEXT   NOT NULL,
    include         TEXT   NOT NULL,
    -- The URL, which may contain a key, and the secrets: encrypted.
    key_id          TEXT   NOT NULL,
    sealed          BLOB   NOT NULL,
    state           TEXT   NOT NULL,
    disabled_reason TEXT,
    created_at      BIGINT NOT NULL,
    position        BIGINT NOT NULL,
    failing_since   BIGINT,
    fence           BIGINT NOT NULL,
    lease_until     BIGINT NOT NULL
);
CREATE INDEX webhooks_by_reseller ON webhooks (reseller, created_at);

CREATE TABLE webhook_messages (
    webhook          TEXT   NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    message          TEXT   NOT NULL,
    position         BIGINT,
    subject          TEXT,
    version          BIGINT NOT NULL,
    at               BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    state            TEXT   NOT NULL,
    attempts         BIGINT NOT NULL,
    first_attempt_at BIGINT,
    next_attempt_at  BIGINT NOT NULL,
    log              TEXT   NOT NULL,
    PRIMARY KEY (webhook, message)
);
CREATE INDEX webhook_messages_waiting ON webhook_messages (webhook, position) WHERE state = 'PENDING';
CREATE INDEX webhook_messages_by_time ON webhook_messages (webhook, created_at, message);

-- Locked while the webhooks of an owner are counted and one is added.
CREATE TABLE webhook_owners (
    owner      TEXT   PRIMARY KEY,
    changed_at BIGINT NOT NULL
);
