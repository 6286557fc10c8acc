"""Structured logs: one JSON object a line (or a readable console), with the ids of what is being worked on and no secret.

Ids travel in context variables: ``with working_on(signal_id=..., account_id=...)`` marks every line below it, across awaits.
Lines of libraries that use the standard logging go the same way.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

from marketbot.observability.redaction import Redaction

REDACTION = Redaction()
MAX_FIELD_LENGTH = 8_000
"""Characters. A longer text, such as a deep traceback, is cut in the middle."""

_TRACEBACKS = ("exception", "stack")
_OF_TRACEBACKS = "\n\t"
_NOISY = ("_granian", "granian.access", "asyncio", "httpx", "ccxt")


def configure_logs(*, level: str = "info", console: bool = False, stream: TextIO | None = None) -> None:
    """Set up logging for this process; calling it again replaces what was set."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = [_visible, structlog.dev.ConsoleRenderer(colors=False)] if console else [_Json()]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _cut,
            REDACTION,
            *renderers,
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger; events are past tense and snake_case: ``log.info("signal_accepted", signal_id=7)``."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return found


def register_secret(value: str) -> None:
    """Black out a value in every later line."""
    REDACTION.register(value)


@contextmanager
def working_on(
    *, signal_id: int | None = None, account_id: int | None = None, client_order_id: str | None = None
) -> Iterator[None]:
    """Mark the lines logged inside with the ids of the work at hand."""
    given = {"signal_id": signal_id, "account_id": account_id, "client_order_id": client_order_id}
    with structlog.contextvars.bound_contextvars(**{name: value for name, value in given.items() if value is not None}):
        yield


class _Json:
    def __call__(self, _logger: Any, _method: str, event: Any) -> str:
        try:
            return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:
            # Half a surrogate pair, which UTF-8 cannot write, in a text that somebody sent: the line is not lost for it.
            return json.dumps(event, default=str)


def _visible(_logger: Any, _method: str, event: Any) -> Any:
    """Write out what would begin a line of its own, or command the terminal; JSON does so anyway."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            kept = _OF_TRACEBACKS if name in _TRACEBACKS else ""
            event[name] = "".join(each if each.isprintable() or each in kept else repr(each)[1:-1] for each in value)
    return event


def _cut(_logger: Any, _method: str, event: Any) -> Any:
    for name, value in event.items():
        if isinstance(value, str) and len(value) > MAX_FIELD_LENGTH:
            half = MAX_FIELD_LENGTH // 2
            event[name] = f"{value[:half]} ... {value[-half:]}"
    return event
