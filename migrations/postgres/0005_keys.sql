-- Old idempotency keys are looked for by their age.

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (used_at);
