"""What is old and over goes, what is open or held stays, and the books hold at every moment between."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.store.queue import SYMBOL, TAG, make_accounts, make_chunk, make_intents, make_signal

from marketbot.audit.books import check_books
from marketbot.audit.compare import audit
from marketbot.audit.loading import load_ours
from marketbot.audit.records import LedgerEntry, VenueBook, VenueHolding
from marketbot.audit.report import Audit
from marketbot.domain.audit_entry import Action, Actor, ActorKind, AuditEntry
from marketbot.domain.ids import AccountId, SignalId
from marketbot.jobs.retention import Pruning, Retention
from marketbot.store import retention
from marketbot.store.audit_trail import record, verify
from marketbot.store.pool import Connection, DirectConnection, Pool, connect

KEEP = Retention(timedelta(days=400), timedelta(days=30), timedelta(days=7), timedelta(days=7))
ACCOUNTS = 5
SIM_OFFSET = 1_000
HISTORY = ("intent", "orders", "order_event", "outcome")


async def traded(
    connection: DirectConnection,
    accounts: list[AccountId],
    *,
    days_ago: int,
    symbol: str,
    held: bool = False,
    open_chunk: bool = False,
) -> SignalId:
    """Store a signal that every account has entered, as an engine leaves it; ``held``: the position is open still."""
    signal_id = await make_signal(connection)
    await make_intents(connection, signal_id, accounts)
    chunk_id = await make_chunk(connection, signal_id, account_ids=accounts)
    ago = timedelta(days=days_ago)
    await connection.execute("UPDATE orders SET symbol = $2 WHERE signal_id = $1", signal_id, symbol)
    for seq, (before, after) in enumerate([("planned", "submitted"), ("submitted", "filled")], start=1):
        await connection.execute(
            "INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, at) "
            "SELECT signal_id, account_id, leg, attempt, $2, user_id, $3, $4, now() - $5::interval FROM orders "
            "WHERE signal_id = $1 AND leg = 'entry'",
            signal_id, seq, before, after, ago,
        )  # fmt: skip
    await connection.execute(
        "UPDATE signal SET received_at = now() - $2::interval, body = 'what was sent' WHERE signal_id = $1", signal_id, ago
    )
    await connection.execute("UPDATE chunk SET created_at = now() - $2::interval WHERE chunk_id = $1", chunk_id, ago)
    if open_chunk:
        return signal_id
    await connection.execute(
        "INSERT INTO outcome (signal_id, account_id, user_id, result, at) SELECT signal_id, account_id, user_id, 'ordered', now() "
        "FROM intent WHERE signal_id = $1",
        signal_id,
    )
    await connection.execute("UPDATE chunk SET done_at = now() - $2::interval WHERE chunk_id = $1", chunk_id, ago)
    await connection.execute(
        "UPDATE signal SET state = 'settled', settled_at = now() - $2::interval WHERE signal_id = $1", signal_id, ago
    )
    await connection.execute(
        "INSERT INTO position (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, opened_at, "
        "closed_at) SELECT account_id, $2, 'long', user_id, signal_id, CASE WHEN $3 THEN 'protected' ELSE 'closed' END::protection_state, "
        "CASE WHEN $3 THEN 1 ELSE 0 END, 100, 98, now() - $4::interval, CASE WHEN NOT $3 THEN now() END FROM intent WHERE signal_id = $1",
        signal_id,
        symbol,
        held,
        ago,
    )
    return signal_id


async def venue_book(connection: Connection, held: set[str]) -> VenueBook:
    """Write the exchange's book of all that was ever sent: every entry once, and what is open still."""
    orders = await connection.fetch("SELECT account_id, client_order_id, symbol FROM orders WHERE leg = 'entry'")
    entries = [
        LedgerEntry(
            at=1.0,
            venue="binance",
            environment="mainnet",
            account=row["account_id"] + SIM_OFFSET,
            event="accepted",
            kind="market",
            order_id=number,
            client_order_id=row["client_order_id"],
            symbol=row["symbol"],
            position_side="BOTH",
        )
        for number, row in enumerate(orders)
    ]
    holdings = [
        VenueHolding(row["account_id"] + SIM_OFFSET, row["symbol"], "BOTH", Decimal(1)) for row in orders if row["symbol"] in held
    ]
    return VenueBook(entries=tuple(entries), holdings=tuple(holdings))


