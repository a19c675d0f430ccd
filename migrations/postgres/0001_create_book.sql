-- The book of record on Postgres. Credits are thousandths, provider cost micro-dollars.
-- Every rule that must never break is a constraint that reads as a sentence; names are those of the SQLite book.
--
-- What customers and providers wrote is json, not jsonb: it keeps field order, and U+0000 is a character like any other.
-- Rows that commands write name their account without a foreign key: a check per statement costs a tenth of one per row.

CREATE TABLE accounts (
    account_id        uuid        NOT NULL PRIMARY KEY,
    name              text        NOT NULL,
    email             text,
    is_personal       boolean     NOT NULL DEFAULT false,
    picture_url       text,
    plan              text        NOT NULL,
    balance           bigint      NOT NULL DEFAULT 0,
    reserved          bigint      NOT NULL DEFAULT 0, -- amounts of open generations: what refunds may still bring back
    in_flight         bigint      NOT NULL DEFAULT 0,
    generations_total bigint      NOT NULL DEFAULT 0, -- records that exist now: the list's total
    generations_ever  bigint      NOT NULL DEFAULT 0, -- records ever created: usage
    -- Where its chain ends: number, hash (null: the account's genesis) and time of its newest entry.
    chain_seq         bigint      NOT NULL DEFAULT 0,
    chain_hash        bytea,
    chain_at          timestamptz NOT NULL DEFAULT 'epoch',
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    CONSTRAINT a_plan_is_a_known_plan CHECK (plan IN ('free', 'starter', 'pro', 'scale', 'enterprise')),
    CONSTRAINT a_balance_is_never_negative CHECK (balance >= 0),
    CONSTRAINT a_balance_is_at_most_the_maximum CHECK (balance <= 9999999999),
    CONSTRAINT reserved_is_never_negative CHECK (reserved >= 0),
    CONSTRAINT every_refund_has_room CHECK (balance + reserved <= 9999999999),
    CONSTRAINT in_flight_is_never_negative CHECK (in_flight >= 0),
    CONSTRAINT a_chain_counts_from_zero CHECK (chain_seq >= 0),
    CONSTRAINT a_chain_ends_in_a_hash CHECK (octet_length(chain_hash) = 32)
) WITH (fillfactor = 50); -- its rows change all the time: room for the next version on the same page

CREATE TABLE api_keys (
    apikey_id    uuid        NOT NULL PRIMARY KEY,
    account_id   uuid        NOT NULL REFERENCES accounts (account_id),
    name         text        NOT NULL,
    prefix       text        NOT NULL,
    hash         text        NOT NULL,
    scopes       jsonb       NOT NULL,
    allow_ips    jsonb       NOT NULL,
    state        text        NOT NULL,
    expires_at   timestamptz,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT a_key_is_active_rotated_or_revoked CHECK (state IN ('active', 'rotated', 'revoked')),
    CONSTRAINT a_prefix_has_nine_characters CHECK (length(prefix) = 9)
);
CREATE INDEX api_keys_by_prefix ON api_keys (prefix);
CREATE INDEX api_keys_by_account ON api_keys (account_id);

CREATE TABLE generations (
    generation_id   uuid        NOT NULL PRIMARY KEY,
    account_id      uuid        NOT NULL,
    apikey_id       uuid        NOT NULL,
    model           text        NOT NULL,
    kind            text        NOT NULL,
    request         json        NOT NULL, -- canonical public fields in public order
    provider_order  jsonb       NOT NULL,
    amount          bigint      NOT NULL,
    status          text        NOT NULL,
    prediction_id   text,
    provider_used   text,
    error_code      text,
    error_message   text,
    outputs         jsonb,                -- array of {key, content_type, bytes}
    outputs_expire_at timestamptz,
    outputs_swept   boolean     NOT NULL DEFAULT false,
    predict_time_ms bigint,
    lease_holder    uuid,                 -- the process that runs it; null once terminal
    claim_key       text,
    created_at      timestamptz NOT NULL,
    started_at      timestamptz,
    completed_at    timestamptz,
    deadline_at     timestamptz NOT NULL,
    CONSTRAINT a_generation_is_an_image_or_a_video CHECK (kind IN ('image', 'video')),
    CONSTRAINT a_status_is_a_known_status CHECK (status IN ('pending', 'processing', 'succeeded', 'failed', 'canceled')),
    CONSTRAINT a_generation_costs_something CHECK (amount > 0),
    CONSTRAINT a_generation_is_completed_when_terminal
        CHECK ((completed_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'canceled'))),
    CONSTRAINT a_success_has_outputs CHECK (status <> 'succeeded' OR outputs IS NOT NULL),
    CONSTRAINT a_failure_says_why CHECK ((error_code IS NOT NULL) = (status = 'failed'))
);
CREATE INDEX generations_by_account ON generations (account_id, created_at DESC, generation_id DESC);
CREATE INDEX open_generations_by_holder ON generations (lease_holder, created_at)
    WHERE status IN ('pending', 'processing');
