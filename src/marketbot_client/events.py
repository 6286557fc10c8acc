"""Live events: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from marketbot_client.call import StreamCall


def follow_events() -> StreamCall:
    """What changed for the user, as it changes. Read it with ``follow``."""
    return StreamCall("/v1/events")


def follow_all_events() -> StreamCall:
    """What changed for anybody, as it changes. Read it with ``follow``."""
    return StreamCall("/v1/operator/events")
