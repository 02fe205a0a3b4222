-- Orders are found by words. A token of an order is inserted in the statement of the order and never changes. Orders without tokens get
-- them when the ledger is opened.

CREATE TABLE order_search (
    token     TEXT COLLATE "C" NOT NULL,
    order_key TEXT NOT NULL,
    PRIMARY KEY (token, order_key)
);

ALTER TABLE orders ADD COLUMN is_searchable BIGINT NOT NULL DEFAULT 0;
CREATE INDEX orders_not_searchable ON orders (key) WHERE is_searchable = 0;

-- The title of the event as it was when the order was planned, and the day of the visit at the venue.
ALTER TABLE order_lines ADD COLUMN event_title TEXT;
ALTER TABLE order_lines ADD COLUMN visit_date TEXT COLLATE "C";
CREATE INDEX order_lines_by_event ON order_lines (event, order_key);
CREATE INDEX order_lines_by_visit ON order_lines (visit_date, order_key);
