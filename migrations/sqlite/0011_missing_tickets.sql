-- End of the search for tickets of a sale that did not come.
ALTER TABLE legs ADD COLUMN tickets_end TEXT;
