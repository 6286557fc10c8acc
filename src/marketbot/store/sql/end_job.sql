-- However an attempt ended: done (nothing given), due again ($4), or dead ($5). Only its claimer says so, and only of this attempt.
UPDATE job
SET claimed_by = NULL, failed = $3, due_at = coalesce($4, due_at), attempts = coalesce($6, attempts),
    done_at = CASE WHEN $4::timestamptz IS NULL AND NOT $5::boolean THEN clock_timestamp() END,
    dead_at = CASE WHEN $5 THEN clock_timestamp() END
WHERE job_id = $1 AND claimed_by = $2 AND attempts = $7
