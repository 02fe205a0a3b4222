-- The feed has entries for objects other than orders. `subject` is the changed object in JSON; null for an order, which `order_key` names.
-- Replicas of the version before write orders without a kind.
ALTER TABLE changes ADD COLUMN kind TEXT NOT NULL DEFAULT 'ORDER';
ALTER TABLE changes ADD COLUMN subject TEXT;
ALTER TABLE changes ALTER COLUMN order_key DROP NOT NULL;
ALTER TABLE changes ALTER COLUMN status DROP NOT NULL;

-- Number of writes of a delivery.
ALTER TABLE delivery_parcels ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- The facts of the catalog, of sources and of connections as the feed last named them. `digest` is null for an object that has gone.
CREATE TABLE catalog_facts (
    kind    TEXT   NOT NULL,
    source  TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    digest  TEXT,
    version BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (kind, source, key)
);
