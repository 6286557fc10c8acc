"""What one account's entry leaves in the database: write-ahead log, and rows with their indexes."""

from __future__ import annotations

from bench.fanout import EGRESSES, SETTLE_TIMEOUT_S, Row, quiet, row
from bench.rig import SYMBOL, WARM_UP_SYMBOL, Rig, rig

_SIZES = "SELECT pg_current_wal_lsn() - '0/0', (SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables)"


async def measure_disk(accounts: int) -> list[Row]:
    """Fan one signal out behind a warm-up, and see how much the log and the tables grew."""
    async with rig(accounts, egresses=EGRESSES) as made:
        await made.settled(await made.open_long(WARM_UP_SYMBOL), SETTLE_TIMEOUT_S)
        await quiet(made)
        wal, rows = await _sizes(made)
        await made.settled(await made.open_long(SYMBOL), SETTLE_TIMEOUT_S)
        wal_after, rows_after = await _sizes(made)
    how = f"one signal over {accounts} accounts: intent, three orders, their events, outcome, position"
    return [
        row("wal_per_account", (wal_after - wal) / accounts / 1000, "kB", "< 4", met=wal_after - wal < 4_000 * accounts, how=how),
        row(
            "disk_per_account",
            (rows_after - rows) / accounts / 1000,
            "kB",
            "< 3",
            met=rows_after - rows < 3_000 * accounts,
            how=how,
        ),
    ]


async def _sizes(made: Rig) -> tuple[float, float]:
    assert made.watcher is not None
    found = await made.watcher.fetchrow(_SIZES)
    assert found is not None
    return float(found[0]), float(found[1])
