"""What a readiness report measured, as the viewer writes it. Pure; the report's units are these words (docs/READINESS.md)."""

from __future__ import annotations

from decimal import Decimal

from marketbot.web.formats import NOTHING, Formats

HUNDRED = Decimal(100)


def shown(value: float | None, unit: str, formats: Formats) -> str:
    """Write a number in its unit; a dash for what was not measured."""
    if value is None:
        return NOTHING
    number = Decimal(str(value))
    match unit:
        case "yes":
            return formats.texts("readiness.yes" if number >= 1 else "readiness.no")
        case "share":
            return formats.percent(number * HUNDRED, 2 if 0 < number < Decimal("0.01") else 1)
        case "ms":
            return f"{formats.number(number, 0 if number >= 10 else 2)} ms"
        case "s":
            return f"{formats.number(number, 1)} s"
        case "mb":
            return f"{formats.number(number, 0)} MB"
        case "mb_per_min":
            return f"{formats.number(number, 2)} MB/min"
        case "ratio":
            return f"{formats.number(number, 2)}×"
        case _:
            return formats.number(number, 0)


def floored(share: Decimal | float, formats: Formats) -> str:
    """Write a score in per cent. It is never rounded up to the mark that it did not reach."""
    tenths = int(Decimal(str(share)) * 1000)
    return formats.percent(Decimal(tenths) / 10, 1)
