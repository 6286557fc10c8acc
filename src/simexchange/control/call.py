"""Carry one control request, and read its fields."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qs

from simexchange.config import Place
from simexchange.engine.vocabulary import Environment, Venue
from simexchange.world import World


class ControlError(Exception):
    """A control request that cannot be carried out; its text is for the caller."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class ControlCall:
    """One request."""

    world: World
    body: dict[str, Any]
    query: str
    account_id: int

    def places(self) -> list[Place]:
        """Return the (venue, environment) pairs that the body means: all that it does not rule out."""
        wanted_venue = self.body.get("venue") or self.query_value("venue")
        wanted_environment = self.body.get("environment") or self.query_value("environment")
        venue = venue_of(wanted_venue) if wanted_venue else None
        environment = environment_of(wanted_environment) if wanted_environment else None
        return [
            place
            for place in self.world.markets
            if (venue is None or place[0] is venue) and (environment is None or place[1] is environment)
        ]

    def query_value(self, name: str) -> str | None:
        """Return a query parameter."""
        found = parse_qs(self.query).get(name)
        return found[0] if found else None

    def query_integer(self, name: str, default: int) -> int:
        """Return a query parameter as a whole number."""
        text = self.query_value(name)
        if text is None:
            return default
        if not text.isdecimal():
            raise ControlError(f"not a whole number: {name}")
        return int(text)


def venue_of(value: object) -> Venue:
    """Read a venue."""
    try:
        return Venue(str(value))
    except ValueError:
        raise ControlError(f"unknown venue: {value}") from None


def environment_of(value: object) -> Environment:
    """Read an environment."""
    try:
        return Environment(str(value))
    except ValueError:
        raise ControlError(f"unknown environment: {value}") from None


def decimal_of(value: object, name: str) -> Decimal:
    """Read a decimal from a text or a whole number; floating-point numbers are refused."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ControlError(f"{name} must be a decimal in quotes")
    try:
        made = Decimal(value)
    except InvalidOperation:
        raise ControlError(f"{name} is no decimal") from None
    if not made.is_finite():
        raise ControlError(f"{name} is no decimal")
    return made


def flag_of(value: object, name: str) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        raise ControlError(f"{name} must be true or false")
    return value


def integer_of(value: object, name: str) -> int:
    """Read a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ControlError(f"{name} must be a whole number")
    return value


def texts_of(value: object, name: str) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ControlError(f"{name} must be a list of texts")
    return tuple(value)