CREATE INDEX unswept_outputs_by_expiry ON generations (outputs_expire_at)
    WHERE outputs IS NOT NULL AND NOT outputs_swept;

-- Attempts outlive their generation's deletion, so there is no foreign key.
CREATE TABLE attempts (
    generation_id  uuid        NOT NULL,
    attempt_order  bigint      NOT NULL,
    account_id     uuid        NOT NULL,
    model          text        NOT NULL,
    kind           text        NOT NULL,
    provider       text        NOT NULL,
    native_model   text        NOT NULL,
    outcome        text        NOT NULL,
    estimated_cost bigint      NOT NULL,
    simulated      boolean     NOT NULL,
    prediction_id  text,
    handle         json,                  -- where and how to ask the provider; cleared when resolved
    error          json,                  -- what the customer is told, when it failed
    error_code     text,
    in_doubt       boolean     NOT NULL DEFAULT false,
    submitted_at   timestamptz NOT NULL,
    accepted_at    timestamptz,
    resolved_at    timestamptz,
    PRIMARY KEY (generation_id, attempt_order),
    CONSTRAINT attempts_count_from_one CHECK (attempt_order >= 1),
    CONSTRAINT an_outcome_is_a_known_outcome CHECK (outcome IN ('pending', 'used', 'failed', 'discarded', 'cancelled')),
    CONSTRAINT an_attempt_is_resolved_unless_pending CHECK ((resolved_at IS NULL) = (outcome = 'pending')),
    CONSTRAINT an_attempt_is_not_resolved_before_it_is_submitted CHECK (resolved_at >= submitted_at)
);
CREATE UNIQUE INDEX one_used_attempt_per_generation ON attempts (generation_id) WHERE outcome = 'used';
CREATE UNIQUE INDEX one_open_attempt_per_generation ON attempts (generation_id) WHERE outcome = 'pending';
CREATE INDEX attempts_by_resolution ON attempts (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX attempts_by_account ON attempts (account_id, submitted_at);

CREATE TABLE entries (
    entry_id      bigint      NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    account_id    uuid        NOT NULL,
    type          text        NOT NULL,
    amount        bigint      NOT NULL,
    balance_after bigint      NOT NULL,
    generation_id uuid,
    add_key       text,
    model         text,
    description   text,
    created_at    timestamptz NOT NULL,
    seq           bigint      NOT NULL, -- counts an account's entries from 1 without a gap
    apikey_id     uuid,                 -- on reserves
    hash          bytea       NOT NULL,
    CONSTRAINT an_entry_is_a_known_type CHECK (type IN ('reserve', 'charge', 'refund', 'add')),
    CONSTRAINT an_amount_is_above_zero CHECK (amount > 0),
    CONSTRAINT an_amount_is_at_most_the_maximum CHECK (amount <= 9999999999),
    CONSTRAINT a_balance_after_is_never_negative CHECK (balance_after >= 0),
    CONSTRAINT an_add_has_a_key_and_all_else_a_generation
        CHECK ((type = 'add') = (add_key IS NOT NULL) AND (type = 'add') = (generation_id IS NULL)),
    CONSTRAINT entries_count_from_one CHECK (seq >= 1),
    CONSTRAINT an_entry_has_a_hash CHECK (octet_length(hash) = 32)
);
CREATE UNIQUE INDEX one_reserve_per_generation ON entries (generation_id) WHERE type = 'reserve';
CREATE UNIQUE INDEX one_charge_or_refund_per_generation ON entries (generation_id) WHERE type IN ('charge', 'refund');
CREATE UNIQUE INDEX one_add_per_account_and_key ON entries (account_id, add_key) WHERE type = 'add';
CREATE UNIQUE INDEX entries_of_an_account_form_one_chain ON entries (account_id, seq);

-- An opening balance that stands for every entry up to seq. Those are in the file, and only behind a checkpoint may
-- entries be removed.
CREATE TABLE checkpoints (
    account_id uuid        NOT NULL REFERENCES accounts (account_id),
    seq        bigint      NOT NULL,
    balance    bigint      NOT NULL,
    hash       bytea       NOT NULL,
    entry_at   timestamptz NOT NULL, -- time of the last entry it stands for
    file       text        NOT NULL, -- key in the artifact store
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, seq)
);

