"""The operations of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from marketbot.api.contract import answers, bodies, operator_answers
from marketbot.api.contract.operation import EVENTS, PAGE, Operation, Query, Tag
from marketbot.api.contract.schema import Rule
from marketbot.api.problems import ApiReason as R
from marketbot.domain.limits import LimitName

Flag = Annotated[Literal["true", "false"], Rule({"default": "false"})]

_KEY_REASONS = (R.KEY_IN_USE, R.KEY_REVOKED, R.ENGINE_AWAY)

_OWN: Mapping[str, Operation] = {
    "GET /v1/me": Operation(
        "show_me",
        Tag.ME,
        "Who the token's user is, what it opens, what stops their trading",
        {200: answers.MeAnswer},
        reasons=(R.NOT_FOUND,),
    ),
    "POST /v1/me/pause": Operation(
        "pause_me", Tag.ME, "Pause all of the user's accounts, or let them trade again", {200: answers.Paused}, body=bodies.Pause
    ),
    "GET /v1/accounts": Operation(
        "list_accounts", Tag.ACCOUNTS, "The user's accounts by ascending number", {200: answers.AccountsPage}, query=PAGE
    ),
    "POST /v1/accounts": Operation(
        "connect_account",
        Tag.ACCOUNTS,
        "Connect an account",
        {202: answers.AccountAnswer},
        body=bodies.NewAccount,
        reasons=(R.ALREADY_EXISTS, R.ACCOUNT_LIMIT_REACHED, *_KEY_REASONS),
    ),
    "GET /v1/accounts/{account_id}": Operation("show_account", Tag.ACCOUNTS, "One account", {200: answers.AccountAnswer}),
    "PUT /v1/accounts/{account_id}/key": Operation(
        "replace_key",
        Tag.ACCOUNTS,
        "Give an account another key",
        {202: answers.AccountAnswer},
        body=bodies.NewKey,
        reasons=(R.ACCOUNT_DISCONNECTED, *_KEY_REASONS),
    ),
    "PUT /v1/accounts/{account_id}/follows": Operation(
        "follow_sources",
        Tag.ACCOUNTS,
        "Let an account follow exactly the sources that are named",
        {200: answers.AccountAnswer},
        body=bodies.FollowsChange,
        reasons=(R.ACCOUNT_DISCONNECTED,),
    ),
    "POST /v1/accounts/{account_id}/test": Operation(
        "test_account",
        Tag.ACCOUNTS,
        "Have the venue asked anew about the key",
        {202: answers.AccountAnswer},
        reasons=(R.ACCOUNT_DISCONNECTED,),
    ),
    "DELETE /v1/accounts/{account_id}": Operation(
        "disconnect_account",
        Tag.ACCOUNTS,
        "Take an account's key away; its books stay",
        {200: answers.AccountDisconnected},
        query=(Query("force", Flag, "true: although positions are open or orders on their way."),),
        reasons=(R.ACCOUNT_BUSY,),
    ),
    "PATCH /v1/accounts/{account_id}/settings": Operation(
        "change_settings",
        Tag.ACCOUNTS,
        "Change an account's settings, all that are named or none",
        {200: answers.AccountChanged},
        body=bodies.SettingsChange,
        body_fault=R.SETTING_INVALID,
    ),
    "POST /v1/accounts/{account_id}/close": Operation(
        "close_account",
        Tag.CLOSING,
        "Close at the market whatever one account holds",
        {202: answers.CloseMade},
        reasons=(R.CONTROL_REFUSED,),
    ),
    "POST /v1/positions/close": Operation(
        "close_positions",
        Tag.CLOSING,
        "Close what is held: everywhere, of one account, of one instrument",
        {202: answers.CloseMade},
        body=bodies.PositionsClose,
        reasons=(R.NOT_FOUND, R.CONTROL_REFUSED),
    ),
    "GET /v1/closes/{command_id}": Operation(
        "show_close", Tag.CLOSING, "How far a close of the user's own has come", {200: operator_answers.CommandAnswer}
    ),
    "GET /v1/egress": Operation(
        "show_egress", Tag.ACCOUNTS, "The addresses that requests leave from, for a key's list", {200: answers.EgressAnswer}
    ),
    "GET /v1/venues": Operation(
        "show_venues", Tag.ACCOUNTS, "The venues on offer, and how to make a key at each", {200: answers.VenuesAnswer}
    ),
    "GET /v1/sources": Operation(
        "show_sources", Tag.ACCOUNTS, "The sources that an account may follow, by name", {200: answers.SourcesAnswer}
    ),
    "GET /v1/signals": Operation(
        "list_signals",
        Tag.TRADES,
        "What became of signals at the user's accounts, newest first",
        {200: answers.SignalsPage},
        query=PAGE,
    ),
    "GET /v1/orders": Operation(
        "list_orders",
        Tag.TRADES,
        "Orders by signal and account, every leg and attempt, newest first",
        {200: answers.OrdersPage},
        query=PAGE,
    ),
    "GET /v1/positions": Operation(
        "list_positions",
        Tag.TRADES,
        "Open positions by account and symbol",
        {200: answers.PositionsPage},
        query=(*PAGE, Query("closed", Flag, "true: ended ones too.")),
    ),
    "GET /v1/results": Operation(
        "list_results",
        Tag.TRADES,
        "What closed positions gained or lost, before fees, newest first",
        {200: answers.ResultsPage},
        query=PAGE,
    ),
    "GET /v1/events": Operation(
        "follow_events",
        Tag.EVENTS,
        "What changed for the user, as it changes",
        {200: None},
        media=EVENTS,
        reasons=(R.STREAM_LIMIT_REACHED,),
    ),
    "GET /v1/tokens": Operation(
        "list_tokens", Tag.TOKENS, "The user's tokens, without the tokens themselves", {200: answers.TokensPage}, query=PAGE
    ),
    "POST /v1/tokens": Operation(
        "make_token",
        Tag.TOKENS,
        "Make a token that opens no more than the one that asks",
        {201: answers.TokenMade},
        body=bodies.NewToken,
        reasons=(R.TOKEN_LIMIT_REACHED,),
    ),
    "DELETE /v1/tokens/{token_id}": Operation(
        "revoke_token", Tag.TOKENS, "Revoke one of the user's tokens", {200: answers.TokenRow}
    ),
    "GET /v1/notices": Operation("show_hook", Tag.NOTICES, "Where notices are sent, or null", {200: answers.HookAnswer}),
    "PUT /v1/notices": Operation(
        "set_hook",
        Tag.NOTICES,
        "Have notices sent to an https address, under a new secret",
        {200: answers.HookMade},
        body=bodies.NewHook,
    ),
    "DELETE /v1/notices": Operation(
        "remove_hook", Tag.NOTICES, "Have nothing sent any more", {200: answers.HookRemoved}, reasons=(R.NOT_FOUND,)
    ),
}


def _channels(path: str, ending: str, whose: str) -> dict[str, Operation]:
    """Return the operations of channels, the same for a user and for the operator."""
    tag = Tag.CHANNELS
    one = f"{path}/{{channel_id}}"
    return {
        f"GET {path}": Operation(
            f"list_{ending}s", tag, f"{whose} channels, and the kinds on offer", {200: answers.ChannelsAnswer}
        ),
        f"POST {path}": Operation(
            f"add_{ending}",
            tag,
            f"Add to {whose.lower()} channels, of which there are five at most",
            {201: answers.ChannelMade},
            body=bodies.NewChannel,
            reasons=(R.CHANNEL_LIMIT_REACHED, R.CHANNEL_NOT_OFFERED),
            limits=(LimitName.CHANNEL_CODES,),
        ),
        f"PATCH {one}": Operation(
            f"change_{ending}",
            tag,
            "Change language, minimum severity, or which notices",
            {200: answers.ChannelAnswer},
            body=bodies.ChannelChange,
        ),
        f"DELETE {one}": Operation(
            f"remove_{ending}", tag, "Remove a channel, with what waits for it", {200: answers.ChannelNumber}
        ),
        f"POST {one}/test": Operation(
            f"test_{ending}",
            tag,
            "Have a message sent that says nothing",
            {202: answers.ChannelNumber},
            reasons=(R.CHANNEL_UNCONFIRMED,),
        ),
        f"POST {one}/code": Operation(
            f"renew_{ending}_code",
            tag,
            "A new code in place of any other: a chat's is answered, a mailbox's is sent (202)",
            {200: answers.ChannelMade, 202: answers.ChannelAnswer},
            limits=(LimitName.CHANNEL_CODES,),
        ),
        f"POST {one}/confirm": Operation(
            f"confirm_{ending}",
            tag,
            "Show the code that a mailbox was sent",
            {200: answers.ChannelAnswer},
            body=bodies.ShownCode,
            reasons=(R.CODE_WRONG,),
        ),
    }


USER: Mapping[str, Operation] = (
    dict(_OWN)
    | _channels("/v1/channels", "channel", "The user's")
    | _channels("/v1/operator/channels", "operator_channel", "The operator's")
)
