"""What a new installation still lacks, as far as its rows tell."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.store.pool import Connection

STANDING = """
SELECT EXISTS (SELECT FROM source WHERE enabled AND NOT internal) AS source,
       EXISTS (SELECT FROM account WHERE disconnected_at IS NULL) AS account,
       EXISTS (SELECT FROM backup_run WHERE succeeded) AS backup,
       EXISTS (SELECT FROM notice_hook WHERE user_id IS NULL)
       OR EXISTS (SELECT FROM notice_channel WHERE user_id IS NULL AND confirmed_at IS NOT NULL) AS channel
"""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What is there: a source that takes signals, an account, a backup that succeeded, a way to tell the operator."""

    source: bool
    account: bool
    backup: bool
    channel: bool


async def read_set_up(connection: Connection) -> SetUp:
    row = await connection.fetchrow(STANDING)
    assert row is not None
    return SetUp(**dict(row))
