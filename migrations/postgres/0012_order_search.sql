-- Orders are found by words and listed by columns that never change. Both are inserted in the statement of the order. Orders of earlier
-- versions get them while the service runs. The indexes on tables that may be big are built after the migrations, without locks that
-- writers wait for (`crates/store-sql/src/postgres_indexes.rs`).

-- `reseller` is empty for an order that no reseller sold. The search of a reseller reads only its own rows; that of everybody else reads
-- those of one reseller after the other.
CREATE TABLE order_search (
    token     TEXT COLLATE "C" NOT NULL,
    order_key TEXT NOT NULL,
    reseller  TEXT NOT NULL,
    PRIMARY KEY (reseller, token, order_key)
);

-- The first day of a visit, empty for open visits, and the planned total in the first currency by code.
CREATE TABLE order_sort_keys (
    order_key   TEXT   NOT NULL PRIMARY KEY,
    reseller    TEXT   NOT NULL,
    first_visit TEXT   COLLATE "C" NOT NULL,
    currency    TEXT   COLLATE "C" NOT NULL,
    total       BIGINT NOT NULL
);
CREATE INDEX order_sort_keys_by_visit ON order_sort_keys (first_visit, order_key);
CREATE INDEX order_sort_keys_by_total ON order_sort_keys (currency, total, order_key);
CREATE INDEX order_sort_keys_by_reseller_visit ON order_sort_keys (reseller, first_visit, order_key);
CREATE INDEX order_sort_keys_by_reseller_total ON order_sort_keys (reseller, currency, total, order_key);

ALTER TABLE orders ADD COLUMN is_searchable BIGINT NOT NULL DEFAULT 0;

-- The title of the event as it was when the order was planned, and the day of the visit at the venue.
ALTER TABLE order_lines ADD COLUMN event_title TEXT;
ALTER TABLE order_lines ADD COLUMN visit_date TEXT COLLATE "C";
