-- Contact under which an order is held before its visitor is known, as JSON.

ALTER TABLE orders ADD COLUMN hold_contact TEXT;
