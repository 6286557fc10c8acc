"""Rows in every table that tells of a person, with texts that nobody else has."""

from __future__ import annotations

from datetime import timedelta

from marketbot.domain.audit_entry import Action, Actor, ActorKind, AuditEntry
from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.notice import ChannelKind
from marketbot.people.bearer import make_bearer
from marketbot.store.audit_trail import record
from marketbot.store.channels import channel_aad
from marketbot.store.notices import hook_aad
from marketbot.store.one_time_links import LinkKind, create_link
from marketbot.store.pool import DirectConnection
from marketbot.store.sessions import create_session
from marketbot.vault.vault import Vault


def canaries(name: str) -> tuple[str, ...]:
    """Return every text by which somebody could be recognized."""
    return (
        f"{name}@example.org",
        f"label of {name}",
        f"token of {name}",
        f"browser of {name}",
        f"{name}.hook.example",
        f"chat of {name}",
        f"{name} asked for it",
        address(name),
    )


def address(name: str) -> str:
    return {"user": "198.51.100.7", "rui": "198.51.100.8"}[name]


_TRADES = """
INSERT INTO source (name, kind, secret_sha256) VALUES ('room', 'webhook', sha256('x')) ON CONFLICT DO NOTHING;
INSERT INTO signal (source_id, dedup_key, action, symbol, body, state, settled_at)
    SELECT source_id, 'of ' || '{name}', 'open_long', 'BTCUSDT', 'a body', 'settled', now() FROM source WHERE name = 'room';
INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint, status, leverage)
    VALUES ({user}, 'label of {name}', 'binance', 'testnet', 'key', 'secret', sha256('{name}'), 'ready', 7);
INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, qty, leverage, stop_price, target_price, planned_at)
    SELECT s.signal_id, a.account_id, {user}, 2, 'queued', 'long', 0.125, 5, 98, 103, now() FROM signal s, account a
    WHERE s.dedup_key = 'of {name}' AND a.user_id = {user};
INSERT INTO orders (signal_id, account_id, leg, user_id, client_order_id, symbol, side, qty, created_at)
    SELECT signal_id, account_id, 'entry', user_id, 'id-{name}', 'BTCUSDT', 'long', qty, now() FROM intent WHERE user_id = {user};
INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, filled_qty, average_price, at)
    SELECT signal_id, account_id, leg, attempt, 1, user_id, 'planned', 'submitted', NULL, NULL, now() FROM orders WHERE user_id = {user};
INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, filled_qty, average_price, at)
    SELECT signal_id, account_id, leg, attempt, 2, user_id, 'submitted', 'filled', 0.125, 61000.10, now()
    FROM orders WHERE user_id = {user};
INSERT INTO outcome (signal_id, account_id, user_id, result, at)
    SELECT signal_id, account_id, user_id, 'ordered', now() FROM intent WHERE user_id = {user};
INSERT INTO position (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, opened_at, closed_at)
    SELECT account_id, 'BTCUSDT', 'long', user_id, signal_id, 'closed', 0, 61000.10, now(), now() FROM intent WHERE user_id = {user};
INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, result)
    SELECT account_id, now(), 'BTCUSDT', 'long', user_id, 12.50 FROM account WHERE user_id = {user};
INSERT INTO account_reading SELECT account_id, user_id, 1000.5, 900.25, now() FROM account WHERE user_id = {user};
INSERT INTO leverage_setting SELECT account_id, user_id, 'BTCUSDT', 5 FROM account WHERE user_id = {user};
INSERT INTO follow SELECT source_id, account_id FROM source, account WHERE user_id = {user};
INSERT INTO data_key (user_id, kek_id, wrapped) VALUES ({user}, 'kek', 'wrapped');
INSERT INTO box_key (public_sealed, kek_id, private_wrapped) VALUES ('p', 'kek', 'w');
INSERT INTO key_box (account_id, user_id, box_key_id, sealed, fingerprint)
    SELECT account_id, user_id, (SELECT max(box_key_id) FROM box_key), 'sealed', sha256('box of {name}')
    FROM account WHERE user_id = {user};
INSERT INTO key_check (account_id, user_id, code) SELECT account_id, user_id, 'KEY_OK' FROM account WHERE user_id = {user};
INSERT INTO api_token (user_id, name, scopes, sha256, prefix)
    VALUES ({user}, 'token of {name}', '{{orders:read}}', sha256('t{name}'), 'mbu_1');
INSERT INTO idempotency_key (caller, key, request_sha256) VALUES ('person:{person}', 'k', sha256('{name} asked for it'));
INSERT INTO control_command (kind, scope, key, reason, user_id, accounts, open_positions, queued_chunks)
    VALUES ('close', 'user', '{user}', '{name} asked for it', {user}, 1, 0, 0);
INSERT INTO switch (scope, key, state, reason) VALUES ('user', '{user}', 'reducing', '{name} asked for it');
INSERT INTO recovery_code (person_id, sha256, used_at) VALUES ({person}, sha256('code of {name}'), now());
INSERT INTO passkey (person_id, credential_id, public_key, name) VALUES ({person}, sha256('{name}'), 'key', 'label of {name}');
INSERT INTO invitation (email, role, expires_at, accepted_at, person_id)
    VALUES ('{name}@example.org', 'user', now() + interval '1 day', now(), {person});
INSERT INTO unconfirmed_order (account_id, signal_id, leg, attempt, user_id, since)
    SELECT account_id, signal_id, 'exit', 3, user_id, now() FROM intent WHERE user_id = {user}
"""


