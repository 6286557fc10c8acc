"""A small trading club: Ana with three accounts and a history, Rui with one, an operator, and many more accounts to be listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from tests.readiness.kept import kept
from tests.readiness.test_report import report

from marketbot.domain.ids import PersonId
from marketbot.people.bearer import Bearer, csrf_token, make_bearer
from marketbot.store.readiness_reports import keep_report
from marketbot.store.sessions import create_session

from .busy_day import BUSY_DAY

ANA, RUI = 1, 2
PASSWORD = "umas quantas palavras longas"
HOSTILE = "=cmd|'/c calc'!A0<script>alert(1)</script>"
"""A label that must reach neither a spreadsheet as a formula nor a page as markup."""

_ROWS = """
INSERT INTO app_user (name) VALUES ('Ana Souza'), ('Rui Lima');
INSERT INTO source (name, kind, secret_sha256) VALUES ('sinais-btc', 'webhook', decode(repeat('00', 32), 'hex')),
    ('momentum', 'webhook', decode(repeat('01', 32), 'hex'));
INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint, status, status_reason,
    leverage) VALUES
    (1, 'Principal', 'binance', 'mainnet', 'k', 's', 'f1', 'ready', NULL, 5),
    (1, 'Reserva', 'bybit', 'mainnet', 'k', 's', 'f2', 'quarantined', 'The exchange refused the key: it has expired.', NULL),
    (1, 'Treino', 'bybit', 'testnet', 'k', 's', 'f3', 'ready', NULL, NULL),
    (2, 'Conta do Rui', 'bybit', 'mainnet', 'k', 's', 'f4', 'ready', NULL, NULL);
UPDATE account SET paused = true WHERE account_id = 3;
INSERT INTO account_reading SELECT account_id, user_id, (ARRAY[12480.55, 3120.4, 10000, 777.77])[account_id],
    (ARRAY[8730.1, 3120.4, 9400, 777.77])[account_id],
    now() - make_interval(mins => account_id::int) FROM account;
INSERT INTO follow SELECT 1, account_id FROM account;
INSERT INTO signal (source_id, dedup_key, action, symbol, strong, price, body, state, received_at, planned_at, settled_at)
SELECT 1, n::text, (ARRAY['open_long', 'open_short', 'close_long'])[1 + n % 3]::signal_action,
    (ARRAY['BTCUSDT', 'ETHUSDT', 'SOLUSDT'])[1 + n % 3],
    n % 4 = 0, 61000 + n, 'a body', 'settled', now() - make_interval(mins => 900 - n * 14), now() - make_interval(mins => 900 - n * 14),
    now() - make_interval(mins => 899 - n * 14) FROM generate_series(1, 60) n;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, qty, leverage, stop_price, target_price, planned_at)
SELECT signal_id, account_id, user_id, 1, 'queued', 'long', 0.012, 5, 60210.5, 63420, received_at
FROM signal, account WHERE account_id IN (1, 4) AND signal_id % 5 <> 0;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, detail, planned_at)
SELECT signal_id, 1, 1, 1, 'denied', (ARRAY['MAX_POSITIONS', 'SYMBOL_COOLDOWN', 'PRICE_OUTSIDE_COLLAR'])[1 + (signal_id / 5) % 3], '',
    received_at FROM signal WHERE signal_id % 5 = 0;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, detail, planned_at)
SELECT signal_id, 3, 1, 2, 'denied', 'ACCOUNT_PAUSED', '', received_at FROM signal;
INSERT INTO outcome (signal_id, account_id, user_id, result, reason, acked_ms, protected_ms, at)
SELECT signal_id, account_id, user_id, CASE WHEN signal_id % 7 = 0 THEN 'rejected' ELSE 'ordered' END::intent_result,
    CASE WHEN signal_id % 7 = 0 THEN 'INSUFFICIENT_FUNDS' END, 120 + signal_id,
    CASE WHEN signal_id % 7 <> 0 THEN 310 + signal_id END, planned_at
FROM intent WHERE state = 'queued' AND signal_id < 59;
INSERT INTO position (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, target_price, opened_at,
    protected_at) VALUES
    (1, 'BTCUSDT', 'long', 1, 1, 'protected', 0.042, 61442.1, 60213.2, 63285.4, now() - interval '3 hours', now() - interval '3 hours'),
    (1, 'ETHUSDT', 'short', 1, 2, 'protecting', 1.35, 2510.4, 2560.6, 2435.1, now() - interval '9 minutes', NULL),
    (3, 'SOLUSDT', 'long', 1, 3, 'protected', 20, 142.2, 139.4, 146.5, now() - interval '2 days', now() - interval '2 days'),
    (4, 'ADAUSDT', 'long', 2, 3, 'protected', 900, 0.412, 0.404, 0.424, now() - interval '2 days', now() - interval '2 days');
