-- A change gets its position in the feed from a sequencer. Until then its `cursor` is null. `id` orders the changes of one order:
-- each is inserted after the previous one was committed. SQLite cannot drop the primary key of a table, so it is rewritten.

-- Statements of resellers sum the legs of a source that were confirmed in a period.
CREATE INDEX legs_by_confirmation ON legs (source, confirmed_at);

CREATE TABLE sequenced_changes (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    cursor    INTEGER,
    at        INTEGER NOT NULL,
    order_key TEXT   NOT NULL REFERENCES orders (key),
    version   INTEGER NOT NULL,
    status    TEXT   NOT NULL,
    reseller  TEXT
) STRICT;
INSERT INTO sequenced_changes (cursor, at, order_key, version, status, reseller)
    SELECT cursor, at, order_key, version, status, reseller FROM changes ORDER BY cursor;
DROP TABLE changes;
ALTER TABLE sequenced_changes RENAME TO changes;
CREATE INDEX changes_by_reseller ON changes (reseller, cursor);
CREATE UNIQUE INDEX changes_by_cursor ON changes (cursor);
CREATE INDEX changes_unsequenced ON changes (id) WHERE cursor IS NULL;

-- Readiness inserts a row and deletes it in one transaction: the table is empty for everybody else.
CREATE TABLE write_checks (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
