"""What pages about keys share: the guide, our addresses, how far a key has come, and problems as texts beside their fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from marketbot.accounts.onboarding import Objection
from marketbot.accounts.records import Problem
from marketbot.accounts.venue_guide import VENUES, VenueGuide
from marketbot.domain.egress import Egress
from marketbot.domain.key_reason import KeyReason, stored_text
from marketbot.domain.reasons import Language
from marketbot.domain.venue import Environment
from marketbot.store.user_accounts import AccountRow

OTHER = "ccxt"
"""How the form names every exchange that goes through CCXT; which one is typed beside it."""
KEY_FIELDS = ("api_key", "api_secret", "passphrase")
"""Read, sealed and forgotten: no page writes them back."""
_MISSING = "is missing"
_WORDS = {
    "label": "fault.label",
    "venue": "fault.venue",
    "environment": "fault.environment",
    "api_key": "fault.api_key",
    "api_secret": "fault.api_secret",
    "passphrase": "fault.passphrase",
    "follows": "fault.follows",
}
_PLACES = {Objection.LABEL_IN_USE: "label", Objection.KEY_IN_USE: "api_key", Objection.KEY_REVOKED: "api_key"}
_ENDED = frozenset({KeyReason.KEY_REVOKED, KeyReason.KEY_UNREADABLE, KeyReason.DISCONNECTED})
"""There is no key any more, or none that opens: asking the venue again would ask nothing."""


class StepState(StrEnum):
    DONE = "done"
    NOW = "now"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class KeyStory:
    """An account's key as its owner reads it. ``steps`` are empty once there is nothing to wait for."""

    status_text: str | None
    key_text: str | None
    steps: tuple[tuple[str, StepState], ...]
    address: str | None
    """The one that this account's requests leave from; None where none was set."""
    testable: bool
    disconnected: bool


def story_of(account: AccountRow, ways: Sequence[Egress], language: Language) -> KeyStory:
    disconnected = account.status == "disconnected"
    ended = account.status == "quarantined" and account.status_code in _ENDED
    return KeyStory(
        status_text=stored_text(account.status_code, account.status_facts, account.status_reason, language),
        key_text=stored_text(account.key_code, account.key_facts, None, language),
        steps=_steps(account),
        address=ways[account.egress].host if account.egress < len(ways) else None,
        testable=not disconnected and not ended and not account.key_pending,
        disconnected=disconnected,
    )


def guide_of(venue: str) -> VenueGuide | None:
    """Return how keys are made at a venue; None for one that is not on offer."""
    wanted = "ccxt:<exchange>" if venue == OTHER or venue.startswith("ccxt:") else venue
    return next((guide for guide in VENUES if guide.venue == wanted), None)


def page_of(guide: VenueGuide, environment: str) -> str:
    return guide.practice_page if environment == Environment.TESTNET else guide.page


def problems_of(problems: Sequence[Problem]) -> dict[str, str]:
    """Return what is wrong with a form, by field; what stands in no field of it is told above."""
    found: dict[str, str] = {}
    for each in problems:
        told = "fault.missing" if each.sentence == _MISSING else _WORDS.get(each.field, "fault.invalid")
        found.setdefault(each.field if each.field in _WORDS else "", told)
    return found


def objection_of(objection: Objection) -> dict[str, str]:
    """Return why nothing was done, as a form's error."""
    return {_PLACES.get(objection, ""): f"objection.{objection.value}"}


def without_key(typed: Mapping[str, str]) -> dict[str, str]:
    """Return what a form may be shown again with."""
    return {name: value for name, value in typed.items() if name not in KEY_FIELDS}


def _steps(account: AccountRow) -> tuple[tuple[str, StepState], ...]:
    asked = account.key_asked_at is not None
    if account.status == "disconnected" or not (account.key_pending or account.status == "connecting" or asked):
        return ()
    taken = StepState.NOW if account.key_pending else StepState.DONE
    checked = StepState.LATER if account.key_pending else StepState.NOW
    return (("sealed", StepState.DONE), ("taken", taken), ("checked", checked), ("ready", StepState.LATER))
