"""Simulate Binance USD-M futures and Bybit v5 on loopback, with faults, and keep the ledger of what happened."""

from simexchange.config import Config
from simexchange.simulator import Simulator

__all__ = ["Config", "Simulator"]
