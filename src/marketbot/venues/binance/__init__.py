"""Binance USD-M futures, spoken natively. Facts and their sources: docs/venues/binance.md."""

from marketbot.venues.binance.client import BinanceClient

__all__ = ["BinanceClient"]
