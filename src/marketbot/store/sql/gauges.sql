-- An unconfirmed order can only belong to a chunk that is still open, so only those are looked through. Ages are by this server's clock.
SELECT (SELECT count(*) FROM position WHERE protection IN ('naked', 'protecting', 'closing') AND signal_id IS NOT NULL) AS unprotected,
       doubt.unconfirmed, doubt.unconfirmed_s,
       waiting.lane_0, waiting.lane_1, waiting.lane_2, waiting.lane_0_s, waiting.lane_1_s, waiting.lane_2_s
FROM (SELECT count(*) AS unconfirmed,
             coalesce(greatest(extract(epoch FROM clock_timestamp() - min(o.changed_at)), 0), 0)::float8 AS unconfirmed_s
      FROM chunk c
      JOIN order_current o ON o.signal_id = c.signal_id AND o.account_id = ANY (c.account_ids)
      WHERE c.done_at IS NULL AND c.attempts > 0 AND o.state = 'unconfirmed') doubt,
     (SELECT coalesce(sum(cardinality(account_ids)) FILTER (WHERE lane = 0), 0) AS lane_0,
             coalesce(sum(cardinality(account_ids)) FILTER (WHERE lane = 1), 0) AS lane_1,
             coalesce(sum(cardinality(account_ids)) FILTER (WHERE lane = 2), 0) AS lane_2,
             coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE lane = 0)), 0)::float8 AS lane_0_s,
             coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE lane = 1)), 0)::float8 AS lane_1_s,
             coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE lane = 2)), 0)::float8 AS lane_2_s
      FROM chunk WHERE done_at IS NULL) waiting
