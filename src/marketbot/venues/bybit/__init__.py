"""Bybit v5 linear perpetuals, spoken natively. Facts and their sources: docs/venues/bybit.md."""

from marketbot.venues.bybit.client import BybitClient

__all__ = ["BybitClient"]
