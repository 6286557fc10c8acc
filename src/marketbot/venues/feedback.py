"""What a venue's refusal means for the next calls: a ban stops the address, a full bucket the account, silence counts against the way."""

from __future__ import annotations

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.ids import AccountId
from marketbot.venues.guard import Guard
from marketbot.venues.pace import Pace

TOO_MANY = "429"
"""The status, or Bybit's own code, of a venue that wants fewer calls and bans nobody yet."""


def note_fault(pace: Pace, guard: Guard, fault: VenueFault, *, egress: int, account_id: AccountId | None, bucket: str) -> None:
    """Take a fault that the venue pronounced."""
    guard.failed(egress, account_id, fault.error_class)
    if fault.retry_after_s is None:
        return
    if fault.error_class is ErrorClass.EGRESS_RATE:
        pace.block_egress(egress, fault.retry_after_s)
    elif fault.error_class is ErrorClass.ACCOUNT_RATE and account_id is not None:
        pace.block_account(account_id, bucket, fault.retry_after_s)
    elif fault.error_class is ErrorClass.RETRYABLE and fault.code == TOO_MANY:
        pace.slow_egress(egress)
