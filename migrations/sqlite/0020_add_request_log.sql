-- What this deployment drew once and keeps: secrets that must outlive a process.
CREATE TABLE deployment (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- One row per request whose key and account were resolved. No bodies, no keys, no addresses. Rows go with their time
-- (the plan's retention) or with their key; the counts of request_counts stay.
CREATE TABLE request_log (
    account_id  TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    request_id  TEXT    NOT NULL,
    apikey_id   TEXT    NOT NULL,
    key_name    TEXT    NOT NULL,
    key_prefix  TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    endpoint    TEXT    NOT NULL,
    query       TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    error_code  TEXT    NOT NULL DEFAULT '', -- '' when the answer was no error
    replayed    INTEGER NOT NULL,
    ip_hash     TEXT    NOT NULL,
    user_agent  TEXT    NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, at, request_id),
    CONSTRAINT an_address_is_kept_as_a_hash CHECK (length(ip_hash) = 64)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_log_by_key ON request_log (apikey_id);
