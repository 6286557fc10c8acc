"""What an owner does about their accounts' keys and sources: each in one transaction of theirs, with its entry in the audit trail.

Behind ``/v1`` and behind the console's forms alike; how it is told is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.accounts import onboarding
from marketbot.accounts.onboarding import AccountWish, KeyWish, Objection
from marketbot.api.admission import ApiRequest, user_of
from marketbot.api.identity import actor_of
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action, AuditEntry, fact
from marketbot.domain.egress import Egress
from marketbot.domain.ids import AccountId, UserId
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.own_keys import Holdings
from marketbot.store.pool import Connection
from marketbot.store.user_accounts import AccountRow, read_own_account
from marketbot.vault.vault import Vault

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Changed:
    """An account as it stands after a change. ``left`` is what a disconnected one still holds at its venue, by our books."""

    account: AccountRow
    simulated: bool
    left: Holdings | None = None


async def connect_account(request: ApiRequest, wish: AccountWish) -> Changed | Objection:
    """Make an account whose key waits for an engine to take and prove it."""
    door, user_id = _door(request), user_of(request)
    async with door.writing(user_id) as connection:
        made = await onboarding.connect(
            connection,
            _vault(request),
            user_id,
            wish,
            limit=request.app.state.accounts_per_user,
            egresses=max(1, len(ways_out(request))),
        )
        if isinstance(made, Objection):
            return made
        changed = await _changed(door, connection, user_id, made)
        facts = {"venue": str(wish.record.venue), "environment": str(wish.record.environment)}
        await record(connection, AuditEntry(Action.ACCOUNT_CONNECTED, actor_of(request), "account", str(made), facts))
    log.info("account_asked_for", user_id=user_id, account_id=made, venue=wish.record.venue, environment=wish.record.environment)
    return changed


async def give_key(request: ApiRequest, account_id: AccountId, wish: KeyWish) -> Changed | Objection:
    """Hand in another key; the one the account has works until an engine has taken the new one."""
    door, user_id = _door(request), user_of(request)
    async with door.writing(user_id) as connection:
        objection = await onboarding.replace_key(connection, _vault(request), user_id, account_id, wish)
        if objection is not None:
            return objection
        changed = await _changed(door, connection, user_id, account_id)
        await record(connection, AuditEntry(Action.KEY_ROTATED, actor_of(request), "account", str(account_id), {}))
    log.info("account_key_replaced", user_id=user_id, account_id=account_id)
    return changed


async def follow_sources(request: ApiRequest, account_id: AccountId, names: frozenset[str]) -> Changed | Objection:
    """Let an account follow exactly these sources."""
    door, user_id = _door(request), user_of(request)
    async with door.writing(user_id) as connection:
        done = await onboarding.follow_sources(connection, user_id, account_id, names)
        if isinstance(done, Objection):
            return done
        changed = await _changed(door, connection, user_id, account_id)
        if done:
            facts = {"follows": fact(sorted(names))}
            await record(connection, AuditEntry(Action.SETTINGS_CHANGED, actor_of(request), "account", str(account_id), facts))
    if done:
        log.info("follows_changed", user_id=user_id, account_id=account_id, sources=len(names))
    return changed


async def prove_key(request: ApiRequest, account_id: AccountId) -> Changed | Objection:
    """Have the venue asked anew. The answer stands in the account once an engine has it."""
    door, user_id = _door(request), user_of(request)
    async with door.writing(user_id) as connection:
        objection = await onboarding.ask_test(connection, user_id, account_id)
        return objection or await _changed(door, connection, user_id, account_id)


async def disconnect_account(request: ApiRequest, account_id: AccountId, *, force: bool) -> Changed | Objection:
    """Take the key away and keep the books; with ``force`` although the account holds something."""
    door, user_id = _door(request), user_of(request)
    async with door.writing(user_id) as connection:
        left = await onboarding.disconnect(connection, user_id, account_id, force=force)
        if isinstance(left, Objection):
            return left
        changed = await _changed(door, connection, user_id, account_id, left)
        facts = {"forced": left.any}
        await record(connection, AuditEntry(Action.ACCOUNT_DISCONNECTED, actor_of(request), "account", str(account_id), facts))
    log.info("account_disconnected", user_id=user_id, account_id=account_id, forced=left.any)
    return changed


def ways_out(request: ApiRequest) -> tuple[Egress, ...]:
    """Return the addresses that requests leave from, in the order that accounts' numbers count; none where none was set."""
    ways: tuple[Egress, ...] = request.app.state.egress
    return ways


def _door(request: ApiRequest) -> UserDoor:
    door: UserDoor = request.app.state.door
    return door


def _vault(request: ApiRequest) -> Vault:
    vault: Vault = request.app.state.vault
    return vault


async def _changed(
    door: UserDoor, connection: Connection, user_id: UserId, account_id: AccountId, left: Holdings | None = None
) -> Changed:
    account = await read_own_account(connection, user_id, account_id)
    assert account is not None, "it was changed in this transaction"
    return Changed(account, await door.simulated(connection), left)
