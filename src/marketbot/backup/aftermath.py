"""What a restore changes in the books, so that nothing which the lost time may have sent is sent again.

Between the backup's point and the restore the service went on: it sent orders, took signals, gave out numbers. The venues know all of
it, these books none. Written in the same transaction as the rows themselves, so no database ever holds the one without the other:

- Every chunk that is not done counts as attempted once. A later attempt looks each order up under its id before it sends it.
- Chunks planned later for a signal from before the restore count the same way (a trigger of the schema asks ``restoration``).
- Claims are taken back, and the workers of then have ended.
- Numbers go on far behind the last known one, see ``load.ID_GAP``.
- Nobody is logged in, and no link works: a session that was ended, or a link that was used, in the lost time would be good again.
- Leverage is set anew before an account's next entry: it may have been changed at the venue.
- Everything is halted. An entry that is not found at its venue lapses, a signal that waits is denied, and new ones are until an operator
  has seen what reconciliation finds. Closes and stops go on.
"""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.backup.load import ID_GAP, move_sequences_on
from marketbot.backup.manifest import Manifest
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.store.pool import DirectConnection
from marketbot.store.switches import PostgresSwitchboard

_CHUNKS = """
UPDATE chunk SET attempts = greatest(attempts, 1), claimed_by = NULL WHERE done_at IS NULL RETURNING chunk_id
"""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """How much was unfinished at the backup's point."""

    unfinished_chunks: int
    unplanned_signals: int
    open_positions: int


async def prepare(connection: DirectConnection, manifest: Manifest, *, id_gap: int = ID_GAP) -> Aftermath:
    """Make freshly loaded books safe to trade on; in the loading's transaction."""
    await move_sequences_on(connection, manifest, id_gap)
    chunks = await connection.fetch(_CHUNKS)
    await connection.execute("UPDATE worker SET ended_at = clock_timestamp() WHERE ended_at IS NULL")
    await connection.execute("DELETE FROM slot_handover")
    await connection.execute("DELETE FROM leverage_setting")
    await connection.execute("UPDATE login_session SET revoked_at = clock_timestamp() WHERE revoked_at IS NULL")
    await connection.execute("UPDATE one_time_link SET used_at = clock_timestamp() WHERE used_at IS NULL")
    await connection.execute("UPDATE invitation SET sha256 = NULL WHERE accepted_at IS NULL")
    await connection.execute(
        "INSERT INTO restoration (backup_name, backup_made_at, last_signal_id) VALUES ($1, $2, $3)",
        manifest.name,
        manifest.made_at,
        manifest.last_signal_id,
    )
    await PostgresSwitchboard(connection).set(
        Scope.EVERYTHING, "", TradingState.HALTED, f"restored from backup {manifest.name}: look, then resume"
    )
    return Aftermath(
        unfinished_chunks=len(chunks),
        unplanned_signals=await connection.fetchval("SELECT count(*) FROM signal WHERE state = 'accepted'"),
        open_positions=await connection.fetchval("SELECT count(*) FROM position WHERE protection <> 'closed'"),
    )
