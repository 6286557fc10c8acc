"""All pages, put together: those that a session opens, and those before it."""

from __future__ import annotations

from litestar import Router

from marketbot.web.admission import check_form, enter
from marketbot.web.pages.account import account, change_account
from marketbot.web.pages.accounts import accounts
from marketbot.web.pages.all_accounts import all_accounts
from marketbot.web.pages.entrance import choose, entrance, static_file
from marketbot.web.pages.home import home, pause
from marketbot.web.pages.overview import overview
from marketbot.web.pages.results import results
from marketbot.web.pages.signals import signals

OF_SESSIONS = (entrance, home, pause, accounts, account, change_account, signals, results, overview, all_accounts)
"""Each says in its options who comes in."""
OPEN = (choose,)
"""For anybody; a form from another site is refused all the same."""


def web_routers() -> list[Router]:
    return [
        Router(path="/", route_handlers=list(OF_SESSIONS), before_request=enter, include_in_schema=False),
        Router(path="/", route_handlers=list(OPEN), before_request=check_form, include_in_schema=False),
        Router(path="/", route_handlers=[static_file], include_in_schema=False),
    ]
