"""The operations of programs: signals that come in, health, metrics, and the document itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from marketbot.api.contract import answers
from marketbot.api.contract.operation import METRICS, Operation, Tag
from marketbot.api.problems import ApiReason as R
from marketbot.domain.limits import LimitName as L
from marketbot.domain.reasons import RefusalReason

_WEBHOOK = Operation(
    "send_signed_signal",
    Tag.SIGNALS_IN,
    "Send a signal, signed or with its secret in the body",
    {202: answers.SignalTaken},
    reasons=(*RefusalReason, R.MEDIA_TYPE_UNSUPPORTED, R.BODY_TOO_SLOW, R.NOT_READY),
    limits=(L.SOURCE_ADDRESS, L.SOURCE),
    body_fault=None,
)

SERVICE: Mapping[str, Operation] = {
    "POST /v1/webhook/{source}": _WEBHOOK,
    "POST /v1/webhook/{source}/{secret}": replace(
        _WEBHOOK, name="send_signal", summary="Send a signal to an address that holds the source's secret"
    ),
    "GET /health/live": Operation("show_live", Tag.SERVICE, "Whether the process answers", {200: answers.Health}),
    "GET /health/ready": Operation(
        "show_ready", Tag.SERVICE, "Whether signals can be taken", {200: answers.Health, 503: answers.Health}
    ),
    "GET /metrics": Operation("show_metrics", Tag.SERVICE, "Metrics for Prometheus", {200: None}, media=METRICS),
    "GET /v1/openapi.json": Operation("show_document", Tag.SERVICE, "This document", {200: dict[str, object]}),
}
