-- The ledger of orders. Instants are nanoseconds since 1970, flags 0 or 1, lists JSON in the shapes of src/store/shapes.rs.

CREATE TABLE orders (
    key                TEXT   NOT NULL PRIMARY KEY,
    number             TEXT   NOT NULL UNIQUE,
    version            INTEGER NOT NULL,
    status             TEXT   NOT NULL,
    caller             TEXT   NOT NULL,
    reseller           TEXT,
    reseller_reference TEXT,
    policy             TEXT   NOT NULL,
    is_test            INTEGER NOT NULL,
    first_name         TEXT   NOT NULL,
    last_name          TEXT   NOT NULL,
    email              TEXT   NOT NULL,
    phone              TEXT,
    postal_code        TEXT,
    locale             TEXT,
    delivery           TEXT   NOT NULL,
    intent             TEXT   NOT NULL,
    is_placed          INTEGER NOT NULL,
    plan               TEXT   NOT NULL,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    -- The number of the owner: a writer with another number is refused.
    fence              INTEGER NOT NULL,
    lease_until        INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_age ON orders (created_at, key);
CREATE INDEX orders_by_change ON orders (updated_at);
CREATE INDEX orders_by_reseller ON orders (reseller, created_at, key);
CREATE INDEX orders_by_reference ON orders (reseller_reference, created_at);

CREATE TABLE order_lines (
    order_key    TEXT   NOT NULL REFERENCES orders (key),
    number       INTEGER NOT NULL,
    leg          INTEGER NOT NULL,
    event        TEXT   NOT NULL,
    performance  TEXT   NOT NULL,
    ticket_type  TEXT   NOT NULL,
    quantity     INTEGER NOT NULL,
    unit_price   TEXT   NOT NULL,
    starts_at    INTEGER,
    cutoff_at    INTEGER,
    is_cancelled INTEGER NOT NULL,
    PRIMARY KEY (order_key, number)
) STRICT;

CREATE TABLE legs (
    order_key       TEXT   NOT NULL REFERENCES orders (key),
    number          INTEGER NOT NULL,
    source          TEXT   NOT NULL,
    reference       TEXT   NOT NULL UNIQUE,
    status          TEXT   NOT NULL,
    traits          TEXT   NOT NULL,
    account         TEXT   NOT NULL,
    refs            TEXT   NOT NULL,
    held_until      INTEGER,
    leaves_hold     INTEGER NOT NULL,
    secures         TEXT   NOT NULL,
    held_total      TEXT,
    confirmed_at    INTEGER,
    charged         TEXT,
    refunded        TEXT,
    unknown         TEXT,
    try_again       TEXT,
    cancel          TEXT,
    wants_extension INTEGER NOT NULL,
    tickets         TEXT,
    problems        TEXT   NOT NULL,
    PRIMARY KEY (order_key, number)
) STRICT;
CREATE INDEX legs_by_source ON legs (source, order_key);

-- Written before each call that may change something at a vendor; without an outcome it means unknown.
CREATE TABLE attempts (
    order_key    TEXT   NOT NULL,
    leg          INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    operation    TEXT   NOT NULL,
    step_key     TEXT   NOT NULL,
    request_hash TEXT   NOT NULL,
    started_at   INTEGER NOT NULL,
    deadline     INTEGER NOT NULL,
    ended_at     INTEGER,
    outcome      TEXT   NOT NULL,
    answer       TEXT,
    vendor_code  TEXT,
    PRIMARY KEY (order_key, leg, number),
    FOREIGN KEY (order_key, leg) REFERENCES legs (order_key, number)
) STRICT;

CREATE TABLE tickets (
    order_key TEXT   NOT NULL,
    number    INTEGER NOT NULL,
    line      INTEGER NOT NULL,
    refs      TEXT   NOT NULL,
    seat      TEXT,
    state     TEXT   NOT NULL,
    used_at   INTEGER,
    symbology TEXT,
    PRIMARY KEY (order_key, number),
    FOREIGN KEY (order_key, line) REFERENCES order_lines (order_key, number)
) STRICT;

-- The codes that open a gate: sealed, never in clear.
CREATE TABLE credentials (
    order_key TEXT   NOT NULL,
    ticket    INTEGER NOT NULL,
    symbology TEXT   NOT NULL,
    key_id    TEXT   NOT NULL,
    sealed    BLOB NOT NULL,
    PRIMARY KEY (order_key, ticket),
    FOREIGN KEY (order_key, ticket) REFERENCES tickets (order_key, number)
) STRICT;

-- Append-only.
CREATE TABLE transitions (
    order_key   TEXT   NOT NULL REFERENCES orders (key),
    place       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    leg         INTEGER,
    from_status TEXT   NOT NULL,
    to_status   TEXT   NOT NULL,
    cause       TEXT   NOT NULL,
    PRIMARY KEY (order_key, place)
) STRICT;

CREATE TABLE timers (
    order_key TEXT   NOT NULL REFERENCES orders (key),
    due_at    INTEGER NOT NULL,
    kind      TEXT   NOT NULL,
    leg       INTEGER
) STRICT;
CREATE INDEX timers_by_due ON timers (due_at);
CREATE INDEX timers_by_order ON timers (order_key);

CREATE TABLE idempotency_keys (
    scope        TEXT   NOT NULL,
    operation    TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    request_hash TEXT   NOT NULL,
    order_key    TEXT   NOT NULL REFERENCES orders (key),
    used_at      INTEGER NOT NULL,
    PRIMARY KEY (scope, operation, key)
) STRICT;

-- The outbox: a line for each change of an order, written with it.
CREATE TABLE changes (
    cursor    INTEGER NOT NULL PRIMARY KEY,
    at        INTEGER NOT NULL,
    order_key TEXT   NOT NULL REFERENCES orders (key),
    version   INTEGER NOT NULL,
    status    TEXT   NOT NULL,
    reseller  TEXT
) STRICT;
CREATE INDEX changes_by_reseller ON changes (reseller, cursor);

-- The place of the last change. Its row is locked until a change is committed, so that places become visible in order.
CREATE TABLE feed (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO feed (id, last) VALUES (1, 0);

CREATE TABLE quotes (
    id               TEXT   NOT NULL PRIMARY KEY,
    order_key        TEXT   NOT NULL REFERENCES orders (key),
    lines            TEXT   NOT NULL,
    must_also_cancel TEXT   NOT NULL,
    refund           TEXT   NOT NULL,
    fee              TEXT   NOT NULL,
    expires_at       INTEGER NOT NULL
) STRICT;
