-- How many orders stand where is asked every few seconds, by whoever watches the service.
CREATE INDEX orders_by_status ON orders (status);
