-- Budgets, the hash chain and the archive of old entries. Rows of before get their hashes when the store opens: SQL has
-- no SHA-256.

-- Where an account's chain ends: number, hash (hex; null: the account's genesis) and time of its newest entry.
ALTER TABLE accounts ADD COLUMN chain_seq INTEGER NOT NULL DEFAULT 0
    CONSTRAINT a_chain_counts_from_zero CHECK (chain_seq >= 0);
ALTER TABLE accounts ADD COLUMN chain_hash TEXT
    CONSTRAINT a_chain_ends_in_a_hash CHECK (length(chain_hash) = 64);
ALTER TABLE accounts ADD COLUMN chain_at INTEGER NOT NULL DEFAULT 0;

-- seq counts an account's entries from 1 without a gap; apikey_id stands on reserves.
ALTER TABLE entries ADD COLUMN seq INTEGER CONSTRAINT entries_count_from_one CHECK (seq >= 1);
ALTER TABLE entries ADD COLUMN apikey_id TEXT;
ALTER TABLE entries ADD COLUMN hash TEXT CONSTRAINT an_entry_has_a_hash CHECK (length(hash) = 64);

DROP TRIGGER entries_are_never_updated;
DROP TRIGGER entries_are_never_deleted;
UPDATE entries SET seq = n.seq, apikey_id = n.apikey_id
FROM (SELECT e.entry_id, row_number() OVER (PARTITION BY e.account_id ORDER BY e.entry_id) AS seq,
        CASE e.type WHEN 'reserve' THEN g.apikey_id END AS apikey_id
    FROM entries AS e LEFT JOIN generations AS g USING (generation_id)) AS n
WHERE entries.entry_id = n.entry_id;
UPDATE accounts SET
    chain_seq = (SELECT count(*) FROM entries WHERE entries.account_id = accounts.account_id),
    chain_at = coalesce((SELECT max(created_at) FROM entries WHERE entries.account_id = accounts.account_id), 0);

DROP INDEX entries_by_account;
CREATE UNIQUE INDEX entries_of_an_account_form_one_chain ON entries (account_id, seq);

CREATE TRIGGER every_entry_is_chained BEFORE INSERT ON entries WHEN NEW.seq IS NULL OR NEW.hash IS NULL
BEGIN
    SELECT RAISE(ABORT, 'every entry is chained');
END;
-- A row of before gets its hash once; nothing else ever changes.
CREATE TRIGGER entries_are_never_updated BEFORE UPDATE ON entries
WHEN OLD.hash IS NOT NULL OR NEW.hash IS NULL OR (NEW.entry_id, NEW.account_id, NEW.seq, NEW.type, NEW.amount,
        NEW.balance_after, NEW.generation_id, NEW.add_key, NEW.apikey_id, NEW.model, NEW.description, NEW.created_at)
    IS NOT (OLD.entry_id, OLD.account_id, OLD.seq, OLD.type, OLD.amount,
        OLD.balance_after, OLD.generation_id, OLD.add_key, OLD.apikey_id, OLD.model, OLD.description, OLD.created_at)
BEGIN
    SELECT RAISE(ABORT, 'entries are never updated');
END;

-- An opening balance that stands for every entry up to seq. Those are in the file, and only behind a checkpoint may
-- entries be removed.
CREATE TABLE checkpoints (
    account_id TEXT    NOT NULL REFERENCES accounts (account_id),
    seq        INTEGER NOT NULL,
    balance    INTEGER NOT NULL,
    hash       TEXT    NOT NULL,
    entry_at   INTEGER NOT NULL, -- time of the last entry it stands for
    file       TEXT    NOT NULL, -- key in the artifact store
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, seq)
) STRICT;
CREATE TRIGGER a_checkpoint_equals_its_entry BEFORE INSERT ON checkpoints
WHEN NOT EXISTS (SELECT 1 FROM entries WHERE account_id = NEW.account_id AND seq = NEW.seq
    AND balance_after = NEW.balance AND hash = NEW.hash AND created_at = NEW.entry_at)
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint equals its entry');
END;
CREATE TRIGGER checkpoints_are_never_updated BEFORE UPDATE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are never updated');
END;
CREATE TRIGGER checkpoints_are_never_deleted BEFORE DELETE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are never deleted');
END;
CREATE TRIGGER entries_are_deleted_only_behind_a_checkpoint BEFORE DELETE ON entries
WHEN NOT EXISTS (SELECT 1 FROM checkpoints WHERE account_id = OLD.account_id AND seq >= OLD.seq)
BEGIN
    SELECT RAISE(ABORT, 'entries are deleted only behind a checkpoint');
END;

-- What stays of archived entries, so that nothing is reserved or granted a second time.
CREATE TABLE archived_generations (
    generation_id TEXT    NOT NULL PRIMARY KEY,
    account_id    TEXT    NOT NULL REFERENCES accounts (account_id),
    amount        INTEGER NOT NULL,
    ended         TEXT    NOT NULL, -- by which entry, whether or not that one is archived too
    CONSTRAINT an_archived_generation_has_ended CHECK (ended IN ('charge', 'refund'))
) STRICT;
CREATE TABLE archived_adds (
    account_id TEXT    NOT NULL REFERENCES accounts (account_id),
    add_key    TEXT    NOT NULL,
    amount     INTEGER NOT NULL,
    PRIMARY KEY (account_id, add_key)
) STRICT;
CREATE TRIGGER an_archived_generation_is_never_reserved_again BEFORE INSERT ON entries
WHEN NEW.type = 'reserve' AND EXISTS (SELECT 1 FROM archived_generations WHERE generation_id = NEW.generation_id)
BEGIN
    SELECT RAISE(ABORT, 'an archived generation is never reserved again');
END;
CREATE TRIGGER an_archived_add_is_never_granted_again BEFORE INSERT ON entries
WHEN NEW.type = 'add' AND EXISTS (SELECT 1 FROM archived_adds
    WHERE account_id = NEW.account_id AND add_key = NEW.add_key)
BEGIN
    SELECT RAISE(ABORT, 'an archived add is never granted again');
END;

-- What an account or a key may reserve within a window. A key's successors by rotation share its budget.
CREATE TABLE budgets (
    budget_id        TEXT    NOT NULL PRIMARY KEY, -- the account's id, or that of the first key
    account_id       TEXT    NOT NULL REFERENCES accounts (account_id),
    holder           TEXT    NOT NULL,
    amount           INTEGER NOT NULL,
    period           TEXT    NOT NULL,
    window_starts_at INTEGER NOT NULL, -- of the window that spent is of
    spent            INTEGER NOT NULL,
    archived         INTEGER NOT NULL DEFAULT 0, -- the part of spent whose entries are archived
    CONSTRAINT a_budget_is_of_an_account_or_a_key CHECK (holder IN ('account', 'key')),
    CONSTRAINT a_budget_is_above_zero CHECK (amount > 0 AND amount <= 9999999999),
    CONSTRAINT a_period_is_a_known_period CHECK (period IN ('day', 'month', 'once')),
    CONSTRAINT spent_is_never_negative CHECK (spent >= 0 AND archived >= 0)
) STRICT;
-- Outlives a deleted key: what it still has open is given back to the budget it was taken from.
CREATE TABLE budget_keys (
    apikey_id TEXT NOT NULL PRIMARY KEY,
    budget_id TEXT NOT NULL REFERENCES budgets (budget_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX budget_keys_by_budget ON budget_keys (budget_id);
