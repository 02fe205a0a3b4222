-- A row of each source with resolved orphans, which a change of them locks: two requests cannot tie one identifier to two orders.
CREATE TABLE orphan_sources (
    source     TEXT   PRIMARY KEY,
    changed_at BIGINT NOT NULL
);
