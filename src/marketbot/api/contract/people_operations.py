"""The operations of whoever logs in, and of those who are not logged in yet."""

from __future__ import annotations

from collections.abc import Mapping

from marketbot.api.contract import answers, bodies
from marketbot.api.contract.operation import Operation, Tag
from marketbot.api.problems import ApiReason as R
from marketbot.domain.limits import LimitName as L

_PASSWORD = (L.LOGIN_ADDRESS, L.LOGIN_EMAIL)
_CODE = (L.LOGIN_ADDRESS, L.SECOND_FACTOR)
_LINK = (L.LOGIN_ADDRESS,)
_MAIL = (L.MAIL_ADDRESS,)

PEOPLE: Mapping[str, Operation] = {
    "POST /v1/session": Operation(
        "log_in",
        Tag.SESSIONS,
        "Log in; the session that the browser had ends",
        {201: answers.SessionMade},
        body=bodies.LogIn,
        reasons=(R.LOGIN_FAILED, R.USER_DISABLED),
        limits=_PASSWORD,
    ),
    "GET /v1/session": Operation(
        "show_session", Tag.SESSIONS, "Who is logged in, and what that opens", {200: answers.SessionAnswer}
    ),
    "DELETE /v1/session": Operation("log_out", Tag.SESSIONS, "Log out", {200: answers.LoggedOut}),
    "POST /v1/session/second-factor": Operation(
        "show_code",
        Tag.SESSIONS,
        "Show the code that the session owes; the answer is another session",
        {201: answers.SessionMade},
        body=bodies.SecondFactorCode,
        reasons=(R.CODE_INVALID, R.SECOND_FACTOR_ABSENT),
        limits=_CODE,
    ),
    "POST /v1/session/totp": Operation(
        "begin_totp",
        Tag.SESSIONS,
        "Begin to set up a second factor",
        {201: answers.TotpBegun},
        reasons=(R.SECOND_FACTOR_ENROLLED,),
    ),
    "POST /v1/session/totp/confirm": Operation(
        "confirm_totp",
        Tag.SESSIONS,
        "Put the second factor in force by a first code",
        {201: answers.SecondFactorConfirmed},
        body=bodies.SecondFactorCode,
        reasons=(R.CODE_INVALID, R.SECOND_FACTOR_ENROLLED, R.SECOND_FACTOR_ABSENT),
        limits=_CODE,
    ),
    "DELETE /v1/session/totp": Operation(
        "end_totp",
        Tag.SESSIONS,
        "Turn a user's second factor off; the answer is a new session",
        {201: answers.SessionMade},
        body=bodies.Confirmation,
        reasons=(R.CODE_INVALID, R.PASSWORD_WRONG, R.SECOND_FACTOR_REQUIRED, R.SECOND_FACTOR_ABSENT),
        limits=(*_PASSWORD, L.SECOND_FACTOR),
    ),
    "POST /v1/session/recovery-codes": Operation(
        "renew_recovery_codes",
        Tag.SESSIONS,
        "Make new recovery codes; earlier ones work no more",
        {201: answers.RecoveryCodes},
        body=bodies.Confirmation,
        reasons=(R.CODE_INVALID, R.PASSWORD_WRONG, R.SECOND_FACTOR_ABSENT),
        limits=(*_PASSWORD, L.SECOND_FACTOR),
    ),
    "POST /v1/session/password": Operation(
        "change_password",
        Tag.SESSIONS,
        "Change the password; every session ends, and the answer is a new one",
        {201: answers.SessionMade},
        body=bodies.PasswordChange,
        reasons=(R.PASSWORD_WRONG, R.PASSWORD_UNFIT),
        limits=_PASSWORD,
    ),
    "PATCH /v1/session/profile": Operation(
        "change_profile", Tag.SESSIONS, "Change name, language, time zone", {200: answers.PersonAnswer}, body=bodies.ProfileChange
    ),
    "GET /v1/sessions": Operation(
        "list_sessions", Tag.SESSIONS, "One's live sessions, the latest first", {200: answers.SessionsAnswer}
    ),
    "DELETE /v1/sessions": Operation(
        "end_other_sessions", Tag.SESSIONS, "End all of one's sessions but the one that asks", {200: answers.SessionsEnded}
    ),
    "DELETE /v1/sessions/{session_id}": Operation(
        "end_session", Tag.SESSIONS, "End one of one's sessions", {200: answers.SessionsEnded}
    ),
    "POST /v1/setup": Operation(
        "set_up",
        Tag.NEWCOMERS,
        "Make an admin by a set-up link",
        {201: answers.SessionMade},
        body=bodies.SetUp,
        reasons=(R.EMAIL_TAKEN, R.LINK_INVALID, R.PASSWORD_UNFIT),
        limits=_LINK,
    ),
    "POST /v1/invitations/look": Operation(
        "look_at_invitation",
        Tag.NEWCOMERS,
        "What a link invites to; it is not used up",
        {200: answers.InvitationLook},
        body=bodies.LinkToken,
        reasons=(R.LINK_INVALID,),
        limits=_LINK,
    ),
    "POST /v1/invitations/accept": Operation(
        "accept_invitation",
        Tag.NEWCOMERS,
        "Accept an invitation",
        {201: answers.SessionMade},
        body=bodies.Acceptance,
        reasons=(R.EMAIL_TAKEN, R.LINK_INVALID, R.PASSWORD_UNFIT, R.ALREADY_EXISTS),
        limits=_LINK,
    ),
    "POST /v1/sign-up": Operation(
        "sign_up",
        Tag.NEWCOMERS,
        "Have an invitation sent to one's own address, where the operator allows it",
        {202: answers.MailSent},
        body=bodies.MailWanted,
        reasons=(R.SIGN_UP_CLOSED, R.MAIL_NOT_SET_UP),
        limits=_MAIL,
    ),
    "POST /v1/password/forgot": Operation(
        "forget_password",
        Tag.NEWCOMERS,
        "Have a link for a new password sent",
        {202: answers.MailSent},
        body=bodies.MailWanted,
        reasons=(R.MAIL_NOT_SET_UP,),
        limits=_MAIL,
    ),
    "POST /v1/password/reset": Operation(
        "reset_password",
        Tag.NEWCOMERS,
        "Set a new password by a link",
        {200: answers.PasswordSet},
        body=bodies.PasswordReset,
        reasons=(R.LINK_INVALID, R.PASSWORD_UNFIT),
        limits=_LINK,
    ),
}
