"""Numbers and times as the viewer writes them. Pure; decimals come in and never pass through a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marketbot.domain.money import plain
from marketbot.domain.reasons import Language
from marketbot.web.texts import Catalog

MINUS = "\u2212"
NOTHING = "\u2013"
"""Stands where there is no value."""
MAX_ZONE_CHARS = 64
MAX_NUMBER_CHARS = 40

_ZONE = re.compile(r"[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+){0,2}")
_POINT = {Language.EN: ".", Language.PT: ","}
_GROUP = {Language.EN: ",", Language.PT: "."}
_GROUPED = {language: re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+(?!\d)") for language, mark in _GROUP.items()}
_DATE = {Language.EN: "%Y-%m-%d", Language.PT: "%d/%m/%Y"}
_CENT = 2
_SPANS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def read_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name; UTC for none that is known."""
    if not name or len(name) > MAX_ZONE_CHARS or not _ZONE.fullmatch(name):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


@dataclass(frozen=True, slots=True)
class Formats:
    """How one viewer writes. ``now`` is the moment that relative times count from."""

    texts: Catalog
    zone: tzinfo
    now: datetime

    @property
    def language(self) -> Language:
        return self.texts.language

    def number(self, value: Decimal | int | None, places: int | None = None) -> str:
        """Write a number with its thousands grouped; ``places`` rounds, none shows every digit."""
        if value is None:
            return NOTHING
        number = Decimal(value)
        if places is not None:
            number = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
        text = f"{number:f}" if places is not None else plain(number)
        negative = text.startswith("-")
        whole, _, part = text.lstrip("-").partition(".")
        grouped = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", _GROUP[self.language], whole)
        shown = f"{grouped}{_POINT[self.language]}{part}" if part else grouped
        return f"{MINUS}{shown}" if negative and number else shown

    def money(self, value: Decimal | None) -> str:
        return self.number(value, _CENT)

    def gain(self, value: Decimal | None) -> str:
        """Write money with its sign, for what was gained or lost."""
        if value is None:
            return NOTHING
        text = self.number(value, _CENT)
        return f"+{text}" if value > 0 and text != self.number(Decimal(0), _CENT) else text

    def percent(self, value: Decimal | int | None, places: int | None = None) -> str:
        return NOTHING if value is None else f"{self.number(value, places)}%"

    def bytes(self, value: int | None) -> str:
        """Write an amount of memory in the unit that fits."""
        if value is None:
            return NOTHING
        size = Decimal(value)
        for unit in ("B", "KB", "MB", "GB"):
            if size < 1024 or unit == "GB":
                break
            size /= 1024
        return f"{self.number(size, 0 if unit == 'B' else 1)} {unit}"

    def seconds(self, value: int | Decimal | None) -> str:
        """Write how long something has taken, in the largest unit that says enough."""
        if value is None:
            return NOTHING
        whole = int(value)
        if whole < 60:
            return self.texts("time.short_s", n=self.number(whole))
        if whole < 3600:
            return self.texts("time.short_min", n=self.number(whole // 60))
        if whole < 86_400:
            return self.texts("time.short_h", n=self.number(whole // 3600))
        return self.texts("time.short_d", n=self.number(whole // 86_400))

    def milliseconds(self, value: int | None) -> str:
        return NOTHING if value is None else f"{self.number(value)} ms"

    def moment(self, at: datetime | None) -> str:
        """Write date and time to the second, in the viewer's zone."""
        if at is None:
            return NOTHING
        return f"{at.astimezone(self.zone):{_DATE[self.language]} %H:%M:%S}"

    def day(self, on: date) -> str:
        return f"{on:{_DATE[self.language]}}"

    def zone_name(self) -> str:
        return self.zone.key if isinstance(self.zone, ZoneInfo) else "UTC"

    def ago(self, at: datetime | None) -> str:
        """Write how long ago a moment was, coarsely; the page's script keeps it true while it is looked at."""
        if at is None:
            return NOTHING
        passed = self.now - at
        for name, span in _SPANS:
            if passed >= span:
                count = passed // span
                return self.texts.counted(f"time.{name}_ago", count, self.number(count))
        return self.texts("time.now")

    def read_number(self, text: str) -> Decimal | None:
        """Return what the viewer typed; None for what is no number. Either mark is the decimal one where it cannot be a thousand's."""
        typed = text.strip().replace(MINUS, "-").replace("\u00a0", "").replace(" ", "")
        if not typed or len(typed) > MAX_NUMBER_CHARS:
            return None
        group, point = _GROUP[self.language], _POINT[self.language]
        if _GROUPED[self.language].match(typed.lstrip("-")):
            typed = typed.replace(group, "")
        typed = typed.replace(point, ".") if typed.count(point) == 1 and typed.count(".") <= (point == ".") else typed
        typed = typed.replace(",", ".") if typed.count(",") == 1 and "." not in typed else typed
        if not re.fullmatch(r"-?\d+(?:\.\d+)?", typed):
            return None
        try:
            return Decimal(typed)
        except InvalidOperation:
            return None

    def typed(self, value: Decimal | int | None) -> str:
        """Write a number into a field, without grouping; nothing for none."""
        if value is None:
            return ""
        return plain(Decimal(value)).replace(".", _POINT[self.language])
