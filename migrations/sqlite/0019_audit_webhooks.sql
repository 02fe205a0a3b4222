-- The webhook that an action concerns.

ALTER TABLE audit_log ADD COLUMN webhook TEXT;
