-- All rows of a signal's next accounts at once, so that the books hold at every moment. The lowest accounts are the page, so a bound is enough.
WITH page AS (SELECT max(account_id) AS last FROM (SELECT account_id FROM intent WHERE signal_id = $1 ORDER BY account_id LIMIT $2) p),
     events AS (DELETE FROM order_event WHERE signal_id = $1 AND account_id <= (SELECT last FROM page)),
     placed AS (DELETE FROM orders WHERE signal_id = $1 AND account_id <= (SELECT last FROM page)),
     doubted AS (DELETE FROM unconfirmed_order WHERE signal_id = $1 AND account_id <= (SELECT last FROM page)),
     ended AS (DELETE FROM outcome WHERE signal_id = $1 AND account_id <= (SELECT last FROM page)),
     decided AS (DELETE FROM intent WHERE signal_id = $1 AND account_id <= (SELECT last FROM page) RETURNING 1)
SELECT count(*) FROM decided
