-- Ours (README.md) for any engine that speaks SQL: the same rows, scores and order as src/policy/sums.rs and
-- src/policy/expected.rs, to 1e-9. Reads `facts`, attempts with the columns of src/frame.rs.
-- Parameters: now_ms (Unix milliseconds), window_hours, and the settings of src/policy/expected.rs by their names.
WITH sized AS (
    SELECT model, region, provider, outcome, latency_ms, resolved_at, error_code,
           COALESCE(CAST(estimated_cost AS DOUBLE), 0) AS cost,
           CAST(:now_ms - submitted_at AS DOUBLE) AS age_ms,
           CASE WHEN duration_s > 0 THEN CAST(duration_s AS DOUBLE) / 5 * CASE resolution
               WHEN '360p' THEN CAST(0.5 AS DOUBLE)
               WHEN '480p' THEN CAST(2 AS DOUBLE) / 3
               WHEN '540p' THEN CAST(0.75 AS DOUBLE)
               WHEN '1080p' THEN CAST(1.5 AS DOUBLE)
               WHEN '4K' THEN CAST(3 AS DOUBLE)
               ELSE CAST(1 AS DOUBLE)
           END ELSE CAST(1 AS DOUBLE) END AS size
    FROM facts
    WHERE submitted_at >= :now_ms - :window_hours * 3600000
      AND submitted_at <= :now_ms
), told_apart AS (
    SELECT *,
           CASE WHEN resolved_at IS NOT NULL AND latency_ms >= 0 AND (
               outcome IN ('used', 'discarded')
               OR (outcome = 'failed' AND (
                   error_code IS NULL OR error_code IN ('BSE4001', 'BSE4002', 'BSE4003', 'BSE4004', 'BSE4005')))
           ) THEN 1 ELSE 0 END AS counted,
           CASE WHEN outcome = 'pending' AND resolved_at IS NULL THEN 1 ELSE 0 END AS open_now
    FROM sized
), weighed AS (
    SELECT model, region, provider, cost, counted, open_now,
           CASE WHEN outcome = 'used' THEN 1 ELSE 0 END AS used,
           COALESCE(latency_ms / size, 0) AS spent_ms,
           age_ms / size AS open_ms,
           counted * POWER(CAST(0.5 AS DOUBLE), age_ms / (:recent_half_life_s * 1000)) AS recent,
           counted * POWER(CAST(0.5 AS DOUBLE), age_ms / (:steady_half_life_s * 1000)) AS steady
    FROM told_apart
    WHERE counted = 1 OR open_now = 1
), providers AS (
    SELECT model, region, provider,
           SUM(counted) AS attempts,
           SUM(recent) AS recent_attempts, SUM(recent * used) AS recent_used,
           SUM(recent * spent_ms) AS recent_ms, SUM(recent * cost) AS recent_cost,
           SUM(steady) AS steady_attempts, SUM(steady * used) AS steady_used,
           SUM(steady * spent_ms) AS steady_ms, SUM(steady * cost) AS steady_cost,
           SUM(open_now) AS open, SUM(open_now * open_ms) AS open_ms
    FROM weighed
    GROUP BY model, region, provider
), models AS (
    SELECT *,
           SUM(steady_attempts) OVER (PARTITION BY model, region) AS model_attempts,
           SUM(steady_used) OVER (PARTITION BY model, region) AS model_used,
           SUM(steady_ms) OVER (PARTITION BY model, region) AS model_ms,
           SUM(steady_cost) OVER (PARTITION BY model, region) AS model_cost
    FROM providers
), usual AS (
    SELECT *,
           (steady_ms + :model_prior * (model_ms / GREATEST(model_attempts, CAST(1e-300 AS DOUBLE))))
               / (steady_attempts + :model_prior) AS usual_ms,
           (steady_used + :model_prior * ((model_used + 1) / (model_attempts + 2)))
               / (steady_attempts + :model_prior) AS usual_success,
           (steady_cost + :model_prior * (model_cost / GREATEST(model_attempts, CAST(1e-300 AS DOUBLE))))
               / (steady_attempts + :model_prior) AS usual_cost
    FROM models
), estimated AS (
    SELECT model, region, provider, attempts,
           (recent_ms + GREATEST(open_ms - open * usual_ms, 0) + :steady_prior * usual_ms)
               / (recent_attempts + :steady_prior) AS attempt_ms,
           (recent_used + :steady_prior * usual_success) / (recent_attempts + :steady_prior) AS success,
           (recent_cost + :steady_prior * usual_cost) / (recent_attempts + :steady_prior) AS cost_usd
    FROM usual
), scored AS (
    SELECT model, region, provider, attempts,
           CASE WHEN attempts >= :min_attempts_to_lead THEN 1 ELSE 0 END AS may_lead,
           -((attempt_ms + (1 - success) * :handover_ms) / success + :ms_per_usd * cost_usd) / 1000 AS score
    FROM estimated
)
SELECT model, region, provider, attempts, score
FROM scored
ORDER BY model, region, may_lead DESC, score DESC, provider
