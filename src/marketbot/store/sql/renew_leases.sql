UPDATE chunk SET lease_until = now() + $2::interval WHERE claimed_by = $1 AND done_at IS NULL
