-- Orders are found by words and listed by columns that never change. Both are inserted in the statement of the order. Orders of earlier
-- versions get them while the service runs.

-- `reseller` is empty for an order that no reseller sold. The search of a reseller reads only its own rows; that of everybody else reads
-- those of one reseller after the other.
CREATE TABLE order_search (
    token     TEXT NOT NULL,
    order_key TEXT NOT NULL,
    reseller  TEXT NOT NULL,
    PRIMARY KEY (reseller, token, order_key)
) STRICT, WITHOUT ROWID;

-- The first day of a visit, empty for open visits, and the planned total in the first currency by code.
CREATE TABLE order_sort_keys (
    order_key   TEXT    NOT NULL PRIMARY KEY,
    reseller    TEXT    NOT NULL,
    first_visit TEXT    NOT NULL,
    currency    TEXT    NOT NULL,
    total       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX order_sort_keys_by_visit ON order_sort_keys (first_visit, order_key);
CREATE INDEX order_sort_keys_by_total ON order_sort_keys (currency, total, order_key);
CREATE INDEX order_sort_keys_by_reseller_visit ON order_sort_keys (reseller, first_visit, order_key);
CREATE INDEX order_sort_keys_by_reseller_total ON order_sort_keys (reseller, currency, total, order_key);

ALTER TABLE orders ADD COLUMN is_searchable INTEGER NOT NULL DEFAULT 0;
CREATE INDEX orders_not_searchable ON orders (key) WHERE is_searchable = 0;
CREATE INDEX orders_by_status_and_age ON orders (status, created_at, key);
DROP INDEX orders_by_status;

-- The title of the event as it was when the order was planned, and the day of the visit at the venue.
ALTER TABLE order_lines ADD COLUMN event_title TEXT;
ALTER TABLE order_lines ADD COLUMN visit_date TEXT;
CREATE INDEX order_lines_by_event ON order_lines (event, order_key);
CREATE INDEX order_lines_by_visit ON order_lines (visit_date, order_key);