INSERT INTO realized_result SELECT (ARRAY[1, 1, 3])[1 + n % 3], now() - make_interval(mins => 20 + n * 190),
    (ARRAY['BTCUSDT', 'ETHUSDT', 'SOLUSDT'])[1 + n % 3],
    'long', 1, n, (n % 5 - 1.4) * 17.35 FROM generate_series(1, 60) n;
INSERT INTO realized_result SELECT 4, now() - make_interval(mins => n), 'ADAUSDT', 'long', 2, n, -999.5 FROM generate_series(1, 3) n;
INSERT INTO price_bar (venue, environment, symbol, minute, open, high, low, close)
SELECT venue, environment::environment, symbol, date_trunc('minute', now()) - make_interval(mins => 400 - n), round(base * (1 + p.a), 2),
    round(base * (1.0006 + greatest(p.a, p.b)), 2), round(base * (0.9994 + least(p.a, p.b)), 2), round(base * (1 + p.b), 2)
FROM (VALUES ('binance', 'mainnet', 'BTCUSDT', 61500), ('binance', 'mainnet', 'ETHUSDT', 2508), ('bybit', 'testnet', 'SOLUSDT', 142.6),
    ('bybit', 'mainnet', 'ADAUSDT', 0.41)) m (venue, environment, symbol, base), generate_series(1, 400) n,
    LATERAL (SELECT (sin(n / 29.0) * 0.006 + cos(n / 7.0) * 0.0012)::numeric AS a,
        (sin((n + 1) / 29.0) * 0.006 + cos((n + 1) / 7.0) * 0.0012)::numeric AS b) p;
INSERT INTO worker (worker, roles, instance, place, pid, started, egresses, seen_at)
    VALUES (1, '{planner,executor}', 'x', '', 1, '', '{0}', now() + interval '1 hour');
INSERT INTO person (email, name, role, user_id, password_hash, language, time_zone, email_confirmed_at) VALUES
    ('ana@club.example', 'Ana Souza', 'user', 1, 'none', 'pt-BR', 'America/Sao_Paulo', now()),
    ('rui@club.example', 'Rui Lima', 'user', 2, 'none', 'en', 'UTC', now());
INSERT INTO person (email, name, role, password_hash, email_confirmed_at, totp_sealed, totp_confirmed_at)
VALUES ('op@club.example', 'Olga', 'operator', 'none', now(), 'sealed', now());
INSERT INTO installation (tag, profile) VALUES ('abc123', 'simulation')
"""
_MORE = """
INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint, status)
SELECT 2, 'conta ' || n, (ARRAY['binance', 'bybit'])[1 + n % 2], (ARRAY['mainnet', 'testnet'])[1 + n % 2]::environment, 'k', 's',
    decode(lpad(to_hex(n), 8, '0'), 'hex'),
    CASE WHEN n % 50 = 0 THEN 'quarantined' WHEN n % 41 = 0 THEN 'connecting' ELSE 'ready' END::account_status
FROM generate_series(1, $1::int) n
"""


@dataclass(frozen=True, slots=True)
class Login:
    """A session's cookie, and what its forms carry."""

    bearer: Bearer

    @property
    def cookie(self) -> str:
        return f"marketbot={self.bearer.text}"

    @property
    def csrf(self) -> str:
        return csrf_token(self.bearer.text)


async def set_scene(connection: asyncpg.Connection, *, more_accounts: int = 0) -> None:
    for statement in (*_ROWS.strip().split(";\n"), *BUSY_DAY.strip().split(";\n")):
        await connection.execute(statement)
    await keep_report(connection, *kept(report()))
    if more_accounts:
        await connection.execute(_MORE, more_accounts)
        await connection.execute("ANALYZE account")


async def give_session(connection: asyncpg.Connection, email: str) -> Login:
    """Log somebody in without a password: the pages are tried here, not the login."""
    person_id = await connection.fetchval("SELECT person_id FROM person WHERE email = $1", email)
    bearer = make_bearer()
    await create_session(
        connection, PersonId(person_id), bearer.sha256, timedelta(hours=1), "127.0.0.1", "Firefox on Linux", shown=True
    )  # type: ignore[arg-type]
    return Login(bearer)
