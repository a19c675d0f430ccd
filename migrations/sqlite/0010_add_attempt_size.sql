-- How much was asked for, so that ten seconds of video aren't compared with five. Kept with the attempt, since attempts
-- outlive their generation. Null: before this migration, or a model that has no such choice.

ALTER TABLE attempts ADD COLUMN duration_s REAL;
ALTER TABLE attempts ADD COLUMN resolution TEXT;

DROP VIEW attempt_facts;
-- What the observatory reads. No account, prompt, URL or message: nothing personal leaves through here.
CREATE VIEW attempt_facts AS
SELECT generation_id, attempt_order, model, kind, provider, outcome, error_code, in_doubt, simulated,
       estimated_cost, submitted_at, accepted_at, resolved_at,
       resolved_at - submitted_at AS latency_ms, duration_s, resolution
FROM attempts;
