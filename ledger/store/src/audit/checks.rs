//! The invariants that SQL can state, in words that every database understands. Each statement returns one line per
//! violation, naming ids.
//!
//! Every look-up of a generation's entries repeats the condition of the partial index it uses.

/// All of them.
pub(crate) const ALL: &[&str] = &[
    COUNTS_EQUAL_RECORDS,
    ENTRIES_BELONG_TO_ACCOUNTS,
    ONE_RESERVE_PER_RECORD,
    RESERVE_EQUALS_RECORD,
    OPEN_RECORDS_HAVE_NO_END,
    ENDED_RECORDS_HAVE_ONE_END,
    ENDS_EQUAL_RESERVES,
    DELETED_RECORDS_HAVE_ONE_END,
    ENDED_RECORDS_HAVE_NO_OPEN_ATTEMPT,
    SUCCESSES_USED_ONE_ATTEMPT,
    ONLY_SUCCESSES_USED_AN_ATTEMPT,
    ENDED_CLAIMS_HAVE_AN_ANSWER,
    ARCHIVED_ENDS_EQUAL_RECORDS,
    BUDGETS_EQUAL_ENTRIES,
    NOTHING_STANDS_BEHIND_A_CHECKPOINT,
];

const COUNTS_EQUAL_RECORDS: &str = "
    SELECT 'account ' || account_id || ': counts ' || in_flight || ' in flight, ' || reserved
        || ' thousandths reserved, ' || generations_total || ' records; its records are ' || open_count || ', '
        || open_amount || ', ' || records
    FROM (
        SELECT a.account_id, a.in_flight, a.reserved, a.generations_total,
            count(g.generation_id) FILTER (WHERE g.status IN ('pending', 'processing')) AS open_count,
            coalesce(sum(g.amount) FILTER (WHERE g.status IN ('pending', 'processing')), 0) AS open_amount,
            count(g.generation_id) AS records
        FROM accounts AS a LEFT JOIN generations AS g ON g.account_id = a.account_id
        GROUP BY a.account_id) AS counted
    WHERE in_flight <> open_count OR reserved <> open_amount OR generations_total <> records";

const ENTRIES_BELONG_TO_ACCOUNTS: &str = "
    SELECT 'entry ' || entry_id || ': there is no account ' || account_id
    FROM entries AS e WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE account_id = e.account_id)";

const ONE_RESERVE_PER_RECORD: &str = "
    SELECT 'generation ' || generation_id || ': has ' || reserves || ' reserves'
    FROM (SELECT generation_id, (SELECT count(*) FROM entries AS e
            WHERE e.generation_id = g.generation_id AND e.type = 'reserve')
            + (SELECT count(*) FROM archived_generations AS r WHERE r.generation_id = g.generation_id) AS reserves
        FROM generations AS g) AS counted
    WHERE reserves <> 1";

const RESERVE_EQUALS_RECORD: &str = "
    SELECT 'generation ' || g.generation_id || ': its reserve, entry ' || e.entry_id
        || ', is of another account or amount'
    FROM generations AS g JOIN entries AS e ON e.generation_id = g.generation_id AND e.type = 'reserve'
    WHERE e.account_id <> g.account_id OR e.amount <> g.amount";

const OPEN_RECORDS_HAVE_NO_END: &str = "
    SELECT 'generation ' || g.generation_id || ': is ' || g.status || ', yet entry ' || e.entry_id || ' is its '
        || e.type
    FROM generations AS g JOIN entries AS e ON e.generation_id = g.generation_id AND e.type IN ('charge', 'refund')
    WHERE g.status IN ('pending', 'processing')";

const ENDED_RECORDS_HAVE_ONE_END: &str = "
    SELECT 'generation ' || generation_id || ': is ' || status || ' with ' || charges || ' charges and ' || refunds
        || ' refunds'
    FROM (SELECT generation_id, status,
            (SELECT count(*) FROM entries AS e WHERE e.generation_id = g.generation_id
                AND e.type IN ('charge', 'refund') AND e.type = 'charge') AS charges,
            (SELECT count(*) FROM entries AS e WHERE e.generation_id = g.generation_id
                AND e.type IN ('charge', 'refund') AND e.type = 'refund') AS refunds
        FROM generations AS g WHERE status NOT IN ('pending', 'processing') AND NOT EXISTS
            (SELECT 1 FROM archived_generations AS r WHERE r.generation_id = g.generation_id)) AS counted
    WHERE charges <> CASE status WHEN 'succeeded' THEN 1 ELSE 0 END
        OR refunds <> CASE status WHEN 'succeeded' THEN 0 ELSE 1 END";

