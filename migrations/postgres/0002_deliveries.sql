-- Deliveries: tickets on their way into mobile apps. Instants are nanoseconds since 1970.

CREATE TABLE delivery_channels (
    channel     TEXT   NOT NULL PRIMARY KEY,
    -- The number of the owner: a writer with another number is refused.
    fence       BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    -- How far the feed of orders was read.
    orders_read BIGINT NOT NULL,
    -- The key of the app's own feed: opaque, of one reader.
    app_read    TEXT
);

CREATE TABLE delivery_streams (
    channel TEXT NOT NULL REFERENCES delivery_channels (channel),
    stream  TEXT NOT NULL,
    run     TEXT NOT NULL,
    PRIMARY KEY (channel, stream)
);

-- One ticket each: what the app was told, and what it says. The columns beside `parcel` are for searching.
CREATE TABLE delivery_parcels (
    channel      TEXT   NOT NULL REFERENCES delivery_channels (channel),
    key          TEXT   NOT NULL,
    order_key    TEXT   NOT NULL REFERENCES orders (key),
    ticket       BIGINT NOT NULL,
    injection    TEXT   NOT NULL,
    cancellation TEXT   NOT NULL,
    control      TEXT   NOT NULL,
    -- When its source is asked again; none: nothing more is expected of it, or it is not in the app.
    check_at     BIGINT,
    parcel       TEXT   NOT NULL,
    PRIMARY KEY (channel, key),
    UNIQUE (order_key, ticket)
);
CREATE INDEX delivery_injections ON delivery_parcels (channel, injection, key);
CREATE INDEX delivery_cancellations ON delivery_parcels (channel, cancellation, key);
CREATE INDEX delivery_controls ON delivery_parcels (channel, control, key);
CREATE INDEX delivery_checks ON delivery_parcels (channel, check_at);
