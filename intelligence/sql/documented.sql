-- The documented policy (primitives §2.3) for any engine that speaks SQL: the same rows, scores and order as
-- src/policy/documented.rs, to 1e-9. Reads `facts`, attempts with the columns of src/frame.rs.
-- Parameters: now_ms (Unix milliseconds), window_hours.
WITH counted AS (
    SELECT model, region, provider, outcome, latency_ms
    FROM facts
    WHERE outcome IN ('used', 'failed', 'discarded', 'cancelled')
      AND resolved_at IS NOT NULL
      AND latency_ms >= 0
      AND submitted_at >= :now_ms - :window_hours * 3600000
      AND submitted_at <= :now_ms
), providers AS (
    SELECT model, region, provider,
           COUNT(*) AS attempts,
           SUM(CASE WHEN outcome = 'used' THEN 1 ELSE 0 END) AS used,
           PERCENTILE_DISC(0.95) WITHIN GROUP (ORDER BY latency_ms) AS p95
    FROM counted
    GROUP BY model, region, provider
), beside_the_slowest AS (
    SELECT *, MAX(p95) OVER (PARTITION BY model, region) AS slowest
    FROM providers
), scored AS (
    SELECT model, region, provider, attempts, used, p95,
           CAST(used AS DOUBLE) / attempts
           - CAST(0.5 AS DOUBLE) * (attempts - used) / attempts
           - CAST(0.3 AS DOUBLE) * CASE WHEN slowest > 0 THEN p95 / slowest ELSE 0 END AS score
    FROM beside_the_slowest
)
SELECT model, region, provider, attempts, score
FROM scored
ORDER BY model, region, ROUND(score, 12) DESC, p95, provider
