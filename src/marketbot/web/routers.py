"""All pages, put together: those that a session opens, and those before it."""

from __future__ import annotations

from litestar import Router

from marketbot.web.admission import check_form, enter
from marketbot.web.pages.account import account, change_account
from marketbot.web.pages.accounts import accounts
from marketbot.web.pages.all_accounts import all_accounts
from marketbot.web.pages.any_account import any_account
from marketbot.web.pages.any_signal import any_signal
from marketbot.web.pages.any_user import admit_user, any_user
from marketbot.web.pages.command import give_command, preview_command
from marketbot.web.pages.controls import controls
from marketbot.web.pages.entrance import choose, entrance, static_file
from marketbot.web.pages.given import given_command
from marketbot.web.pages.home import home, pause
from marketbot.web.pages.jobs import drop_job, jobs, retry_job
from marketbot.web.pages.login import login, logout, take_login
from marketbot.web.pages.newcomers import accept_invitation, invitation, setup, take_setup
from marketbot.web.pages.overview import overview
from marketbot.web.pages.passwords import forgot, reset, sign_up, take_forgot, take_reset, take_sign_up
from marketbot.web.pages.profile import change_profile, end_sessions, profile, take_password
from marketbot.web.pages.results import results
from marketbot.web.pages.second_factor import begin_setting_up, confirm, renew_codes, second_factor, take_code, turn_off
from marketbot.web.pages.signals import signals
from marketbot.web.pages.trail import control_report, prove, trail
from marketbot.web.pages.users import users

OF_USERS = (home, pause, accounts, account, change_account, signals, results)
OF_STAFF = (
    overview,
    controls,
    preview_command,
    give_command,
    given_command,
    all_accounts,
    any_account,
    users,
    any_user,
    admit_user,
    any_signal,
    jobs,
    retry_job,
    drop_job,
    trail,
    prove,
    control_report,
)
OF_PEOPLE = (
    entrance,
    logout,
    second_factor,
    take_code,
    begin_setting_up,
    confirm,
    renew_codes,
    turn_off,
    profile,
    change_profile,
    take_password,
    end_sessions,
)
OPEN = (
    choose,
    login,
    take_login,
    setup,
    take_setup,
    invitation,
    accept_invitation,
    forgot,
    take_forgot,
    sign_up,
    take_sign_up,
    reset,
    take_reset,
)
"""For anybody; a form from another site is refused all the same."""


def web_routers() -> list[Router]:
    """Return the routers of the console. Of those behind ``enter`` each page says in its options who comes in."""
    return [
        Router(path="/", route_handlers=[*OF_USERS, *OF_STAFF, *OF_PEOPLE], before_request=enter, include_in_schema=False),
        Router(path="/", route_handlers=list(OPEN), before_request=check_form, include_in_schema=False),
        Router(path="/", route_handlers=[static_file], include_in_schema=False),
    ]
