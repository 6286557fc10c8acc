"""The restore drill: a backup amid a fan-out, a service that goes on without it, and a restored one on the same accounts."""

# Looking at a directory is all that blocks here.
# ruff: noqa: ASYNC240

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.installation import SYMBOLS, Installation, eventually, open_installation_with

from marketbot.audit.compare import audit
from marketbot.audit.loading import load_ours, load_venue
from marketbot.audit.point import up_to_signal
from marketbot.audit.report import Audit
from marketbot.backup.load import ID_GAP
from marketbot.backup.make import make_backup
from marketbot.backup.restore import Restored, restore
from marketbot.backup.retention import Retention
from marketbot.backup.shelf import Shelf, read_manifest
from marketbot.backup.verify import verify
from marketbot.domain.ids import SignalId
from marketbot.domain.signal import Action
from marketbot.domain.venue import Profile
from marketbot.store.pool import connect

BTC, ETH, SOL = SYMBOLS
ACCOUNTS = 24
SLOW = [{"kind": "slow", "path": "/fapi/v1/order", "method": "POST", "delay_ms": 2_000}]

# Claims of one venue's chunks come to nothing while this is there, so that the backup surely finds some that nobody has taken yet.
HOLD = """
CREATE FUNCTION hold_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER hold_back BEFORE UPDATE ON chunk FOR EACH ROW WHEN (OLD.venue = 'bybit') EXECUTE FUNCTION hold_back();
"""
OFTEN = {"max_positions": {"default": "5"}, "cooldown_min": {"default": "0"}, "position_size_pct": {"default": "20"}}
LET_GO = "DROP TRIGGER hold_back ON chunk; DROP FUNCTION hold_back()"

pytestmark = pytest.mark.process


async def test_a_backup_made_amid_a_fan_out_comes_back_without_trading_twice(
    database: str, empty_database: str, place: Path, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path / "backups")
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS, **OFTEN) as made:
        await made.start_engine()
        closed = await made.signal(Action.OPEN_LONG, SOL)
        await made.settled([closed], 60)
        await made.connection.execute(HOLD)
        await made.control.add_faults(SLOW)
        begun = await made.signal(Action.OPEN_LONG, BTC)
        closing = await made.signal(Action.CLOSE_LONG, SOL)
        await eventually(lambda: _at_work(made, begun), 20)

        taken = await make_backup(made.dsn, shelf, None, Retention())
        assert taken is not None
        assert taken.manifest.last_signal_id == closing
        assert taken.manifest.unplanned_signals == ()

        # The service goes on: it finishes what it had begun, and takes signals that the backup knows nothing of.
        await made.connection.execute(LET_GO)
        await made.control.clear_faults()
        await made.settled([begun, closing], 60)
        lost = await made.signal(Action.OPEN_LONG, ETH)
        again = await made.signal(Action.OPEN_LONG, SOL)
        await made.settled([lost, again], 60)
        before = await made.until_clean(20)
        assert before.clean, before.document()
        assert await made.stop_engine() == 0
        sent = len(await made.control.ledger())

        archive = shelf.find("latest")
        place.mkdir(mode=0o711)
        proven = await verify(archive, taken.manifest, None, scratch=place, vault_key_file=tmp_path / "vault.key")
        assert proven.faults == ()
        assert proven.keys.opened == proven.keys.tried == ACCOUNTS
        assert list(place.iterdir()) == []

        restored = await restore(empty_database, archive, read_manifest(archive), None, Profile.SIMULATION)
        assert restored.aftermath.unfinished_chunks > 0
        await _go_on(made, empty_database, restored, [closed, begun, closing], sent)

        # A close of before must not close what was opened since: every account still holds its second SOL position.
        held = await load_venue(made.control)
        assert sum(1 for each in held.holdings if each.symbol == SOL and each.qty) == ACCOUNTS

        await made.connection.execute("DELETE FROM switch")
        await made.connection.execute("NOTIFY control")
        later = await made.signal(Action.OPEN_SHORT, BTC)
        assert later > ID_GAP
        await made.settled([later], 60)
        await made.connection.close()


async def _at_work(made: Installation, signal_id: SignalId) -> bool:
    """Tell whether some chunks of the signal are on their way and others wait."""
    row = await made.connection.fetchrow(
        """SELECT count(*) FILTER (WHERE claimed_by IS NOT NULL) AS taken, count(*) FILTER (WHERE attempts = 0) AS waiting
           FROM chunk WHERE signal_id = $1 AND done_at IS NULL""",
        signal_id,
    )
    assert row is not None
    states = await made.connection.fetchval("SELECT count(*) FROM signal WHERE state = 'accepted'")
    return bool(row["taken"] and row["waiting"] and not states)


async def _go_on(made: Installation, dsn: str, restored: Restored, signals: list[SignalId], sent: int) -> None:
    """Start the service on the restored books, against the same venues, and hold it against them up to the backup's point."""
    await made.connection.close()
    made.connection = await connect(dsn, name="drill")
    made.dsn = dsn
    assert await made.connection.fetchval("SELECT count(*) FROM chunk WHERE done_at IS NULL AND attempts = 0") == 0
    await made.start_engine()
    await made.settled(signals, 90)

    async def clean() -> bool:
        return (await _audit(made, restored)).clean

    try:
        await eventually(clean, 60)
    except TimeoutError:
        found = await _audit(made, restored)
        raise AssertionError(f"{found.document()}\n{await made.trace(found)}\n{made.engine_log()}") from None
    found = await _audit(made, restored)
    assert found.ordered == len(signals) * ACCOUNTS, found.document()
    opened = [
        entry for entry in (await made.control.ledger())[sent:] if entry["kind"] == "market" and entry["event"] == "accepted"
    ]
    assert opened == [], "nothing was sent anew"


async def _audit(made: Installation, restored: Restored) -> Audit:
    ours = await load_ours(made.connection)
    venue = up_to_signal(await load_venue(made.control), ours.tag, restored.manifest.last_signal_id)
    return audit(venue, ours, unprotected_limit_s=made.unprotected_limit_s)
