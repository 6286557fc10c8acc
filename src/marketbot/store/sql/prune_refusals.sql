DELETE FROM refusal WHERE refusal_id IN (
    SELECT refusal_id FROM refusal WHERE refused_at < now() - $1::interval ORDER BY refused_at LIMIT $2)
