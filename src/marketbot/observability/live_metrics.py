"""What a process counts of live events: who is connected, what streams were told, and why they ended."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import Counter, Gauge

from marketbot.observability.metrics import REGISTRY


class Audience(StrEnum):
    """Whose stream it is."""

    USER = "user"
    OPERATOR = "operator"


class Told(StrEnum):
    """What a stream was sent; ``docs/API.md`` says what each means."""

    CHANGED = "changed"
    RESET = "reset"
    END = "end"


class Ended(StrEnum):
    """Why a stream ended."""

    CALLER = "caller"
    """The caller went away."""
    DRAINING = "draining"
    TOKEN = "token"  # noqa: S105
    """Its token was revoked or ran out, or its user was disabled."""
    SESSION = "session"
    """It was revoked or ran out, or its person was shut out."""
    SLOW = "slow"
    """The caller did not take what was sent."""
    AGE = "age"


_USERS = Gauge("marketbot_connected_users", "Users with at least one open stream at this process.", registry=REGISTRY)
_STREAMS = Gauge("marketbot_live_streams", "Open streams of live events.", ["audience"], registry=REGISTRY)
_SENT = Counter("marketbot_live_events_total", "Events written to streams.", ["event"], registry=REGISTRY)
_ENDED = Counter("marketbot_live_streams_ended_total", "Streams that ended, by why.", ["reason"], registry=REGISTRY)
_REFUSED = Counter(
    "marketbot_live_streams_refused_total", "Streams refused because their owner has as many as allowed.", registry=REGISTRY
)
_PUBLICATIONS = Counter(
    "marketbot_live_publications_total", "Messages to all API processes about what changed for whom.", registry=REGISTRY
)

_streams = {audience: _STREAMS.labels(audience.value) for audience in Audience}
_sent = {told: _SENT.labels(told.value) for told in Told}
_ended = {reason: _ENDED.labels(reason.value) for reason in Ended}


def set_streams(audience: Audience, streams: int) -> None:
    _streams[audience].set(streams)


def set_connected_users(users: int) -> None:
    _USERS.set(users)


def count_sent(told: Told) -> None:
    _sent[told].inc()


def count_ended(reason: Ended) -> None:
    _ended[reason].inc()


def count_refused_stream() -> None:
    _REFUSED.inc()


def count_publication() -> None:
    _PUBLICATIONS.inc()
