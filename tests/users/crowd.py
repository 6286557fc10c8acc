"""Users with accounts and rows in every table that holds a user's: what was done about some signals, and what came of it."""

from __future__ import annotations

import asyncpg

from marketbot.accounts.api_token import NewToken, make_token
from marketbot.domain.ids import UserId
from marketbot.domain.scope import OPERATOR_TOKEN_SCOPES, USER_SCOPES, Scope
from marketbot.store.tokens import create_token

ACCOUNTS_EACH = 3

_ROWS = """
INSERT INTO app_user (name) SELECT 'user ' || n FROM generate_series(1, {users}) n;
INSERT INTO source (name, kind, secret_sha256) VALUES ('shared', 'webhook', decode(repeat('00', 32), 'hex'));
INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint, status)
SELECT 1 + n % {users}, 'label ' || n, 'bybit', 'mainnet', 'sealed-key', 'sealed-secret', decode(lpad(to_hex(n), 8, '0'), 'hex'), 'ready'
FROM generate_series(0, {users} * {each} - 1) n;
INSERT INTO account_reading SELECT account_id, user_id, 100, 90, now() FROM account;
INSERT INTO leverage_setting SELECT account_id, user_id, 'BTCUSDT', 5, now() FROM account;
INSERT INTO follow SELECT 1, account_id FROM account;
INSERT INTO switch (scope, key, state) VALUES ('everything', '', 'reducing');
INSERT INTO switch (scope, key, state) SELECT 'user', user_id::text, 'halted' FROM app_user;
INSERT INTO switch (scope, key, state) SELECT 'account', account_id::text, 'halted' FROM account;
INSERT INTO signal (source_id, dedup_key, action, symbol, body, received_at)
SELECT 1, n::text, 'open_long', 'BTCUSDT', 'a body', now() - make_interval(secs => 10000 - n) FROM generate_series(1, {signals}) n;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, detail, planned_at)
SELECT signal_id, account_id, user_id, 1, 'denied', 'MAX_POSITIONS', '2 of 2', received_at FROM signal, account WHERE signal_id % 3 = 0;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, planned_at)
SELECT signal_id, account_id, user_id, 0, 'queued', 'long', received_at FROM signal, account WHERE signal_id % 3 = 2;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, qty, leverage, stop_price, target_price, planned_at)
SELECT signal_id, account_id, user_id, 1, 'queued', 'long', 0.5, 5, 98, 103, received_at FROM signal, account WHERE signal_id % 3 = 1;
INSERT INTO orders (signal_id, account_id, leg, user_id, client_order_id, symbol, side, qty, created_at)
SELECT signal_id, account_id, CASE WHEN lane = 0 THEN 'exit'::leg ELSE 'entry' END, user_id, signal_id || '-' || account_id, 'BTCUSDT',
       'long', 0.5, planned_at FROM intent WHERE state = 'queued';
INSERT INTO orders (signal_id, account_id, leg, user_id, client_order_id, symbol, side, trigger_price, created_at)
SELECT signal_id, account_id, 'stop_loss', user_id, 's' || signal_id || '-' || account_id, 'BTCUSDT', 'long', 98, planned_at
FROM intent WHERE state = 'queued' AND lane = 1;
INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, filled_qty, average_price, at)
SELECT signal_id, account_id, leg, attempt, 1, user_id, 'planned', 'submitted', NULL, NULL, created_at FROM orders;
INSERT INTO outcome (signal_id, account_id, user_id, result, reason, at)
SELECT signal_id, account_id, user_id, 'rejected', 'KEY_INVALID', planned_at FROM intent WHERE state = 'queued' AND lane = 1;
INSERT INTO position (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, opened_at)
SELECT account_id, symbol, 'long', user_id, 1, 'protected', 0.5, 100, 98, now() FROM account, (VALUES ('BTCUSDT'), ('ETHUSDT')) s (symbol);
INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, opened_at, closed_at, realized_pnl)
SELECT account_id, 'SOLUSDT', 'short', user_id, 'closed', 0, 100, now(), now(), -2.5 FROM account;
INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, signal_id, result)
SELECT account_id, now() - make_interval(secs => n), 'BTCUSDT', 'long', user_id, 1, 1.25 FROM account, generate_series(1, 4) n;
INSERT INTO control_command (kind, scope, key, user_id, accounts, open_positions, queued_chunks)
SELECT 'close', 'user', user_id::text, user_id, 3, 6, 0 FROM app_user;
INSERT INTO box_key (public_sealed, kek_id, private_wrapped) VALUES ('sealed', 'kek', 'wrapped');
INSERT INTO key_box (account_id, user_id, box_key_id, sealed, fingerprint)
SELECT account_id, user_id, 1, 'sealed', sha256(account_id::text::bytea) FROM account;
INSERT INTO key_check (account_id, user_id, checked_at) SELECT account_id, user_id, now() FROM account;
INSERT INTO notice_hook (user_id, host, url_sealed, secret_sealed) SELECT user_id, 'hooks.example', 'sealed', 'sealed' FROM app_user
"""


async def settle_crowd(connection: asyncpg.Connection, *, users: int = 2, signals: int = 9, each: int = ACCOUNTS_EACH) -> None:
    """Write ``users`` users with ``each`` accounts; every third signal was denied, closed something, or was rejected.

    The ids of users are 1, 2 ...; account n (from 0) belongs to user 1 + n % users.
    """
    for statement in _ROWS.format(users=users, signals=signals, each=each).split(";\n"):
        await connection.execute(statement)


async def give_token(
    connection: asyncpg.Connection, user_id: int | None, scopes: frozenset[Scope] | None = None, **more: object
) -> NewToken:
    """Store a token that opens everything its kind may, or the given scopes."""
    token = make_token(operator=user_id is None)
    wanted = scopes or (OPERATOR_TOKEN_SCOPES if user_id is None else USER_SCOPES)
    owner = None if user_id is None else UserId(user_id)
    async with connection.transaction():
        assert await create_token(connection, owner, "test", wanted, token, more.get("expires_at")) is not None  # type: ignore[arg-type]
    return token
