"""All pages, put together: those that a session opens, and those before it."""

from __future__ import annotations

from litestar import Router

from marketbot.web.admission import check_form, enter
from marketbot.web.pages.account import account, change_account, change_follows
from marketbot.web.pages.account_key import another_key, ask_disconnect, take_disconnect, take_key, test_account
from marketbot.web.pages.accounts import accounts
from marketbot.web.pages.all_accounts import all_accounts
from marketbot.web.pages.any_account import any_account
from marketbot.web.pages.any_signal import any_signal
from marketbot.web.pages.any_user import admit_user, any_user
from marketbot.web.pages.channels import (
    add_channel,
    add_operator_channel,
    change_channel,
    change_operator_channel,
    channels,
    operator_channels,
)
from marketbot.web.pages.close import ask_close, take_close
from marketbot.web.pages.command import give_command, preview_command
from marketbot.web.pages.connect import connect, take_connect
from marketbot.web.pages.controls import controls
from marketbot.web.pages.developers import developers, operation
from marketbot.web.pages.egress import egress
from marketbot.web.pages.entrance import choose, entrance, static_file
from marketbot.web.pages.erasures import ask_erasure, erasures, keep_somebody
from marketbot.web.pages.first_steps import first_steps
from marketbot.web.pages.given import given_command
from marketbot.web.pages.home import home, pause
from marketbot.web.pages.invitations import invitations, send_invitation, withdraw_invitation
from marketbot.web.pages.jobs import drop_job, jobs, retry_job
from marketbot.web.pages.login import login, logout, take_login
from marketbot.web.pages.newcomers import accept_invitation, invitation, setup, take_setup
from marketbot.web.pages.operator_tokens import end_operator_token, make_operator_token, operator_tokens
from marketbot.web.pages.overview import overview
from marketbot.web.pages.passkeys import drop_passkey, name_passkey, passkeys
from marketbot.web.pages.passwords import forgot, reset, sign_up, take_forgot, take_reset, take_sign_up
from marketbot.web.pages.people import change_person, people, person, send_reset_link
from marketbot.web.pages.policy import alter_policy, policy
from marketbot.web.pages.position import position
from marketbot.web.pages.privacy import keep_page, privacy, take_back, take_erasure, take_export, take_keep
from marketbot.web.pages.profile import change_profile, end_sessions, profile, take_password
from marketbot.web.pages.readiness import readiness
from marketbot.web.pages.results import results
from marketbot.web.pages.second_factor import begin_setting_up, confirm, renew_codes, second_factor, take_code, turn_off
from marketbot.web.pages.signal_test import signal_test, take_signal_test
from marketbot.web.pages.signals import signals
from marketbot.web.pages.source import alter_source, give_secret, source
from marketbot.web.pages.sources import add_source, sources
from marketbot.web.pages.tokens import make_token, revoke_token, tokens
from marketbot.web.pages.trail import control_report, prove, trail
from marketbot.web.pages.users import users

OF_USERS = (
    home,
    pause,
    ask_close,
    take_close,
    accounts,
    account,
    change_account,
    change_follows,
    connect,
    take_connect,
    another_key,
    take_key,
    test_account,
    ask_disconnect,
    take_disconnect,
    signals,
    results,
    position,
    channels,
    add_channel,
    change_channel,
    tokens,
    make_token,
    revoke_token,
)
OF_STAFF = (
    overview,
    all_accounts,
    controls,
    preview_command,
    give_command,
    given_command,
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
    operator_channels,
    add_operator_channel,
    change_operator_channel,
    erasures,
    ask_erasure,
    keep_somebody,
    readiness,
)
OF_ADMINISTRATION = (
    sources,
    add_source,
    source,
    alter_source,
    give_secret,
    people,
    person,
    change_person,
    send_reset_link,
    invitations,
    send_invitation,
    withdraw_invitation,
    operator_tokens,
    make_operator_token,
    end_operator_token,
    egress,
    policy,
    alter_policy,
    signal_test,
    take_signal_test,
    first_steps,
)
"""Staff's too: each demands the scope of what it changes."""
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
    privacy,
    take_export,
    take_erasure,
    take_back,
    passkeys,
    name_passkey,
    drop_passkey,
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
    keep_page,
    take_keep,
    developers,
    operation,
)
"""For anybody; a form from another site is refused all the same."""


def web_routers() -> list[Router]:
    """Return the routers of the console. Of those behind ``enter`` each page says in its options who comes in."""
    return [
        Router(
            path="/",
            route_handlers=[*OF_USERS, *OF_STAFF, *OF_ADMINISTRATION, *OF_PEOPLE],
            before_request=enter,
            include_in_schema=False,
        ),
        Router(path="/", route_handlers=list(OPEN), before_request=check_form, include_in_schema=False),
        Router(path="/", route_handlers=[static_file], include_in_schema=False),
    ]
