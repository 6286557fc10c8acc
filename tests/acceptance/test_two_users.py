"""Two users with sources of their own never see each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketbot.audit.loading import load_venue
from marketbot.audit.records import read_order_name
from marketbot.domain.ids import AccountId, SignalId, UserId
from marketbot.store.signals import signal_accounts

from .world import world

pytestmark = pytest.mark.process


async def test_two_users_never_see_each_other(place: Path) -> None:
    async with world(place) as made:
        hers = set(await made.add_accounts("hers", "ana", 8))
        his = set(await made.add_accounts("his", "rui", 8))
        her_signal = await made.accepted("hers")
        his_signal = await made.accepted("his", "pine_short.json")
        await made.settled(her_signal, his_signal)
        connection, tag = made.stage.store.connection, await made.fetchval("SELECT tag FROM installation")
        her_user = await made.fetchval("SELECT user_id FROM account WHERE account_id = $1", min(hers))
        seen = {account.account_id for account in await signal_accounts(connection, SignalId(her_signal), AccountId(0), 100)}
        only_hers = await signal_accounts(connection, SignalId(her_signal), AccountId(0), 100, user_id=UserId(her_user))
        of_his = await signal_accounts(connection, SignalId(his_signal), AccountId(0), 100, user_id=UserId(her_user))
        traded: dict[str, set[int]] = {}
        for entry in (await load_venue(made.stage.control)).entries:
            name = read_order_name(entry.client_order_id, tag)
            assert name is not None
            traded.setdefault(entry.symbol, set()).add(name.account_id)
        mixed = await made.fetchval(
            """
            SELECT (SELECT count(*) FROM intent i JOIN account a USING (account_id) WHERE i.user_id <> a.user_id)
                 + (SELECT count(*) FROM orders o JOIN account a USING (account_id) WHERE o.user_id <> a.user_id)
                 + (SELECT count(*) FROM order_event e JOIN account a USING (account_id) WHERE e.user_id <> a.user_id)
                 + (SELECT count(*) FROM outcome r JOIN account a USING (account_id) WHERE r.user_id <> a.user_id)
                 + (SELECT count(*) FROM position p JOIN account a USING (account_id) WHERE p.user_id <> a.user_id)
            """
        )
        # The secret of one source opens no other.
        made.stage.secrets["his"] = made.stage.secrets["hers"]
        stolen = await made.post("his")
    assert seen == hers
    assert {account.account_id for account in only_hers} == {min(hers)}
    assert of_his == []
    assert traded == {"BTCUSDT": hers, "ETHUSDT": his}
    assert mixed == 0
    assert stolen.status == 401
