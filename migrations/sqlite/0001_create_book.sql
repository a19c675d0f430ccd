-- The book of record on SQLite. Times are Unix milliseconds, credits thousandths, provider cost micro-dollars, ids text.
-- Every rule that must never break is a constraint that reads as a sentence.

CREATE TABLE accounts (
    account_id        TEXT    NOT NULL PRIMARY KEY,
    name              TEXT    NOT NULL,
    email             TEXT,
    is_personal       INTEGER NOT NULL DEFAULT 0,
    picture_url       TEXT,
    plan              TEXT    NOT NULL,
    balance           INTEGER NOT NULL DEFAULT 0,
    reserved          INTEGER NOT NULL DEFAULT 0, -- amounts of open generations: what refunds may still bring back
    in_flight         INTEGER NOT NULL DEFAULT 0,
    generations_total INTEGER NOT NULL DEFAULT 0, -- records that exist now: the list's total
    generations_ever  INTEGER NOT NULL DEFAULT 0, -- records ever created: usage
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    CONSTRAINT a_plan_is_a_known_plan CHECK (plan IN ('free', 'starter', 'pro', 'scale', 'enterprise')),
    CONSTRAINT a_balance_is_never_negative CHECK (balance >= 0),
    CONSTRAINT a_balance_is_at_most_the_maximum CHECK (balance <= 9999999999),
    CONSTRAINT reserved_is_never_negative CHECK (reserved >= 0),
    CONSTRAINT every_refund_has_room CHECK (balance + reserved <= 9999999999),
    CONSTRAINT in_flight_is_never_negative CHECK (in_flight >= 0)
) STRICT;

CREATE TABLE api_keys (
    apikey_id    TEXT    NOT NULL PRIMARY KEY,
    account_id   TEXT    NOT NULL REFERENCES accounts (account_id),
    name         TEXT    NOT NULL,
    prefix       TEXT    NOT NULL,
    hash         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL, -- JSON array
    allow_ips    TEXT    NOT NULL, -- JSON array
    state        TEXT    NOT NULL,
    expires_at   INTEGER,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    CONSTRAINT a_key_is_active_rotated_or_revoked CHECK (state IN ('active', 'rotated', 'revoked')),
    CONSTRAINT a_prefix_has_nine_characters CHECK (length(prefix) = 9)
) STRICT;
CREATE INDEX api_keys_by_prefix ON api_keys (prefix);
CREATE INDEX api_keys_by_account ON api_keys (account_id);

CREATE TABLE generations (
    generation_id   TEXT    NOT NULL PRIMARY KEY,
    account_id      TEXT    NOT NULL REFERENCES accounts (account_id),
    apikey_id       TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    request         TEXT    NOT NULL, -- JSON object: canonical public fields in public order
    provider_order  TEXT    NOT NULL, -- JSON array
    amount          INTEGER NOT NULL,
    status          TEXT    NOT NULL,
    prediction_id   TEXT,
    provider_used   TEXT,
    error_code      TEXT,
    error_message   TEXT,
    outputs         TEXT,             -- JSON array of {key, content_type, bytes}
    outputs_expire_at INTEGER,
    outputs_swept   INTEGER NOT NULL DEFAULT 0,
    predict_time_ms INTEGER,
    lease_holder    TEXT,             -- the process that runs it; null once terminal
    claim_key       TEXT,
    created_at      INTEGER NOT NULL,
    started_at      INTEGER,
    completed_at    INTEGER,
    deadline_at     INTEGER NOT NULL,
    CONSTRAINT a_generation_is_an_image_or_a_video CHECK (kind IN ('image', 'video')),
    CONSTRAINT a_status_is_a_known_status CHECK (status IN ('pending', 'processing', 'succeeded', 'failed', 'canceled')),
    CONSTRAINT a_generation_costs_something CHECK (amount > 0),
    CONSTRAINT a_generation_is_completed_when_terminal
        CHECK ((completed_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'canceled'))),
    CONSTRAINT a_success_has_outputs CHECK (status <> 'succeeded' OR outputs IS NOT NULL),
    CONSTRAINT a_failure_says_why CHECK ((error_code IS NOT NULL) = (status = 'failed'))
) STRICT;
CREATE INDEX generations_by_account ON generations (account_id, created_at DESC, generation_id DESC);
CREATE INDEX open_generations_by_holder ON generations (lease_holder, created_at)
    WHERE status IN ('pending', 'processing');
CREATE INDEX unswept_outputs_by_expiry ON generations (outputs_expire_at)
    WHERE outputs IS NOT NULL AND outputs_swept = 0;

