"""Traces by OpenTelemetry, for who installed the extra ``otel`` and named a collector. For everybody else a span is nothing at all.

Spans carry ids and classes, never a path, a body or a secret: paths hold webhooks' secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum

import structlog

QUEUE_MAX = 2048
"""Spans that wait for the collector; what comes on top is dropped. Traces never hold anything up."""
BATCH_MAX = 512
EXPORT_TIMEOUT_S = 5

log = structlog.get_logger(__name__)


class Span(StrEnum):
    REQUEST = "request"
    INTAKE = "intake"
    PLAN = "plan"
    CHUNK = "chunk"


_NOTHING = nullcontext()
_start: Callable[[Span, dict[str, str | int]], AbstractContextManager[object]] | None = None
_close: Callable[[], None] | None = None


def span(name: Span, **ids: str | int) -> AbstractContextManager[object]:
    """Return a context for one piece of work: one shared object that does nothing unless traces are open."""
    return _NOTHING if _start is None else _start(name, ids)


def open_traces(endpoint: str | None, service: str) -> bool:
    """Begin to send spans to a collector's OTLP address (``http://127.0.0.1:4318``); tell whether they are sent.

    Without an address nothing is imported. With one, and without the extra, a warning is logged and the process goes on.
    """
    global _start, _close
    if endpoint is None:
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("traces_not_installed", hint="pip install 'marketbot[otel]'")
        return False
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S)
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE_MAX, max_export_batch_size=BATCH_MAX))
    tracer = provider.get_tracer("marketbot")

    def start(name: Span, ids: dict[str, str | int]) -> AbstractContextManager[object]:
        return tracer.start_as_current_span(name.value, attributes=ids)

    _start = start
    _close = provider.shutdown
    return True


def close_traces() -> None:
    """Send what is left, and stop."""
    global _start, _close
    closing, _start, _close = _close, None, None
    if closing is not None:
        closing()
