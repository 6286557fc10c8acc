"""What can go wrong on a wire, and above all whether the request may have reached the venue."""

from enum import StrEnum

from marketbot.domain.errors import MarketBotError


class Stage(StrEnum):
    """How far a request got when it failed. This decides about money: only NOT_SENT may be sent again."""

    NOT_SENT = "not_sent"  # no byte of the request left this process
    UNKNOWN = "unknown"  # bytes were handed to the socket and no complete answer came back


class WireFailure(StrEnum):
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_REFUSED = "tls_refused"
    PROXY_REFUSED = "proxy_refused"
    QUEUE_FULL = "queue_full"
    DEADLINE_BEFORE_SEND = "deadline_before_send"
    WRITE_REFUSED = "write_refused"
    WIRE_CLOSED = "wire_closed"
    ANSWER_TIMEOUT = "answer_timeout"
    CONNECTION_LOST = "connection_lost"
    ANSWER_MALFORMED = "answer_malformed"
    ANSWER_TOO_LARGE = "answer_too_large"
    CANCELLED = "cancelled"  # only counted: the caller sees its own CancelledError


class WireError(MarketBotError):
    """A request that got no complete answer.

    `detail` describes the socket or the framing; it never quotes a request or an answer, which may hold keys.
    """

    def __init__(self, stage: Stage, failure: WireFailure, detail: str = "") -> None:
        super().__init__(f"{failure} ({stage}){': ' + detail if detail else ''}")
        self.stage = stage
        self.failure = failure
        self.detail = detail

    @property
    def may_have_reached_venue(self) -> bool:
        return self.stage is Stage.UNKNOWN


class Fault(Exception):
    """What went wrong inside the wire, before it is known which request it concerns and how far that got."""

    def __init__(self, failure: WireFailure, detail: str = "") -> None:
        super().__init__(f"{failure}: {detail}")
        self.failure = failure
        self.detail = detail
