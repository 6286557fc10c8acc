"""The boxes that say which sources an account follows: which there are, and which of them were ticked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from marketbot.api.admission import ApiRequest
from marketbot.api.database import Database
from marketbot.store.source_offer import list_offered

FOLLOW = "follow:"
"""How the boxes are named: one field each, for a form has every name once. ``web.forms.MAX_FIELDS`` bounds how many are sent."""


async def sources_offered(request: ApiRequest) -> Sequence[str]:
    database: Database = request.app.state.database
    return await database.reads.read(list_offered)


def followed(typed: Mapping[str, str]) -> set[str]:
    """Return the sources whose boxes are ticked."""
    return {name.removeprefix(FOLLOW) for name, value in typed.items() if name.startswith(FOLLOW) and value == "true"}
