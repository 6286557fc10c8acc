"""The pooled HTTP/1.1 wire that the native venue clients send orders on."""

from marketbot.venues.wire.counters import Counters
from marketbot.venues.wire.endpoint import Endpoint
from marketbot.venues.wire.errors import Stage, WireError, WireFailure
from marketbot.venues.wire.growth import HandshakeRoom
from marketbot.venues.wire.reply import Reply
from marketbot.venues.wire.tls import tls_context
from marketbot.venues.wire.wire import Wire

__all__ = ["Counters", "Endpoint", "HandshakeRoom", "Reply", "Stage", "Wire", "WireError", "WireFailure", "tls_context"]
