"""A command that cannot be carried out as it was given."""

from __future__ import annotations

from marketbot.domain.errors import MarketBotError


class ControlRefused(MarketBotError):
    """Nothing was changed; the text says in plain English what was wrong with the command."""
