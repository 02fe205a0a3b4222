-- The feed has entries for objects other than orders. `subject` is the changed object in JSON; null for an order, which `order_key` names.
-- `removed` is 1 if the object is no longer listed. SQLite cannot drop the constraints of a column, so the table is rewritten.
CREATE TABLE changes_of_all_kinds (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    cursor    INTEGER,
    at        INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    subject   TEXT,
    order_key TEXT    REFERENCES orders (key),
    version   INTEGER NOT NULL,
    status    TEXT,
    reseller  TEXT,
    removed   INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO changes_of_all_kinds (id, cursor, at, kind, order_key, version, status, reseller)
    SELECT id, cursor, at, 'ORDER', order_key, version, status, reseller FROM changes ORDER BY id;
DROP TABLE changes;
ALTER TABLE changes_of_all_kinds RENAME TO changes;
CREATE UNIQUE INDEX changes_by_cursor ON changes (cursor);
CREATE INDEX changes_unsequenced ON changes (id) WHERE cursor IS NULL;
CREATE INDEX changes_by_kind ON changes (kind, cursor);
CREATE INDEX changes_by_reseller_and_kind ON changes (reseller, kind, cursor);

-- Number of writes of a delivery.
ALTER TABLE delivery_parcels ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- The state of each object of the catalog, of sources and of connections as the feed last named it. `digests` has a digest for each part
-- of the object in JSON, with the time of its reading; null for an object that has gone. `parent` is the event of a performance.
-- `recorded_at` is the time of the last entry.
CREATE TABLE feed_facts (
    kind        TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    parent      TEXT,
    starts_at   INTEGER,
    digests     TEXT,
    version     INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (kind, source, key)
) STRICT;
CREATE INDEX feed_facts_by_parent ON feed_facts (kind, source, parent);

-- Work that one replica does for all. It is due again at `lease_until`.
CREATE TABLE feed_leases (
    name        TEXT    NOT NULL PRIMARY KEY,
    lease_until INTEGER NOT NULL
) STRICT;