-- What stays of archived entries, so that nothing is reserved or granted a second time.
CREATE TABLE archived_generations (
    generation_id uuid   NOT NULL PRIMARY KEY,
    account_id    uuid   NOT NULL REFERENCES accounts (account_id),
    amount        bigint NOT NULL,
    ended         text   NOT NULL, -- by which entry, whether or not that one is archived too
    CONSTRAINT an_archived_generation_has_ended CHECK (ended IN ('charge', 'refund'))
);
CREATE TABLE archived_adds (
    account_id uuid   NOT NULL REFERENCES accounts (account_id),
    add_key    text   NOT NULL,
    amount     bigint NOT NULL,
    PRIMARY KEY (account_id, add_key)
);

-- What an account or a key may reserve within a window. A key's successors by rotation share its budget.
CREATE TABLE budgets (
    budget_id        uuid        NOT NULL PRIMARY KEY, -- the account's id, or that of the first key
    account_id       uuid        NOT NULL REFERENCES accounts (account_id),
    holder           text        NOT NULL,
    amount           bigint      NOT NULL,
    period           text        NOT NULL,
    window_starts_at timestamptz NOT NULL, -- of the window that spent is of
    spent            bigint      NOT NULL,
    archived         bigint      NOT NULL DEFAULT 0, -- the part of spent whose entries are archived
    CONSTRAINT a_budget_is_of_an_account_or_a_key CHECK (holder IN ('account', 'key')),
    CONSTRAINT a_budget_is_above_zero CHECK (amount > 0 AND amount <= 9999999999),
    CONSTRAINT a_period_is_a_known_period CHECK (period IN ('day', 'month', 'once')),
    CONSTRAINT spent_is_never_negative CHECK (spent >= 0 AND archived >= 0)
) WITH (fillfactor = 50);
CREATE INDEX budgets_by_account ON budgets (account_id);
-- Outlives a deleted key: what it still has open is given back to the budget it was taken from.
CREATE TABLE budget_keys (
    apikey_id uuid NOT NULL PRIMARY KEY,
    budget_id uuid NOT NULL REFERENCES budgets (budget_id) ON DELETE CASCADE
);
CREATE INDEX budget_keys_by_budget ON budget_keys (budget_id);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER entries_are_never_updated BEFORE UPDATE ON entries
    FOR EACH ROW EXECUTE FUNCTION refuse('entries are never updated');
