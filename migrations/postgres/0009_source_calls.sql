-- Calls to vendors by calendar month in UTC, for those that limit a month by contract.

CREATE TABLE source_calls (
    account TEXT   NOT NULL,
    month   TEXT   NOT NULL,
    class   TEXT   NOT NULL,
    calls   BIGINT NOT NULL,
    PRIMARY KEY (account, month, class)
);
