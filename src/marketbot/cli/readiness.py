"""``capacity``, ``loadtest`` and ``readiness``: the doors to the package that looks at us from outside."""

from __future__ import annotations

from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from readiness.capacity.question import Question, answer
from readiness.capacity.turnover import NeverServed
from readiness.language import Language, Texts, texts
from readiness.render.capacity import show


def catalogue(lang: str) -> Texts:
    """Return the texts of a language, or refuse to guess which one was meant."""
    if lang not in tuple(Language):
        raise CommandFailed(FailureReason.USAGE, "--lang takes en or pt.", exit_code=EXIT_USAGE)
    return texts(Language(lang))


async def show_capacity(output: Output, *, accounts: int, venue: str, egress: int, target_s: float, lang: str) -> None:
    """Tell how long a fan-out takes under the venue's limits, and how many addresses the target needs."""
    say = catalogue(lang)
    try:
        found = answer(Question(accounts, venue, egress, target_s))
    except NeverServed as error:
        raise CommandFailed(FailureReason.REFUSED, f"{error}.".capitalize()) from error
    except ValueError as error:
        raise CommandFailed(FailureReason.USAGE, f"{error}.".capitalize(), exit_code=EXIT_USAGE) from error
    output.show(found.document(), lambda console: show(console, found, say))
