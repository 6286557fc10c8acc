"""Names for the numbers that must not be mixed up."""

from __future__ import annotations

from typing import NewType

UserId = NewType("UserId", int)
PersonId = NewType("PersonId", int)
"""Somebody who logs in. A person with the role ``user`` has one ``UserId``; staff have none."""
AccountId = NewType("AccountId", int)
SourceId = NewType("SourceId", int)
SignalId = NewType("SignalId", int)
ChunkId = NewType("ChunkId", int)

Symbol = NewType("Symbol", str)
"""An instrument's venue-neutral name, base then quote: ``BTCUSDT``."""

ClientOrderId = NewType("ClientOrderId", str)
"""The name we give an order before the wire; see ``domain.client_order_id``."""

VenueOrderId = NewType("VenueOrderId", str)
