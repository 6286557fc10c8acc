"""The operations of operators, over all users."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from marketbot.api.contract import answers, bodies
from marketbot.api.contract.operation import EVENTS, MARKDOWN, PAGE, Operation, Query, Tag
from marketbot.api.contract.schema import Rule
from marketbot.api.paging import MAX_ID, MAX_TEXT_CHARS
from marketbot.api.problems import ApiReason as R
from marketbot.domain.audit_entry import MAX_SUBJECT_CHARS, Action, ActorKind
from marketbot.domain.reasons import RefusalReason
from marketbot.store.signals import MAX_PAGE

Number = Annotated[int, Rule({"minimum": 0, "maximum": MAX_ID})]

_SINCE = Query("since", datetime, "From this moment on; a time with its offset.")
_UNTIL = Query("until", datetime, "Up to this moment, which is not included.")
_CONTROL = R.CONTROL_REFUSED

OPERATOR: Mapping[str, Operation] = {
    "GET /v1/signals/{signal_id}": Operation(
        "show_signal", Tag.DESK, "A signal's state, and counts by outcome and reason", {200: answers.SignalAnswer}
    ),
    "GET /v1/signals/{signal_id}/accounts": Operation(
        "list_signal_accounts",
        Tag.DESK,
        "What became of a signal at each account, by ascending number",
        {200: answers.SignalAccountsPage},
        query=(
            Query(
                "limit",
                Annotated[int, Rule({"minimum": 1, "maximum": MAX_PAGE})],
                "How many rows a page may have; 100 if not given.",
            ),
            Query("after", Number, "The number that the page before answered as `next_after`."),
        ),
    ),
    "GET /v1/operator/events": Operation(
        "follow_all_events",
        Tag.EVENTS,
        "What changed for anybody, as it changes",
        {200: None},
        media=EVENTS,
        reasons=(R.STREAM_LIMIT_REACHED,),
    ),
    "GET /v1/operator/users": Operation(
        "list_users", Tag.USERS, "Users by ascending number", {200: answers.UsersPage}, query=PAGE
    ),
    "POST /v1/operator/users": Operation(
        "make_user", Tag.USERS, "Make a user", {201: answers.UserRow}, body=bodies.NewUser, reasons=(R.ALREADY_EXISTS,)
    ),
    "PATCH /v1/operator/users/{user_id}": Operation(
        "change_user", Tag.USERS, "Disable or enable a user", {200: answers.UserRow}, body=bodies.UserChange
    ),
    "GET /v1/operator/accounts": Operation(
        "list_all_accounts", Tag.USERS, "All accounts by ascending number", {200: answers.AllAccountsPage}, query=PAGE
    ),
    "POST /v1/operator/keys/revoke": Operation(
        "revoke_keys",
        Tag.CONTROLS,
        "Wipe keys of all, of a user, of an account; or drill it",
        {200: answers.KeysRevoked},
        body=bodies.KeysRevocation,
        reasons=(R.NOT_FOUND,),
    ),
    "GET /v1/operator/tokens": Operation(
        "list_all_tokens", Tag.TOKENS, "Everybody's tokens, without the tokens themselves", {200: answers.TokensPage}, query=PAGE
    ),
    "POST /v1/operator/tokens": Operation(
        "make_any_token",
        Tag.TOKENS,
        "Make a token for a user, or for operators",
        {201: answers.TokenMade},
        body=bodies.NewAnyToken,
        reasons=(R.NOT_FOUND, R.TOKEN_LIMIT_REACHED),
    ),
    "DELETE /v1/operator/tokens/{token_id}": Operation(
        "revoke_any_token", Tag.TOKENS, "Revoke anybody's token", {200: answers.TokenRow}
    ),
    "GET /v1/operator/jobs/dead": Operation(
        "list_dead_jobs", Tag.DESK, "Jobs that were given up, the latest first", {200: answers.JobsPage}, query=PAGE
    ),
    "POST /v1/operator/jobs/{job_id}/retry": Operation(
        "retry_job", Tag.DESK, "Let a dead letter begin anew, now", {200: answers.JobNumber}
    ),
    "POST /v1/operator/jobs/{job_id}/drop": Operation("drop_job", Tag.DESK, "Forget a dead letter", {200: answers.JobNumber}),
    "POST /v1/operator/signals/test": Operation(
        "send_test_signal",
        Tag.DESK,
        "Send a signal in a source's name; it trades",
        {202: answers.TestSignalTaken},
        body=bodies.TestSignal,
        reasons=(*RefusalReason, R.NOT_READY),
    ),
    "GET /v1/operator/controls": Operation(
        "list_controls",
        Tag.CONTROLS,
        "The switches that are set, and commands, the newest first",
        {200: answers.ControlsPage},
        query=PAGE,
    ),
    "GET /v1/operator/controls/{command_id}": Operation(
        "show_command", Tag.CONTROLS, "One command, how far it has come, and how long it took", {200: answers.CommandAnswer}
    ),
    "POST /v1/operator/controls/preview": Operation(
        "preview_control",
        Tag.CONTROLS,
        "What a command would touch now; changes nothing",
        {200: answers.Coverage},
        body=bodies.ControlPreview,
        body_fault=_CONTROL,
    ),
    "POST /v1/operator/controls/halt": Operation(
        "halt", Tag.CONTROLS, "Stop entries in a scope", {202: answers.SwitchMade}, body=bodies.Halt, body_fault=_CONTROL
    ),
    "POST /v1/operator/controls/resume": Operation(
        "resume", Tag.CONTROLS, "Take one switch away", {202: answers.SwitchMade}, body=bodies.Resume, body_fault=_CONTROL
    ),
    "POST /v1/operator/controls/close": Operation(
        "close_scope",
        Tag.CONTROLS,
        "Close at the market what is held in a scope",
        {202: answers.CloseMade},
        body=bodies.ScopeClose,
        body_fault=_CONTROL,
    ),
    "GET /v1/operator/policy": Operation(
        "show_policy", Tag.POLICY, "The policy in force, and how far each setting may reach", {200: answers.PolicyAnswer}
    ),
    "PATCH /v1/operator/policy": Operation(
        "change_policy",
        Tag.POLICY,
        "Change the policy, all that is named or nothing",
        {200: answers.PolicyChanged},
        body=bodies.PolicyChange,
        body_fault=R.SETTING_INVALID,
    ),
    "GET /v1/operator/sources": Operation(
        "list_sources", Tag.POLICY, "Sources by ascending number, without their secrets", {200: answers.SourcesPage}, query=PAGE
    ),
    "POST /v1/operator/sources": Operation(
        "make_source",
        Tag.POLICY,
        "Make a source; its secret is shown this once",
        {201: answers.SourceMade},
        body=bodies.NewSource,
        reasons=(R.ALREADY_EXISTS,),
    ),
    "PATCH /v1/operator/sources/{source_id}": Operation(
        "change_source", Tag.POLICY, "Change what a source may do", {200: answers.ShownSource}, body=bodies.SourceChange
    ),
    "POST /v1/operator/sources/{source_id}/rotate": Operation(
        "rotate_source", Tag.POLICY, "Give a source another secret, shown this once", {200: answers.SourceMade}
    ),
    "GET /v1/operator/audit": Operation(
        "list_audit",
        Tag.AUDIT,
        "Entries of the trail, the newest first",
        {200: answers.AuditPage},
        query=(
            *PAGE,
            Query("action", Action, "What was done."),
            Query("actor_kind", ActorKind, "What kind of actor did it."),
            Query("actor_id", Number, "Which one."),
            Query("subject_kind", Annotated[str, Rule({"maxLength": MAX_TEXT_CHARS})], "What kind of thing it was done to."),
            Query("subject_id", Annotated[str, Rule({"maxLength": MAX_SUBJECT_CHARS})], "Which one."),
            _SINCE,
            _UNTIL,
        ),
    ),
    "GET /v1/operator/audit/verify": Operation(
        "verify_audit",
        Tag.AUDIT,
        "Prove up to 10,000 entries of the chain",
        {200: answers.TrailProof},
        query=(Query("after", Number, "The entry that the proof begins behind."),),
    ),
    "GET /v1/operator/control-report": Operation(
        "show_control_report",
        Tag.AUDIT,
        "The market-access controls over a period",
        {200: answers.ControlReportAnswer},
        query=(_SINCE, _UNTIL, Query("format", Literal["json", "markdown"], "markdown is for people.")),
        media=MARKDOWN,
    ),
    "GET /v1/operator/people": Operation(
        "list_people", Tag.USERS, "Everybody who can log in, by ascending number", {200: answers.PeoplePage}, query=PAGE
    ),
    "PATCH /v1/operator/people/{person_id}": Operation(
        "change_person",
        Tag.USERS,
        "Change a role, shut somebody out, help somebody back in",
        {200: answers.PersonRow},
        body=bodies.PersonChange,
        reasons=(R.LAST_ADMIN, R.ROLE_CHANGE_REFUSED, R.SECOND_FACTOR_ABSENT),
    ),
    "POST /v1/operator/people/{person_id}/reset-link": Operation(
        "make_reset_link", Tag.USERS, "Have somebody sent a link for a new password", {201: answers.LinkMade}
    ),
    "GET /v1/operator/invitations": Operation(
        "list_invitations",
        Tag.USERS,
        "All invitations by ascending number, without their links",
        {200: answers.InvitationsPage},
        query=PAGE,
    ),
    "POST /v1/operator/invitations": Operation(
        "invite",
        Tag.USERS,
        "Invite somebody as a role",
        {201: answers.InvitationMade},
        body=bodies.NewInvitation,
        reasons=(R.EMAIL_TAKEN,),
        told="Inviting staff needs `people:write` besides.",
    ),
    "DELETE /v1/operator/invitations/{invitation_id}": Operation(
        "revoke_invitation",
        Tag.USERS,
        "Take an open invitation back",
        {200: answers.InvitationRow},
        told="Of staff it needs `people:write` besides.",
    ),
}
