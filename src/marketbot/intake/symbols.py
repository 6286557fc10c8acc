"""The many spellings of an instrument -> its venue-neutral name. Pure."""

from __future__ import annotations

import re

from marketbot.domain.ids import Symbol

MAX_SYMBOL_LENGTH = 32

_EXCHANGE = re.compile(r"[A-Z0-9_]{1,24}:(?=[^:]+$)")
_PERPETUAL = re.compile(r"(?:\.P|[-_.]?PERP|[-_]SWAP)$")
_UNIFIED = re.compile(r"([^\W_]+)/([^\W_]+)(?::([^\W_]+))?")
_PARTED = re.compile(r"([^\W_]+)[-_]([^\W_\d]+)")
_PLAIN = re.compile(r"[^\W_]{3,32}")


def read_symbol(text: str) -> Symbol | None:
    """Return ``BTCUSDT`` for ``BTCUSDT``, ``BTCUSDT.P``, ``BINANCE:BTCUSDT.P``, ``BTC/USDT:USDT``, ``BTC-USDT-SWAP`` ...

    None for what is no perpetual's name: a dated future (``BTC/USDT:USDT-250926``) is another instrument, not another spelling.
    """
    name = text.strip().upper()
    if not name or len(name) > 2 * MAX_SYMBOL_LENGTH:
        return None
    unified = _UNIFIED.fullmatch(name)
    if unified is not None:
        base, quote, settle = unified.groups()
        return _plain(base + quote) if settle in (None, quote) else None
    name = _PERPETUAL.sub("", _EXCHANGE.sub("", name, count=1))
    unified = _UNIFIED.fullmatch(name)
    parted = unified or _PARTED.fullmatch(name)
    return _plain(parted[1] + parted[2] if parted is not None else name)


def _plain(name: str) -> Symbol | None:
    return Symbol(name) if _PLAIN.fullmatch(name) else None
