"""Execution's stages as metrics and log lines: ids in, secrets never."""

from __future__ import annotations

import structlog

from marketbot.domain.reasons import LapseReason, RejectionReason
from marketbot.execution.run import IntentRun
from marketbot.observability import metrics
from marketbot.observability.metrics import Stage

log = structlog.get_logger(__name__)


class ExecutionWatch:
    """Fulfils ``execution.desk.Watch``. Only what went wrong is logged an order; what went well is counted."""

    def entry_sent(self, run: IntentRun, waited_s: float) -> None:
        metrics.observe(Stage.QUEUE_WAIT, waited_s)
        if run.claimed_ms is not None:
            metrics.observe(Stage.CLAIM_WAIT, run.claimed_ms / 1000)

    def entry_acknowledged(self, run: IntentRun, took_s: float) -> None:
        metrics.observe(Stage.ENTRY_ACK, took_s)
        if run.acked_ms is not None:
            metrics.observe(Stage.SIGNAL_TO_ACK, run.acked_ms / 1000)

    def protected(self, run: IntentRun, unprotected_s: float) -> None:
        metrics.observe(Stage.UNPROTECTED, unprotected_s)

    def unconfirmed(self, run: IntentRun, leg: str) -> None:
        log.warning("order_unconfirmed", leg=leg, **_ids(run, leg))

    def resolved(self, run: IntentRun, leg: str) -> None:
        log.info("order_resolved", leg=leg, **_ids(run, leg))

    def emergency(self, run: IntentRun, why: str) -> None:
        log.critical("position_unprotected", why=why, **_ids(run, None))

    def finished(self, run: IntentRun, result: str, reason: str | None) -> None:
        if result == "lapsed" and reason is not None and reason in LapseReason.__members__:
            metrics.count_lapsed(LapseReason(reason))
        elif result == "rejected" and reason is not None and reason in RejectionReason.__members__:
            metrics.count_rejected(RejectionReason(reason))
        if result != "ordered":
            log.info("intent_ended", result=result, reason=reason, **_ids(run, None))


def _ids(run: IntentRun, leg: str | None) -> dict[str, object]:
    ids: dict[str, object] = {"signal_id": run.signal_id, "account_id": run.account_id, "market": str(run.market)}
    for name, order in run.legs.items():
        if name == leg:
            ids["client_order_id"] = order.client_order_id
    return ids