CREATE TRIGGER entries_are_never_emptied BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('entries are deleted only behind a checkpoint');
CREATE FUNCTION refuse_unless_behind_a_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM checkpoints WHERE account_id = OLD.account_id AND seq >= OLD.seq) THEN
        RAISE EXCEPTION 'entries are deleted only behind a checkpoint'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER entries_are_deleted_only_behind_a_checkpoint BEFORE DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_behind_a_checkpoint();

CREATE FUNCTION refuse_unless_it_equals_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM entries WHERE account_id = NEW.account_id AND seq = NEW.seq
            AND balance_after = NEW.balance AND hash = NEW.hash AND created_at = NEW.entry_at) THEN
        RAISE EXCEPTION 'a checkpoint equals its entry' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER a_checkpoint_equals_its_entry BEFORE INSERT ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_it_equals_its_entry();
CREATE TRIGGER checkpoints_are_never_updated BEFORE UPDATE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION refuse('checkpoints are never updated');
CREATE TRIGGER checkpoints_are_never_deleted BEFORE DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION refuse('checkpoints are never deleted');
CREATE TRIGGER checkpoints_are_never_emptied BEFORE TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('checkpoints are never deleted');

CREATE FUNCTION refuse_archived_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_rows AS n JOIN archived_generations AS a ON a.generation_id = n.generation_id
            WHERE n.type = 'reserve') THEN
        RAISE EXCEPTION 'an archived generation is never reserved again' USING ERRCODE = 'unique_violation';
    END IF;
    IF EXISTS (SELECT FROM new_rows AS n JOIN archived_adds AS a ON a.account_id = n.account_id
            AND a.add_key = n.add_key) THEN
        RAISE EXCEPTION 'an archived add is never granted again' USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER archived_entries_are_never_written_again AFTER INSERT ON entries
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refuse_archived_again();

CREATE FUNCTION refuse_rows_of_nobody() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT account_id FROM new_rows) AS n
            WHERE NOT EXISTS (SELECT FROM accounts AS a WHERE a.account_id = n.account_id)) THEN
        RAISE EXCEPTION '% belong to an account', TG_TABLE_NAME USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER entries_belong_to_an_account AFTER INSERT ON entries
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refuse_rows_of_nobody();
CREATE TRIGGER generations_belong_to_an_account AFTER INSERT ON generations
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION refuse_rows_of_nobody();
-- The other half of those references.
CREATE TRIGGER accounts_are_never_deleted BEFORE DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION refuse('accounts are never deleted');

CREATE TABLE idempotency_keys (
    account_id    uuid        NOT NULL REFERENCES accounts (account_id),
    key           text        NOT NULL,
    fingerprint   text        NOT NULL,
    generation_id uuid        NOT NULL,
    stored        json,                   -- the stored answer; null while the first request runs
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- One row per living proxy process; its open generations name it as lease_holder.
CREATE TABLE leases (
    holder     uuid        NOT NULL PRIMARY KEY,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE request_counts (
    account_id uuid        NOT NULL,
    hour       timestamptz NOT NULL,
    endpoint   text        NOT NULL,
    status     bigint      NOT NULL,
    error_code text        NOT NULL DEFAULT '', -- '' when the answer was no error
    requests   bigint      NOT NULL,
    PRIMARY KEY (account_id, hour, endpoint, status, error_code)
);

-- Reports that were counted, so that a report said twice counts once.
CREATE TABLE request_count_reports (
    report_id  uuid        NOT NULL PRIMARY KEY,
    counted_at timestamptz NOT NULL
);
CREATE INDEX request_count_reports_by_age ON request_count_reports (counted_at);

-- What the observatory reads. No account, prompt, URL or message: nothing personal leaves through here.
CREATE VIEW attempt_facts AS
SELECT generation_id, attempt_order, model, kind, provider, outcome, error_code, in_doubt, simulated,
       estimated_cost, submitted_at, accepted_at, resolved_at,
       (extract(epoch FROM resolved_at - submitted_at) * 1000)::bigint AS latency_ms
FROM attempts;