async def compared(connection: Connection, venue: VenueBook) -> Audit:
    return audit(venue, await load_ours(connection))


async def counted(connection: Connection, signal_id: SignalId) -> list[int]:
    return [await connection.fetchval(f"SELECT count(*) FROM {table} WHERE signal_id = $1", signal_id) for table in HISTORY]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ACCOUNTS_BATCH", 2)
    monkeypatch.setattr(retention, "ROWS_BATCH", 2)
    monkeypatch.setattr(retention, "SIGNALS_PAGE", 1)


@pytest.mark.usefixtures("small_batches")
async def test_the_audit_holds_before_amid_and_after(database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await connect(database, name="test", statement_timeout_s=60.0)
    await connection.execute("INSERT INTO installation (tag, profile) VALUES ($1, 'simulation')", TAG)
    accounts = await make_accounts(connection, ACCOUNTS)
    await connection.execute("UPDATE account SET created_at = now() - interval '1000 days'")
    old = [await traded(connection, accounts, days_ago=days, symbol="OLDUSDT" if days == 500 else "XUSDT") for days in (500, 450)]
    held = await traded(connection, accounts, days_ago=600, symbol="HELDUSDT", held=True)
    unsettled = await traded(connection, accounts, days_ago=700, symbol="OPENUSDT", open_chunk=True)
    recent = await traded(connection, accounts, days_ago=10, symbol=SYMBOL, held=True)
    await connection.execute("INSERT INTO follow SELECT source_id, account_id FROM source, account")
    venue = await venue_book(connection, {"HELDUSDT", SYMBOL})
    before = await compared(connection, venue)
    # What is still under way is told as such, and nothing else is found.
    assert {kind for kind, count in before.counts.items() if count} == {"unfinished"}
    assert await check_books(connection) == []

    prune, moments = retention.prune_accounts, 0

    async def prune_and_look(borrowed: Connection, signal_id: SignalId) -> int:
        nonlocal moments
        gone = await prune(borrowed, signal_id)
        assert await check_books(connection) == []
        assert (await compared(connection, venue)).counts == before.counts
        moments += 1
        return gone

    monkeypatch.setattr(retention, "prune_accounts", prune_and_look)
    await Pruning(pool, KEEP, 0.0).run()
    assert moments == 2 * 4

    assert [await counted(connection, each) for each in old] == [[0, 0, 0, 0]] * 2
    assert [await counted(connection, each) for each in (held, recent)] == [[ACCOUNTS, 3 * ACCOUNTS, 2 * ACCOUNTS, ACCOUNTS]] * 2
    assert await counted(connection, unsettled) == [ACCOUNTS, 3 * ACCOUNTS, 2 * ACCOUNTS, 0]
    after = await compared(connection, venue)
    assert after.counts == before.counts
    assert (after.signals, after.planned) == (5, 3 * ACCOUNTS)
    bodies = await connection.fetch("SELECT signal_id FROM signal WHERE body = '' AND pruned_at IS NOT NULL ORDER BY 1")
    assert [row["signal_id"] for row in bodies] == sorted(old)
    # A defect in what is recent is found as ever, and so is a ledger that knows more than the book of a signal that was not pruned.
    await connection.execute("DELETE FROM orders WHERE signal_id = $1 AND leg = 'entry'", recent)
    assert {finding.rule for finding in await check_books(connection)} >= {"event_without_order", "position_without_order"}
    assert (await compared(connection, venue)).counts["unrecorded"] == ACCOUNTS
    await connection.close()


@pytest.mark.usefixtures("small_batches")
async def test_a_run_that_was_cut_off_is_gone_on_with(database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await connect(database, name="test")
    accounts = await make_accounts(connection, ACCOUNTS)
    old = await traded(connection, accounts, days_ago=500, symbol=SYMBOL)
    prune = retention.prune_accounts

    async def prune_once(borrowed: Connection, signal_id: SignalId) -> int:
        await prune(borrowed, signal_id)
        raise ConnectionError

    monkeypatch.setattr(retention, "prune_accounts", prune_once)
    with pytest.raises(ConnectionError):
        await Pruning(pool, KEEP, 0.0).run()
    assert (await counted(connection, old))[0] == ACCOUNTS - 2
    monkeypatch.setattr(retention, "prune_accounts", prune)
    await Pruning(pool, KEEP, 0.0).run()
    assert await counted(connection, old) == [0, 0, 0, 0]
    assert await connection.fetchval("SELECT pruned_at IS NOT NULL FROM signal")
    await connection.close()


@pytest.mark.usefixtures("small_batches")
async def test_chunks_refusals_and_jobs_go_by_their_own_age(database: str, pool: Pool) -> None:
    connection = await connect(database, name="test")
    accounts = await make_accounts(connection, 1)
    for days in (20, 19, 18, 17, 16):
        await traded(connection, accounts, days_ago=days, symbol=f"S{days}")
    unsettled = await traded(connection, accounts, days_ago=30, symbol="S30", open_chunk=True)
    await traded(connection, accounts, days_ago=3, symbol="S3")
    await connection.execute(
        "INSERT INTO refusal (reason, refused_at) SELECT 'FIELD_MISSING', now() - n * interval '10 days' FROM generate_series(0, 9) n"
    )
    await connection.execute(
        "INSERT INTO job (kind, max_attempts, created_at, due_at, done_at, dead_at) SELECT 'note', 1, at, at, "
        "CASE WHEN n % 3 = 0 THEN at END, CASE WHEN n % 3 = 1 THEN at END "
        "FROM (SELECT n, now() - n * interval '5 days' AS at FROM generate_series(0, 8) n) x"
    )
    await Pruning(pool, KEEP, 0.0).run()
    left = await connection.fetch("SELECT signal_id, done_at IS NULL AS open FROM chunk ORDER BY chunk_id")
    assert [tuple(row) for row in left] == [(unsettled, True), (unsettled + 1, False)]
    assert await connection.fetchval("SELECT count(*) FROM refusal") == 3
    # Of three done jobs one is young; what is open or dead stays.
    assert await connection.fetchval(
        "SELECT array_agg(n ORDER BY n) FROM (SELECT count(*) n FROM job GROUP BY done_at IS NULL, dead_at IS NULL) x"
    ) == [1, 3, 3]
    assert await connection.fetchval("SELECT count(*) FROM intent") == 7
    await connection.close()


async def test_what_tells_of_people_goes_by_periods_of_its_own(database: str, pool: Pool) -> None:
    """Whatever the settings say: addresses go and their entries stay, and a letter that nobody could send does not wait for ever."""
    connection = await connect(database, name="test")
    entry = AuditEntry(Action.LOGIN, Actor(ActorKind.PERSON, 1, "203.0.113.9"), "person", "1", {})
    for days in (181, 179):
        number = await record(connection, entry)
        await connection.execute(
            "UPDATE audit_address SET at = now() - $2::interval WHERE entry_id = $1", number, timedelta(days=days)
        )
    await connection.execute(
        "INSERT INTO refusal (reason, address, refused_at) SELECT 'FIELD_MISSING', '203.0.113.9', now() - n * interval '1 day'"
        " FROM unnest(ARRAY[29, 31, 400]) n"
    )
    await connection.execute(
        "INSERT INTO job (kind, max_attempts, dead_at) SELECT kind, 1, now() - n * interval '1 day'"
        " FROM unnest(ARRAY[29, 31]) n, unnest(ARRAY['letter', 'tell', 'notice', 'channel_code', 'note']) kind"
    )
    await Pruning(pool, Retention(None, None, None, None), 0.0).run()
    assert [row["entry_id"] for row in await connection.fetch("SELECT entry_id FROM audit_address")] == [2]
    proof = await verify(connection)
    assert (proof.holds, proof.entries) == (True, 2)
    assert await connection.fetchval("SELECT array_agg(address <> '' ORDER BY refused_at) FROM refusal") == [False, False, True]
    left = await connection.fetch("SELECT kind FROM job WHERE dead_at < now() - interval '30 days'")
    assert [row["kind"] for row in left] == ["note"]
    assert await connection.fetchval("SELECT count(*) FROM job") == 6
    await connection.close()


async def test_off_keeps_everything(database: str, pool: Pool) -> None:
    connection = await connect(database, name="test")
    old = await traded(connection, await make_accounts(connection, 1), days_ago=5_000, symbol=SYMBOL)
    await Pruning(pool, Retention(None, None, None, None), 0.0).run()
    assert await counted(connection, old) == [1, 3, 2, 1]
    await connection.close()
