"""Who looks at a page, and how they want it shown: language, zone and theme, from small cookies or what the browser says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from marketbot.api.admission import ApiRequest
from marketbot.api.identity import Caller
from marketbot.api.languages import language
from marketbot.domain.reasons import Language
from marketbot.web.formats import MAX_ZONE_CHARS, Formats, read_zone
from marketbot.web.texts import Catalog, catalog

LANGUAGE_COOKIE = "marketbot_language"
THEME_COOKIE = "marketbot_theme"
ZONE_COOKIE = "marketbot_zone"
"""Written by the page's script, which knows the zone; the server believes only names that it knows."""
CHOICE_AGE_S = 31_536_000
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Viewer:
    """``caller`` is None where nobody has signed in; ``csrf`` belongs into every form of somebody who has."""

    texts: Catalog
    formats: Formats
    theme: str
    caller: Caller | None = None
    csrf: str = ""

    @property
    def language(self) -> Language:
        return self.texts.language

    def may(self, scope: str) -> bool:
        """Tell whether this viewer's role opens what demands a scope, so that a page offers nothing that would be refused."""
        return self.caller is not None and scope in self.caller.scopes


def viewer_of(request: ApiRequest, now: datetime) -> Viewer:
    """Return the viewer of a request; one that was let in (``admission.enter``) has a caller."""
    texts = catalog(language_of(request))
    zone = read_zone(unquote(request.cookies.get(ZONE_COOKIE, "")[: MAX_ZONE_CHARS * 3]))
    theme = request.cookies.get(THEME_COOKIE, "")
    return Viewer(
        texts,
        Formats(texts, zone, now),
        theme if theme in THEMES else "auto",
        request.state.get("caller"),
        request.state.get("csrf", ""),
    )


def language_of(request: ApiRequest) -> Language:
    """Return the language that was chosen here, else the one that the browser prefers."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in Language.__members__.values():
        return Language(chosen)
    return language(request.headers.get("accept-language", ""))
