-- A change gets its position in the feed after its commit, from a sequencer, so that no order waits for the commit of another one.
-- Until then its `cursor` is null. `id` orders the changes of one order: each is inserted after the previous one was committed.

-- Statements of resellers sum the legs of a source that were confirmed in a period. Locked before `changes`, as orders are written.
CREATE INDEX legs_by_confirmation ON legs (source, confirmed_at);

ALTER TABLE changes DROP CONSTRAINT changes_pkey;
ALTER TABLE changes ALTER COLUMN cursor DROP NOT NULL;
ALTER TABLE changes ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
CREATE UNIQUE INDEX changes_by_cursor ON changes (cursor);
CREATE INDEX changes_unsequenced ON changes (id) WHERE cursor IS NULL;

-- Readiness inserts a row and deletes it in one transaction: the table is empty for everybody else.
CREATE TABLE write_checks (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL
);
