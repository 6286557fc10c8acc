"""What a source shall be, read from a body or a form: the one rule for both. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketbot.intake.times import read_interval_s
from marketbot.store.source_secrets import KINDS, WEBHOOK, is_source_name

HOURLY_DEFAULT = 300
HOURLY_MAX = 1_000_000
MAX_NETWORKS = 64
_MADE_OF = frozenset({"name", "kind", "signals_per_hour"})
_CHANGEABLE = frozenset({"enabled", "signals_per_hour", "allowed_addresses", "chart_interval"})


class SourceInvalid(Exception):
    """What a source cannot have; ``field`` names it (empty: the whole), and the text says why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class SourceWish:
    name: str
    kind: str
    signals_per_hour: int


def read_source_wish(document: Mapping[str, Any]) -> SourceWish:
    """Read ``name``, ``kind`` (webhook unless it says program) and ``signals_per_hour``.

    Raises:
        SourceInvalid: a source cannot be so.
    """
    name, kind = document.get("name"), document.get("kind", WEBHOOK)
    if document.keys() - _MADE_OF:
        raise SourceInvalid("", "a source is made of name, kind and signals_per_hour")
    if not isinstance(name, str) or not is_source_name(name):
        raise SourceInvalid("name", "name has lower-case letters, digits, - and _, at most 63")
    if kind not in KINDS:
        raise SourceInvalid("kind", f"kind is one of {', '.join(KINDS)}")
    return SourceWish(name, kind, _hourly(document.get("signals_per_hour", HOURLY_DEFAULT)))


def read_source_changes(document: Mapping[str, Any]) -> dict[str, Any]:
    """Read some of ``enabled``, ``signals_per_hour``, ``allowed_addresses`` (empty: any) and ``chart_interval`` (null: none).

    Raises:
        SourceInvalid: a source cannot be so.
    """
    if not document or document.keys() - _CHANGEABLE:
        raise SourceInvalid("", f"a change names some of {', '.join(sorted(_CHANGEABLE))}")
    changes = dict(document)
    if "enabled" in document and not isinstance(document["enabled"], bool):
        raise SourceInvalid("enabled", "enabled is true or false")
    if "signals_per_hour" in document:
        _hourly(document["signals_per_hour"])
    if "allowed_addresses" in document:
        changes["allowed_addresses"] = _networks(document["allowed_addresses"])
    if "chart_interval" in document:
        changes["chart_interval"] = _interval_s(document["chart_interval"])
    return changes


def _hourly(value: object) -> int:
    if type(value) is not int or not 1 <= value <= HOURLY_MAX:
        raise SourceInvalid("signals_per_hour", f"signals_per_hour lies between 1 and {HOURLY_MAX}")
    return value


def _networks(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_NETWORKS or not all(isinstance(each, str) for each in value):
        raise SourceInvalid("allowed_addresses", f"allowed_addresses is a list of at most {MAX_NETWORKS} networks")
    try:
        return [str(ipaddress.ip_network(each)) for each in value]
    except ValueError:
        raise SourceInvalid("allowed_addresses", "allowed_addresses holds networks or addresses: 203.0.113.0/24") from None


def _interval_s(value: object) -> int | None:
    if value is None:
        return None
    seconds = read_interval_s(value) if isinstance(value, str) else None
    if not seconds:
        raise SourceInvalid("chart_interval", "chart_interval is a chart's interval (30, 15m, 4h, 1D) or null")
    return seconds
