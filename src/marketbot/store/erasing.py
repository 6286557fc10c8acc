"""What an erasure does to the rows: what tells who somebody was goes, their numbers and the books stay.

Each statement is scoped to one user or one person. Doing all of it twice is doing it once, so that a restored backup can be told again.
"""

from __future__ import annotations

from marketbot.domain.ids import PersonId, UserId
from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.own_keys import Holdings
from marketbot.store.pool import Connection

_HOLDINGS = """
SELECT (SELECT count(*) FROM position p WHERE p.account_id = a.account_id AND p.user_id = $1 AND p.protection = 'protected') AS protected,
       (SELECT count(*) FROM position p WHERE p.account_id = a.account_id AND p.user_id = $1
        AND p.protection NOT IN ('protected', 'closed')) AS unprotected,
       (SELECT count(*) FROM order_current o WHERE o.account_id = a.account_id AND o.user_id = $1
        AND o.leg IN ('entry', 'exit', 'emergency_exit')
        AND o.state IN ('planned', 'submitted', 'unconfirmed', 'accepted', 'partially_filled')) AS orders
FROM account a WHERE a.user_id = $1
"""
_OWN_ACCOUNTS = "SELECT a.account_id FROM account a WHERE a.user_id = $1"
_OWN_MESSAGES = """
    payload ->> 'hook_id' IN (SELECT h.hook_id::text FROM notice_hook h WHERE h.user_id = $1)
    OR payload ->> 'channel_id' IN (SELECT c.channel_id::text FROM notice_channel c WHERE c.user_id = $1)
"""

# A session's and a token's numbers name entries too, so these come first: the rows that tell whose they were go below.
_USER_ADDRESSES = """
DELETE FROM audit_address d USING audit_entry e
WHERE d.entry_id = e.entry_id AND e.actor_kind = 'token' AND e.actor_id IN (SELECT t.token_id FROM api_token t WHERE t.user_id = $1)
"""
_PERSON_ADDRESSES = """
DELETE FROM audit_address d USING audit_entry e
WHERE d.entry_id = e.entry_id
  AND (e.actor_kind = 'person' AND e.actor_id = $1
       OR e.actor_kind = 'system' AND e.subject_kind = 'person' AND e.subject_id = $1::bigint::text)
"""
_USER = (
    _USER_ADDRESSES,
    "DELETE FROM key_box WHERE user_id = $1",
    f"DELETE FROM follow WHERE account_id IN ({_OWN_ACCOUNTS})",
    f"DELETE FROM job WHERE account_id IN ({_OWN_ACCOUNTS})",
    f"DELETE FROM job WHERE {_OWN_MESSAGES}",
    # Cut off from here on: no key, a digest that no key has, and nothing that its owner wished or called it.
    """
    UPDATE account SET label = 'erased-' || account_id, api_key_sealed = '', api_secret_sealed = '', api_passphrase_sealed = NULL,
        api_key_fingerprint = uuid_send(gen_random_uuid()), status = 'quarantined', status_code = 'DISCONNECTED',
        status_reason = 'The account was erased.', status_facts = '{}', disconnected_at = coalesce(disconnected_at, clock_timestamp()),
        paused = true, leverage = NULL, stop_multiplier = NULL, target_multiplier = NULL, position_size_pct = NULL,
        max_positions = NULL, cooldown_min = NULL, daily_loss_limit = NULL, allowed_symbols = NULL, denied_symbols = '{}',
        changed_at = clock_timestamp()
    WHERE user_id = $1
    """,
    # Whatever was sealed by it is shut for ever, in this database.
    "DELETE FROM data_key WHERE user_id = $1",
    "DELETE FROM key_check WHERE user_id = $1",
    "DELETE FROM account_reading WHERE user_id = $1",
    "DELETE FROM leverage_setting WHERE user_id = $1",
    "DELETE FROM notice_hook WHERE user_id = $1",
    "DELETE FROM notice_channel WHERE user_id = $1",
    "DELETE FROM idempotency_key WHERE caller IN (SELECT 'token:' || t.token_id FROM api_token t WHERE t.user_id = $1)",
    "DELETE FROM api_token WHERE user_id = $1",
    f"""
    UPDATE control_command SET reason = ''
    WHERE reason <> '' AND (user_id = $1 OR scope = 'user' AND key = $1::bigint::text
        OR scope = 'account' AND key IN (SELECT o.account_id::text FROM ({_OWN_ACCOUNTS}) o))
    """,
    f"""
    UPDATE switch SET reason = ''
    WHERE scope = 'user' AND key = $1::bigint::text
        OR scope = 'account' AND key IN (SELECT o.account_id::text FROM ({_OWN_ACCOUNTS}) o)
    """,
    """
    UPDATE app_user SET name = 'erased-' || user_id, disabled_at = coalesce(disabled_at, clock_timestamp()),
        erased_at = coalesce(erased_at, clock_timestamp())
    WHERE user_id = $1
    """,
)
_PERSON = (
    _PERSON_ADDRESSES,
    "DELETE FROM login_session WHERE person_id = $1",
    "DELETE FROM recovery_code WHERE person_id = $1",
    "DELETE FROM passkey WHERE person_id = $1",
    "DELETE FROM one_time_link WHERE person_id = $1",
    "DELETE FROM invitation WHERE person_id = $1 OR lower(email) = (SELECT lower(p.email) FROM person p WHERE p.person_id = $1)",
    "DELETE FROM job WHERE payload ->> 'person_id' = $1::bigint::text",
    "DELETE FROM idempotency_key WHERE caller = 'person:' || $1::bigint::text",
    """
    UPDATE person SET email = 'erased-' || person_id || '@erased.invalid', name = 'erased', password_hash = 'erased', language = 'pt-BR',
        time_zone = 'UTC', email_confirmed_at = NULL, totp_sealed = NULL, totp_confirmed_at = NULL, totp_step = 0, failed_logins = 0,
        locked_until = NULL, disabled_at = coalesce(disabled_at, clock_timestamp()), erased_at = coalesce(erased_at, clock_timestamp())
    WHERE person_id = $1
    """,
)


async def users_holdings(connection: Connection, user_id: UserId) -> Holdings:
    """Return what a user's accounts hold by our books, and which orders of theirs are not over."""
    rows = await connection.fetch(_HOLDINGS, user_id)
    return Holdings(*(sum(row[name] for row in rows) for name in ("protected", "unprotected", "orders")))


async def pause_accounts(connection: Connection, user_id: UserId) -> None:
    """Let a user's accounts enter nothing more; closes, stops and targets go on."""
    await connection.execute(
        "UPDATE account SET paused = true, changed_at = clock_timestamp() WHERE user_id = $1 AND NOT paused", user_id
    )
    await _tell_engines(connection, user_id)


async def erase_user(connection: Connection, user_id: UserId) -> None:
    """Erase a user, their accounts and keys, in the caller's transaction; engines forget what they hold within a second of its commit."""
    for statement in _USER:
        await connection.execute(statement, user_id)
    await _tell_engines(connection, user_id)


async def erase_person(connection: Connection, person_id: PersonId) -> None:
    """Erase a person, in the caller's transaction. What stays is their number."""
    for statement in _PERSON:
        await connection.execute(statement, person_id)


async def _tell_engines(connection: Connection, user_id: UserId) -> None:
    await connection.execute("SELECT pg_notify($1, $2)", ACCOUNT_CHANNEL, str(user_id))
