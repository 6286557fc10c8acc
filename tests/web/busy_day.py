"""A day of an installation at work, as its three processes told of it: a signal every seven minutes, a quarter of an hour gone wrong."""

from __future__ import annotations

BUSY_DAY = """
INSERT INTO market_standing (worker, venue, environment, egress, used, share, throttle, blocked_s, breaker) VALUES
    (1, 'binance', 'mainnet', 0, 0.31, 1, 1, 0, 'closed'), (1, 'binance', 'mainnet', 1, 0.93, 1, 0.5, 0, 'half_open'),
    (1, 'bybit', 'mainnet', 0, 0.84, 1, 1, 0, 'closed'), (1, 'bybit', 'testnet', 0, 0, 1, 1, 95, 'open'),
    (1, 'bybit', 'testnet', 1, 0, 0, 1, 0, 'closed');
INSERT INTO process_sample (at, process, kind, memory_bytes, memory_bound_bytes, connections, connections_usable, counts)
SELECT date_trunc('minute', now()) - make_interval(mins => n), p.process, p.kind, (p.mb + 9 * sin(n / 9.0)) * 1048576, 419430400,
    CASE WHEN p.kind = 'engine' THEN 61 + (n % 7) END, CASE WHEN p.kind = 'engine' THEN 97 END,
    CASE WHEN p.kind = 'api' THEN jsonb_build_object(
        'requests.ok', 4000 + n % 300, 'requests.refused', 9, 'requests.error', CASE WHEN n = 22 THEN 11 ELSE 0 END,
        'signals', CASE WHEN n % 7 = 0 AND p.process = 'api-1' THEN 1 ELSE 0 END, 'request.1', 2600, 'request.2', 1100,
        'request.4', 260 + n % 40, 'request.6', 40, 'request.8', CASE WHEN n BETWEEN 20 AND 35 THEN 300 ELSE 0 END)
    WHEN n % 7 = 0 THEN jsonb_build_object(
        'stage.claim_wait.4', 400, 'stage.claim_wait.5', 500 + n, 'stage.claim_wait.6', 80,
        'stage.queue_wait.6', 700, 'stage.queue_wait.7', 250 + n, 'stage.queue_wait.8', 30,
        'stage.signal_to_ack.7', 640, 'stage.signal_to_ack.8', 300 + n, 'stage.signal_to_ack.9', 40,
        'stage.unprotected.5', 700, 'stage.unprotected.7', 280,
        'denied.MAX_POSITIONS', 80 + n % 30, 'denied.ACCOUNT_PAUSED', 44, 'rejected.INSUFFICIENT_FUNDS', 12)
    ELSE '{}' END
FROM generate_series(1, 1500) n, (VALUES ('engine-1', 'engine', 150), ('api-1', 'api', 118), ('api-2', 'api', 112)) p (process, kind, mb)
"""
