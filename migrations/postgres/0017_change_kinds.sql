-- The feed has entries for objects other than orders. `subject` is the changed object in JSON; null for an order, which `order_key` names.
-- `removed` is 1 if the object is no longer listed. Replicas of the version before write orders without a kind.
ALTER TABLE changes ADD COLUMN kind TEXT NOT NULL DEFAULT 'ORDER';
ALTER TABLE changes ADD COLUMN subject TEXT;
ALTER TABLE changes ADD COLUMN removed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE changes ALTER COLUMN order_key DROP NOT NULL;
ALTER TABLE changes ALTER COLUMN status DROP NOT NULL;

-- Number of writes of a delivery.
ALTER TABLE delivery_parcels ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- The state of each object of the catalog, of sources and of connections as the feed last named it. `digests` has a digest for each part
-- of the object in JSON, with the time of its reading; null for an object that has gone. `parent` is the event of a performance.
-- `recorded_at` is the time of the last entry.
CREATE TABLE feed_facts (
    kind        TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    parent      TEXT,
    starts_at   BIGINT,
    digests     TEXT,
    version     BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (kind, source, key)
);
CREATE INDEX feed_facts_by_parent ON feed_facts (kind, source, parent);

-- Work that one replica does for all. It is due again at `lease_until`.
CREATE TABLE feed_leases (
    name        TEXT   NOT NULL PRIMARY KEY,
    lease_until BIGINT NOT NULL
);
