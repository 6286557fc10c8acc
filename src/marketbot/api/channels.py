"""/v1/channels: by what means a user is told, and of what."""

from __future__ import annotations

from litestar import Response, Router, delete, get, patch, post

from marketbot.api import channel_commands
from marketbot.api.admission import ApiRequest, admit, demands
from marketbot.api.bodies import MAX_COMMAND_BYTES
from marketbot.domain.scope import Scope


@get("/v1/channels", opt=demands(Scope.ACCOUNTS_READ))
async def list_channels(request: ApiRequest) -> Response[bytes]:
    """The channels, and the kinds that this installation offers. No address is shown again."""
    return await channel_commands.show_channels(request)


@post("/v1/channels", opt=demands(Scope.SETTINGS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def post_channel(request: ApiRequest) -> Response[bytes]:
    """Add a channel, of five at most."""
    return await channel_commands.add_channel(request)


@patch("/v1/channels/{channel_id:int}", opt=demands(Scope.SETTINGS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def patch_channel(request: ApiRequest) -> Response[bytes]:
    """Change language, minimum severity, or which notices."""
    return await channel_commands.alter_channel(request)


@delete("/v1/channels/{channel_id:int}", opt=demands(Scope.SETTINGS_WRITE), status_code=200)
async def delete_channel(request: ApiRequest) -> Response[bytes]:
    """Remove a channel, with what waits for it."""
    return await channel_commands.drop_channel(request)


@post("/v1/channels/{channel_id:int}/test", opt=demands(Scope.SETTINGS_WRITE))
async def test_channel(request: ApiRequest) -> Response[bytes]:
    """Have a message sent that says nothing."""
    return await channel_commands.try_channel(request)


@post("/v1/channels/{channel_id:int}/code", opt=demands(Scope.SETTINGS_WRITE))
async def post_channel_code(request: ApiRequest) -> Response[bytes]:
    """A new code in place of any other: a chat's is answered, a mailbox's is sent to it."""
    return await channel_commands.renew_code(request)


@post("/v1/channels/{channel_id:int}/confirm", opt=demands(Scope.SETTINGS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def confirm_channel(request: ApiRequest) -> Response[bytes]:
    """Show the code that a mailbox was sent."""
    return await channel_commands.show_code(request)


def channels_router() -> Router:
    handlers = [list_channels, post_channel, patch_channel, delete_channel, test_channel, post_channel_code, confirm_channel]
    return Router(path="/", route_handlers=handlers, before_request=admit)
