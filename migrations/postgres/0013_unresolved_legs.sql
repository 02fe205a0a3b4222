-- Statements count the legs of a source whose outcome is not known. They are few among all legs.

CREATE INDEX legs_unresolved ON legs (source, order_key) WHERE status IN ('OUTCOME_UNKNOWN', 'NEEDS_ATTENTION');
