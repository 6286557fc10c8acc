"""One account as an operator looks at it: its key, what it holds, what stops it, what became of its latest signals. Over all users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from marketbot.domain.ids import AccountId
from marketbot.domain.trading_state import Scope
from marketbot.store.pool import Connection
from marketbot.store.switches import SwitchRow, list_switches
from marketbot.store.user_accounts import AccountRow, read_any_account
from marketbot.store.user_trades import IntentKey, PositionKey, PositionRow, SignalRow, list_positions, list_signals

POSITIONS_SHOWN_MAX = 50
OUTCOMES_SHOWN_MAX = 20
OUTCOMES_READ_MAX = 200
"""Of the owner's latest intents: they stand in an index by user, and a signal makes one for each of the user's accounts."""

_OWNER = "SELECT u.name, u.disabled_at IS NOT NULL AS disabled FROM app_user u WHERE u.user_id = $1"


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """``more_positions``: there are others besides those shown."""

    account: AccountRow
    owner: str
    owner_disabled: bool
    stopped: list[SwitchRow]
    positions: list[PositionRow]
    more_positions: bool
    outcomes: list[SignalRow]


async def read_health(connection: Connection, account_id: AccountId) -> AccountHealth | None:
    """Return how an account stands; None where there is none of this number."""
    account = await read_any_account(connection, account_id)
    if account is None:
        return None
    owner = await connection.fetchrow(_OWNER, account.user_id)
    assert owner is not None, "the schema lets no user go before their accounts"
    behind = PositionKey(account_id)
    held = await list_positions(connection, account.user_id, behind, POSITIONS_SHOWN_MAX + 1, closed=False)
    positions = [row for row in held if row.account_id == account_id]
    latest = await list_signals(connection, account.user_id, IntentKey(), OUTCOMES_READ_MAX)
    return AccountHealth(
        account=account,
        owner=owner["name"],
        owner_disabled=owner["disabled"],
        stopped=covering(await list_switches(connection), account),
        positions=positions[:POSITIONS_SHOWN_MAX],
        more_positions=len(positions) > POSITIONS_SHOWN_MAX,
        outcomes=[row for row in latest if row.account_id == account_id][:OUTCOMES_SHOWN_MAX],
    )


def covering(switches: Iterable[SwitchRow], account: AccountRow) -> list[SwitchRow]:
    """Return the switches that cover an account as a whole; an instrument's covers none."""
    named = {
        (Scope.EVERYTHING, ""),
        (Scope.ENVIRONMENT, account.environment),
        (Scope.VENUE, account.venue),
        (Scope.USER, str(account.user_id)),
        (Scope.ACCOUNT, str(account.account_id)),
    }
    return [each for each in switches if (each.scope, each.key) in named]
