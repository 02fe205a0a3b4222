-- The vendors' references of legs and tickets are sealed, because some vendors' open a gate or an order. `refs` is then empty,
-- which no earlier version can read. Rows that are not sealed yet are sealed when the ledger is opened.

ALTER TABLE legs ADD COLUMN refs_key_id TEXT;
ALTER TABLE legs ADD COLUMN refs_sealed BYTEA;
CREATE INDEX legs_unsealed ON legs (order_key, number) WHERE refs_sealed IS NULL;

ALTER TABLE tickets ADD COLUMN refs_key_id TEXT;
ALTER TABLE tickets ADD COLUMN refs_sealed BYTEA;
CREATE INDEX tickets_unsealed ON tickets (order_key, number) WHERE refs_sealed IS NULL;
