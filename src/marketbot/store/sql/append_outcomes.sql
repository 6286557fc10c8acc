INSERT INTO outcome (signal_id, account_id, user_id, result, reason, detail, claimed_ms, sent_ms, acked_ms, protected_ms,
                     attempts, at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::intent_result[], $5::text[], $6::text[], $7::int[],
                     $8::int[], $9::int[], $10::int[], $11::smallint[], $12::timestamptz[])
ON CONFLICT DO NOTHING
