-- Orders that replace each other by a change of a held order, as keys.

ALTER TABLE orders ADD COLUMN replaces TEXT;
ALTER TABLE orders ADD COLUMN replaced_by TEXT;