async def live(connection: DirectConnection, vault: Vault, person_id: PersonId, user_id: UserId, name: str) -> None:
    for statement in _TRADES.format(name=name, user=user_id, person=person_id).strip().split(";\n"):
        await connection.execute(statement)
    url = vault.seal(f"https://{name}.hook.example/a/path".encode(), aad=hook_aad(user_id, "url"))
    await connection.execute(
        "INSERT INTO notice_hook (user_id, host, url_sealed, secret_sealed) VALUES ($1, $2, $3, 's')",
        user_id,
        f"{name}.hook.example",
        url,
    )
    target = vault.seal(f"{name}@example.org".encode(), aad=channel_aad(user_id, ChannelKind.EMAIL, "target"))
    channel = await connection.fetchval(
        "INSERT INTO notice_channel (user_id, place, kind, name, target_sealed, confirmed_at)"
        " VALUES ($1, 1, 'email', $2, $3, now()) RETURNING channel_id",
        user_id,
        f"chat of {name}",
        target,
    )
    job = await connection.fetchval(
        "INSERT INTO job (kind, payload, max_attempts, done_at) VALUES ('tell', $1, 8, now()) RETURNING job_id",
        {"channel_id": channel},
    )
    await connection.execute(
        "INSERT INTO notice_item (channel_id, notice, subject, facts, job_id) VALUES ($1, 'account_quarantined', $2, $3, $4)",
        channel,
        f"account {name}",
        {"label": f"label of {name}"},
        job,
    )
    await connection.execute(
        "INSERT INTO job (kind, payload, max_attempts, done_at) VALUES ('notice', $1, 8, now())",
        {
            "hook_id": await connection.fetchval("SELECT hook_id FROM notice_hook WHERE user_id = $1", user_id),
            "facts": {"label": f"label of {name}"},
        },
    )
    life = timedelta(hours=1)
    await create_session(connection, person_id, make_bearer().sha256, life, address(name), f"browser of {name}", shown=True)
    await create_link(connection, LinkKind.RESET_PASSWORD, person_id, make_bearer().sha256)
    await record(
        connection, AuditEntry(Action.LOGIN, Actor(ActorKind.PERSON, person_id, address(name)), "person", str(person_id), {})
    )
    stranger = Actor(ActorKind.SYSTEM, None, address(name))
    await record(connection, AuditEntry(Action.LOGIN_FAILED, stranger, "person", str(person_id), {}))
