-- How much was asked for, so that ten seconds of video aren't compared with five. Kept with the attempt, since attempts
-- outlive their generation. Null: before this migration, or a model that has no such choice.

ALTER TABLE attempts ADD COLUMN duration_s double precision;
ALTER TABLE attempts ADD COLUMN resolution text;

DROP VIEW attempt_facts;
-- What the observatory reads. No account, prompt, URL or message: nothing personal leaves through here.
CREATE VIEW attempt_facts AS
SELECT generation_id, attempt_order, model, kind, provider, outcome, error_code, in_doubt, simulated,
       estimated_cost, submitted_at, accepted_at, resolved_at,
       (extract(epoch FROM resolved_at - submitted_at) * 1000)::bigint AS latency_ms, duration_s, resolution
FROM attempts;