const ENDS_EQUAL_RESERVES: &str = "
    SELECT 'generation ' || e.generation_id || ': entry ' || e.entry_id || ' is a ' || e.type
        || ' without a reserve of the same account and amount'
    FROM entries AS e
    WHERE e.type IN ('charge', 'refund') AND NOT EXISTS (SELECT 1 FROM entries AS r
        WHERE r.generation_id = e.generation_id AND r.type = 'reserve'
            AND r.account_id = e.account_id AND r.amount = e.amount)
        AND NOT EXISTS (SELECT 1 FROM archived_generations AS r WHERE r.generation_id = e.generation_id
            AND r.account_id = e.account_id AND r.amount = e.amount AND r.ended = e.type)";

const DELETED_RECORDS_HAVE_ONE_END: &str = "
    SELECT 'generation ' || generation_id || ': is deleted with ' || ends || ' charges or refunds'
    FROM (SELECT generation_id, (SELECT count(*) FROM entries AS e
            WHERE e.generation_id = r.generation_id AND e.type IN ('charge', 'refund')) AS ends
        FROM entries AS r WHERE type = 'reserve'
            AND NOT EXISTS (SELECT 1 FROM generations WHERE generation_id = r.generation_id)) AS counted
    WHERE ends <> 1";

const ENDED_RECORDS_HAVE_NO_OPEN_ATTEMPT: &str = "
    SELECT 'generation ' || t.generation_id || ': is ' || coalesce(g.status, 'deleted') || ', yet attempt '
        || t.attempt_order || ' is pending'
    FROM attempts AS t LEFT JOIN generations AS g USING (generation_id)
    WHERE t.outcome = 'pending' AND coalesce(g.status, 'deleted') NOT IN ('pending', 'processing')";

const SUCCESSES_USED_ONE_ATTEMPT: &str = "
    SELECT 'generation ' || generation_id || ': succeeded with ' || used || ' used attempts of ' || attempts
    FROM (SELECT g.generation_id, count(*) AS attempts, count(*) FILTER (WHERE t.outcome = 'used') AS used
        FROM generations AS g JOIN attempts AS t ON t.generation_id = g.generation_id
        WHERE g.status = 'succeeded' GROUP BY g.generation_id) AS counted
    WHERE used <> 1";

const ONLY_SUCCESSES_USED_AN_ATTEMPT: &str = "
    SELECT 'generation ' || g.generation_id || ': is ' || g.status || ', yet attempt ' || t.attempt_order
        || ' is used'
    FROM attempts AS t JOIN generations AS g USING (generation_id)
    WHERE t.outcome = 'used' AND g.status <> 'succeeded'";

const ENDED_CLAIMS_HAVE_AN_ANSWER: &str = "
    SELECT 'generation ' || k.generation_id || ': is ' || coalesce(g.status, 'deleted')
        || ', yet its idempotency key has no answer'
    FROM idempotency_keys AS k LEFT JOIN generations AS g USING (generation_id)
    WHERE k.stored IS NULL AND coalesce(g.status, 'deleted') NOT IN ('pending', 'processing')";

const ARCHIVED_ENDS_EQUAL_RECORDS: &str = "
    SELECT 'generation ' || g.generation_id || ': is ' || g.status || ' with ' || g.amount
        || ' thousandths, yet archived with a ' || r.ended || ' of ' || r.amount
    FROM archived_generations AS r JOIN generations AS g USING (generation_id)
    WHERE r.account_id <> g.account_id OR r.amount <> g.amount OR g.status IN ('pending', 'processing')
        OR (r.ended = 'charge') <> (g.status = 'succeeded')";

const BUDGETS_EQUAL_ENTRIES: &str = "
    SELECT 'budget ' || budget_id || ': has counted ' || spent || ' thousandths, but its window holds ' || held
    FROM (SELECT b.budget_id, b.spent, b.archived + (SELECT coalesce(sum(r.amount), 0) FROM entries AS r
            WHERE r.account_id = b.account_id AND r.type = 'reserve' AND r.created_at >= b.window_starts_at
                AND (b.holder = 'account'
                    OR r.apikey_id IN (SELECT apikey_id FROM budget_keys AS k WHERE k.budget_id = b.budget_id))
                AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.generation_id = r.generation_id
                    AND e.type IN ('charge', 'refund') AND e.type = 'refund')) AS held
        FROM budgets AS b) AS counted
    WHERE spent <> held";

const NOTHING_STANDS_BEHIND_A_CHECKPOINT: &str = "
    SELECT 'account ' || e.account_id || ': entry ' || e.seq || ' stands behind the checkpoint ' || c.seq
    FROM checkpoints AS c JOIN entries AS e ON e.account_id = c.account_id AND e.seq <= c.seq";
