"""Intake's ledger on Postgres."""

from __future__ import annotations

from marketbot.api.database import LOOKUP_TIMEOUT_S, Database
from marketbot.domain.signal import Signal
from marketbot.intake.service import Receipt
from marketbot.intake.source import Known, Source
from marketbot.observability.logs import logger
from marketbot.store import instruments, signals, sources
from marketbot.vault.vault import Vault, VaultError

log = logger(__name__)


class PostgresLedger:
    """Reads sources and takes signals. A program's key is opened once per read and lives in memory only."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def known(self) -> Known:
        async with self._database.connection(LOOKUP_TIMEOUT_S) as connection:
            rows = await sources.load_sources(connection)
            symbols = await instruments.known_symbols(connection)
            window_s = await sources.validation_window_s(connection)
        return Known({row.name: self._source(row) for row in rows}, symbols, window_s)

    async def accept(self, source: Source, signal: Signal, body: str, body_sha256: bytes) -> Receipt | None:
        async with self._database.connection() as connection:
            taken = await signals.accept_signal(connection, source.source_id, source.secret_sha256, signal, body, body_sha256)
        return None if taken is None else Receipt(taken.signal_id, taken.repeated)

    def _source(self, row: sources.SourceRow) -> Source:
        hmac_key: bytes | None = None
        if row.sealed_hmac_key is not None:
            try:
                hmac_key = self._vault.open(row.sealed_hmac_key, aad=sources.source_aad(row.name))
            except VaultError:
                # Its deliveries are refused; the others' go on.
                log.error("source_key_unreadable", source=row.name)
        return Source(
            source_id=row.source_id,
            name=row.name,
            enabled=row.enabled,
            secret_sha256=row.secret_sha256,
            hmac_key=hmac_key,
            allowed_addresses=row.allowed_addresses,
            signals_per_hour=row.signals_per_hour,
            instruments=row.instruments,
            chart_interval_s=row.chart_interval_s,
        )
