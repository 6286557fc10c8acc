"""What a check answers when it says no."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.domain.reasons import DenialReason


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an account may not trade a signal; ``detail`` gives the numbers that decided, in plain English."""

    reason: DenialReason
    detail: str = ""