-- Attempts outlive their generation's deletion, so there is no foreign key.
CREATE TABLE attempts (
    generation_id  TEXT    NOT NULL,
    attempt_order  INTEGER NOT NULL,
    account_id     TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    provider       TEXT    NOT NULL,
    native_model   TEXT    NOT NULL,
    outcome        TEXT    NOT NULL,
    estimated_cost INTEGER NOT NULL,
    simulated      INTEGER NOT NULL,
    prediction_id  TEXT,
    handle         TEXT,             -- JSON: where and how to ask the provider; cleared when resolved
    error          TEXT,             -- JSON: what the customer is told, when it failed
    error_code     TEXT,
    in_doubt       INTEGER NOT NULL DEFAULT 0,
    submitted_at   INTEGER NOT NULL,
    accepted_at    INTEGER,
    resolved_at    INTEGER,
    PRIMARY KEY (generation_id, attempt_order),
    CONSTRAINT attempts_count_from_one CHECK (attempt_order >= 1),
    CONSTRAINT an_outcome_is_a_known_outcome CHECK (outcome IN ('pending', 'used', 'failed', 'discarded', 'cancelled')),
    CONSTRAINT an_attempt_is_resolved_unless_pending CHECK ((resolved_at IS NULL) = (outcome = 'pending')),
    CONSTRAINT an_attempt_is_not_resolved_before_it_is_submitted CHECK (resolved_at >= submitted_at)
) STRICT;
CREATE UNIQUE INDEX one_used_attempt_per_generation ON attempts (generation_id) WHERE outcome = 'used';
CREATE UNIQUE INDEX one_open_attempt_per_generation ON attempts (generation_id) WHERE outcome = 'pending';
CREATE INDEX attempts_by_resolution ON attempts (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX attempts_by_account ON attempts (account_id, submitted_at);

CREATE TABLE entries (
    entry_id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    account_id    TEXT    NOT NULL REFERENCES accounts (account_id),
    type          TEXT    NOT NULL,
    amount        INTEGER NOT NULL,
    balance_after INTEGER NOT NULL,
    generation_id TEXT,
    add_key       TEXT,
    model         TEXT,
    description   TEXT,
    created_at    INTEGER NOT NULL,
    CONSTRAINT an_entry_is_a_known_type CHECK (type IN ('reserve', 'charge', 'refund', 'add')),
    CONSTRAINT an_amount_is_above_zero CHECK (amount > 0),
    CONSTRAINT an_amount_is_at_most_the_maximum CHECK (amount <= 9999999999),
    CONSTRAINT a_balance_after_is_never_negative CHECK (balance_after >= 0),
    CONSTRAINT an_add_has_a_key_and_all_else_a_generation
        CHECK ((type = 'add') = (add_key IS NOT NULL) AND (type = 'add') = (generation_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX one_reserve_per_generation ON entries (generation_id) WHERE type = 'reserve';
CREATE UNIQUE INDEX one_charge_or_refund_per_generation ON entries (generation_id) WHERE type IN ('charge', 'refund');
CREATE UNIQUE INDEX one_add_per_account_and_key ON entries (account_id, add_key) WHERE type = 'add';
CREATE INDEX entries_by_account ON entries (account_id, entry_id);

CREATE TRIGGER entries_are_never_updated BEFORE UPDATE ON entries
BEGIN
    SELECT RAISE(ABORT, 'entries are never updated');
END;
CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
BEGIN
    SELECT RAISE(ABORT, 'entries are never deleted');
END;

CREATE TABLE idempotency_keys (
    account_id    TEXT    NOT NULL REFERENCES accounts (account_id),
    key           TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL,
    generation_id TEXT    NOT NULL,
    stored        TEXT,              -- JSON: the stored answer; null while the first request runs
    expires_at    INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- One row per living proxy process; its open generations name it as lease_holder.
CREATE TABLE leases (
    holder     TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE request_counts (
    account_id TEXT    NOT NULL,
    hour       INTEGER NOT NULL,
    endpoint   TEXT    NOT NULL,
    status     INTEGER NOT NULL,
    error_code TEXT    NOT NULL DEFAULT '', -- '' when the answer was no error
    requests   INTEGER NOT NULL,
    PRIMARY KEY (account_id, hour, endpoint, status, error_code)
) STRICT;

-- Reports that were counted, so that a report said twice counts once.
CREATE TABLE request_count_reports (
    report_id  TEXT    NOT NULL PRIMARY KEY,
    counted_at INTEGER NOT NULL
) STRICT;

-- What the observatory reads. No account, prompt, URL or message: nothing personal leaves through here.
CREATE VIEW attempt_facts AS
SELECT generation_id, attempt_order, model, kind, provider, outcome, error_code, in_doubt, simulated,
       estimated_cost, submitted_at, accepted_at, resolved_at,
       resolved_at - submitted_at AS latency_ms
FROM attempts;
