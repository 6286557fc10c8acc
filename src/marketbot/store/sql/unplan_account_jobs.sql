DELETE FROM job j USING account a
WHERE a.status <> 'ready' AND ($2::int[] IS NULL OR slot_of(a.egress, a.account_id, $3) = ANY ($2))
  AND j.kind = $1 AND j.key = a.account_id::text AND j.account_id = a.account_id AND j.done_at IS NULL AND j.dead_at IS NULL
