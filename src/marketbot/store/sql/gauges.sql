-- Every unconfirmed order counts, whether the chunk that sent it is open or done. Ages are by this server's clock.
SELECT (SELECT count(*) FROM position WHERE protection IN ('naked', 'protecting', 'closing') AND signal_id IS NOT NULL) AS unprotected,
       doubt.unconfirmed, doubt.unconfirmed_s,
       waiting.lane_0, waiting.lane_1, waiting.lane_2, waiting.lane_0_s, waiting.lane_1_s, waiting.lane_2_s
FROM (SELECT count(*) AS unconfirmed,
             coalesce(greatest(extract(epoch FROM clock_timestamp() - min(since)), 0), 0)::float8 AS unconfirmed_s
      FROM unconfirmed_order) doubt,
     (SELECT coalesce(sum(cardinality(account_ids)) FILTER (WHERE lane = 0), 0) AS lane_0,
             coalesce(sum(cardinality(account_ids)) FILTER (WHERE lane = 1), 0) AS lane_1,
             coalesce(sum(cardinality(account_ids)) FILTER (WHERE lane = 2), 0) AS lane_2,
             coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE lane = 0)), 0)::float8 AS lane_0_s,
             coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE lane = 1)), 0)::float8 AS lane_1_s,
             coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE lane = 2)), 0)::float8 AS lane_2_s
      FROM chunk WHERE done_at IS NULL) waiting
