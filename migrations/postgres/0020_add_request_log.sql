-- What this deployment drew once and keeps: secrets that must outlive a process.
CREATE TABLE deployment (
    name  text NOT NULL PRIMARY KEY,
    value text NOT NULL
);

-- One row per request whose key and account were resolved. No bodies, no keys, no addresses. Rows go with their time
-- (the plan's retention) or with their key; the counts of request_counts stay.
CREATE TABLE request_log (
    account_id  uuid        NOT NULL,
    at          timestamptz NOT NULL,
    request_id  text        NOT NULL,
    apikey_id   uuid        NOT NULL,
    key_name    text        NOT NULL,
    key_prefix  text        NOT NULL,
    method      text        NOT NULL,
    endpoint    text        NOT NULL,
    query       text        NOT NULL,
    status      bigint      NOT NULL,
    error_code  text        NOT NULL DEFAULT '', -- '' when the answer was no error
    replayed    boolean     NOT NULL,
    ip_hash     text        NOT NULL,
    user_agent  text        NOT NULL,
    duration_ms bigint      NOT NULL,
    PRIMARY KEY (account_id, at, request_id),
    CONSTRAINT an_address_is_kept_as_a_hash CHECK (length(ip_hash) = 64)
);
CREATE INDEX request_log_by_key ON request_log (apikey_id);
