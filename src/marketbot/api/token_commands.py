"""What operators do about tokens, the same for ``/v1`` and the console."""

from __future__ import annotations

from dataclasses import dataclass, field

from marketbot.accounts.api_token import make_token
from marketbot.api.admission import ApiRequest, caller_of
from marketbot.api.database import Database
from marketbot.api.identity import TokenRegister, actor_of
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason
from marketbot.api.token_wishes import TokenWish
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.ids import UserId
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.tokens import TokenRow, create_token, revoke_any_token, token_made
from marketbot.store.users import read_user

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token in clear, to be shown this once."""

    row: TokenRow
    token: str = field(repr=False)


async def make_any_token(request: ApiRequest, user_id: UserId | None, wish: TokenWish) -> MadeToken | ApiReason:
    """Make a token of a user, or of the operators (None)."""
    database: Database = request.app.state.database
    token = make_token(operator=user_id is None)
    async with database.connection() as connection, connection.transaction():
        if user_id is not None and await read_user(connection, user_id) is None:
            return ApiReason.NOT_FOUND
        row = await create_token(connection, user_id, wish.name, wish.scopes, token, wish.expires_at)
        if row is None:
            return ApiReason.TOKEN_LIMIT_REACHED
        await record(connection, token_made(actor_of(request), row))
    log.info("token_made", id=row.token_id, user_id=user_id, scopes=sorted(wish.scopes), by=caller_of(request).token_id)
    return MadeToken(row, token.text)


async def end_any_token(request: ApiRequest) -> TokenRow | None:
    """Revoke the token that the address names: here at once, in other processes within ``identity.TOKEN_AGE_S``."""
    database: Database = request.app.state.database
    register: TokenRegister = request.app.state.tokens
    token_id: int = request.path_params["token_id"]
    if not 0 < token_id <= MAX_ID:
        return None
    async with database.connection() as connection, connection.transaction():
        row = await revoke_any_token(connection, token_id)
        if row is None:
            return None
        entry = AuditEntry(Action.TOKEN_REVOKED, actor_of(request), "token", str(token_id), {"user_id": row.user_id})
        await record(connection, entry)
    register.forget_token(token_id)
    log.info("token_revoked", id=token_id, user_id=row.user_id, by=caller_of(request).token_id)
    return row
