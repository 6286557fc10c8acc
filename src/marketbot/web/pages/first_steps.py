"""GET /operator/first-steps: what an installation needs before it can be left alone, and how each of it is done."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.domain.scope import Scope
from marketbot.store.first_steps import SetUp, read_set_up
from marketbot.web.page import show

OWN_PAGE = "/operator/first-steps"


@dataclass(frozen=True, slots=True)
class Step:
    """``key`` names its texts. ``path`` is where it is done; a step on the machine itself is told on this page, with its command."""

    key: str
    done: bool
    path: str
    command: str = ""


def steps_of(there: SetUp, *, mails: bool) -> list[Step]:
    """Return the steps in the order in which they are best done."""
    return [
        Step("source", there.source, "/operator/sources"),
        Step("account", there.account, "/operator/people/invitations"),
        Step(
            "mail",
            mails,
            f"{OWN_PAGE}#mail",
            "MARKETBOT_SMTP_URL=smtps://user:password@mail.example\nMARKETBOT_MAIL_FROM=bot@example.com\n"
            "MARKETBOT_PUBLIC_URL=https://bot.example.com",
        ),
        Step(
            "backup", there.backup, f"{OWN_PAGE}#backup", "MARKETBOT_BACKUP_EVERY=1d\nmarketbot backup\nmarketbot backup verify"
        ),
        Step("channel", there.channel, "/operator/channels"),
    ]


def open_steps(there: SetUp, *, mails: bool) -> list[Step]:
    """Return what is left to do; nothing where everything is done."""
    return [step for step in steps_of(there, mails=mails) if not step.done]


@get(OWN_PAGE, opt=demands(Scope.SOURCES_WRITE))
async def first_steps(request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    async with database.connection() as connection:
        there = await read_set_up(connection)
    return await show(request, "first_steps.html", steps=steps_of(there, mails=request.app.state.mails))
