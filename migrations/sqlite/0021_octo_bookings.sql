-- Bookings of OCTO resellers: which uuid of a reseller names which order. Instants are nanoseconds since 1970, flags 0 or 1.

CREATE TABLE octo_bookings (
    -- The owner of the uuid, as of idempotency keys.
    scope              TEXT   NOT NULL,
    uuid               TEXT   NOT NULL,
    order_key          TEXT   NOT NULL REFERENCES orders (key),
    order_number       TEXT   NOT NULL,
    source             TEXT   NOT NULL,
    product            TEXT   NOT NULL,
    visit_day          TEXT,
    reseller_reference TEXT,
    request_hash       TEXT   NOT NULL,
    is_held            INTEGER NOT NULL,
    version            INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    -- The units, the contacts and the notes: encrypted.
    key_id             TEXT   NOT NULL,
    sealed             BLOB   NOT NULL,
    PRIMARY KEY (scope, uuid)
) STRICT;
CREATE INDEX octo_bookings_by_number ON octo_bookings (scope, order_number);
CREATE INDEX octo_bookings_by_reference ON octo_bookings (scope, reseller_reference);
CREATE INDEX octo_bookings_by_day ON octo_bookings (scope, visit_day);
CREATE INDEX octo_bookings_by_order ON octo_bookings (order_key);
