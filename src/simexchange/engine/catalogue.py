"""List the instruments: well-known ones with real-looking filters, the rest made from the seed."""

import random
from decimal import Decimal

from simexchange.engine.instrument import Instrument
from simexchange.engine.vocabulary import Venue

# Bybit lists more than the 500 that fit its default page, so that clients must follow the cursor, as in life.
INSTRUMENTS = {Venue.BINANCE: 500, Venue.BYBIT: 520}

# symbol base, tick, quantity step, price: as the two venues listed them in 2026, within the accuracy that matters here.
KNOWN: dict[Venue, tuple[tuple[str, str, str, str], ...]] = {
    Venue.BINANCE: (
        ("BTC", "0.10", "0.001", "110000"),
        ("ETH", "0.01", "0.001", "3900"),
        ("SOL", "0.0100", "0.01", "190"),
        ("BNB", "0.010", "0.01", "1100"),
        ("XRP", "0.0001", "0.1", "2.5"),
        ("DOGE", "0.000010", "1", "0.2"),
        ("ADA", "0.00010", "1", "0.65"),
        ("LINK", "0.001", "0.01", "18"),
        ("AVAX", "0.0010", "1", "20"),
        ("LTC", "0.01", "0.001", "95"),
        ("DOT", "0.001", "0.1", "3"),
        ("TRX", "0.00001", "1", "0.3"),
        ("BCH", "0.01", "0.001", "500"),
        ("SUI", "0.000100", "0.1", "2.5"),
        ("1000PEPE", "0.0000001", "1", "0.007"),
        ("1000SHIB", "0.000001", "1", "0.01"),
        ("UNI", "0.0010", "1", "6"),
        ("NEAR", "0.0010", "1", "2.2"),
        ("APT", "0.00010", "0.1", "3.2"),
        ("ARB", "0.000100", "0.1", "0.3"),
        ("OP", "0.0001000", "0.1", "0.43"),
        ("ATOM", "0.001", "0.01", "3"),
        ("FIL", "0.001", "0.1", "1.6"),
        ("AAVE", "0.010", "0.1", "220"),
    ),
    Venue.BYBIT: (
        ("BTC", "0.10", "0.001", "110000"),
        ("ETH", "0.01", "0.01", "3900"),
        ("SOL", "0.010", "0.1", "190"),
        ("BNB", "0.10", "0.01", "1100"),
        ("XRP", "0.0001", "0.1", "2.5"),
        ("DOGE", "0.00001", "1", "0.2"),
        ("ADA", "0.0001", "1", "0.65"),
        ("LINK", "0.001", "0.1", "18"),
        ("AVAX", "0.001", "0.1", "20"),
        ("LTC", "0.01", "0.1", "95"),
        ("DOT", "0.0001", "0.1", "3"),
        ("TRX", "0.00001", "1", "0.3"),
        ("BCH", "0.1", "0.01", "500"),
        ("SUI", "0.0001", "10", "2.5"),
        ("1000PEPE", "0.0000001", "100", "0.007"),
        ("UNI", "0.001", "0.1", "6"),
        ("NEAR", "0.001", "0.1", "2.2"),
        ("APT", "0.0001", "0.01", "3.2"),
        ("ARB", "0.0001", "0.1", "0.3"),
        ("OP", "0.0001", "0.1", "0.43"),
        ("ATOM", "0.001", "0.1", "3"),
        ("FIL", "0.0001", "0.1", "1.6"),
        ("AAVE", "0.01", "0.01", "220"),
    ),
}

_CONSONANTS = "BCDFGHJKLMNPRSTVXZ"
_VOWELS = "AEIOU"


def instruments(venue: Venue, seed: int) -> dict[str, Instrument]:
    """Return the venue's instruments by symbol; the same seed gives the same ones."""
    made: dict[str, Instrument] = {}
    for known, *figures in KNOWN[venue]:
        instrument = _instrument(venue, known, *(Decimal(figure) for figure in figures))
        made[instrument.symbol] = instrument
    rng = random.Random(f"{seed}:instruments")  # noqa: S311 (repeatable data, not a secret)
    while len(made) < INSTRUMENTS[venue]:
        base = _ticker(rng)
        symbol = f"{base}USDT"
        if symbol in made:
            continue
        exponent = rng.randint(-4, 2)
        price = Decimal(rng.randint(1000, 9999)).scaleb(exponent - 3)
        tick = Decimal(1).scaleb(exponent - 3)
        step = Decimal(1).scaleb(max(-3, min(1, -exponent - 1)))
        if step > 1 and venue is Venue.BINANCE:
            step = Decimal(1)
        made[symbol] = _instrument(venue, base, tick, step, price)
    return made


def _ticker(rng: random.Random) -> str:
    length = rng.randint(2, 3)
    return "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(length))[: rng.randint(3, 6)]


def _instrument(venue: Venue, base: str, tick: Decimal, step: Decimal, price: Decimal) -> Instrument:
    large = base in ("BTC", "ETH")
    steps_for_ten_million = (Decimal(10_000_000) / price / step).to_integral_value()
    max_qty = max(Decimal(1000), steps_for_ten_million) * step
    minimum = Decimal(5)
    if venue is Venue.BINANCE and base == "BTC":
        minimum = Decimal(100)  # MIN_NOTIONAL of BTCUSDT, exchangeInfo
    elif venue is Venue.BINANCE and base == "ETH":
        minimum = Decimal(20)
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        tick=tick,
        qty_step=step,
        min_qty=step,
        max_qty=max_qty,
        max_market_qty=(max_qty / 4) // step * step,
        min_notional=minimum,
        band=Decimal("0.05") if large else Decimal("0.10"),
        max_leverage=125 if large else 75,
        first_price=price,
    )
