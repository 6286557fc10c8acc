"""The HTTP face, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from marketbot.api.account_keys import account_key_routes
from marketbot.api.accounts import accounts_router
from marketbot.api.channels import channels_router
from marketbot.api.closing import closing_router
from marketbot.api.database import Database
from marketbot.api.draining import Draining
from marketbot.api.events import events_router
from marketbot.api.fields import FieldInvalid
from marketbot.api.health import Readiness, live, ready
from marketbot.api.identity import TokenRegister
from marketbot.api.languages import language
from marketbot.api.ledger import PostgresLedger
from marketbot.api.limits import AddressLimit
from marketbot.api.live_hub import LiveHub
from marketbot.api.newcomers import newcomers_router
from marketbot.api.notices import notices_router
from marketbot.api.operator import operator_router
from marketbot.api.operator_audit import operator_audit_router
from marketbot.api.operator_channels import operator_channels_router
from marketbot.api.operator_controls import operator_controls_router
from marketbot.api.operator_keys import operator_keys_router
from marketbot.api.operator_people import operator_people_router
from marketbot.api.operator_policy import operator_policy_router
from marketbot.api.operator_report import operator_report_router
from marketbot.api.operator_sources import operator_sources_router
from marketbot.api.operator_token import operator_token, token_sha256
from marketbot.api.operator_tokens import operator_tokens_router
from marketbot.api.operator_users import operator_users_router
from marketbot.api.paging import ParameterInvalid
from marketbot.api.peer import read_networks
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.profile import profile_router
from marketbot.api.refusal_log import BatchedRefusalLog
from marketbot.api.session import session_router
from marketbot.api.session_register import SessionRegister
from marketbot.api.shedding import Overloaded, Room, Shedding
from marketbot.api.tokens import tokens_router
from marketbot.api.trades import trades_router
from marketbot.api.user_door import UserDoor
from marketbot.api.webhook import receive_signal
from marketbot.cache.events import EventBus
from marketbot.cache.limits import Limits
from marketbot.cache.shared import Shared
from marketbot.cache.stream_places import StreamPlaces
from marketbot.clock import SystemClock
from marketbot.intake.document import MAX_BODY_BYTES
from marketbot.intake.refused import StoreAway
from marketbot.intake.service import Intake
from marketbot.observability.logs import logger, register_secret
from marketbot.people.passwords import HashingFull, Passwords
from marketbot.people.reception import Reception
from marketbot.ports import Clock
from marketbot.settings import Settings
from marketbot.store.pool import Pool, Unavailable
from marketbot.vault.vault import Vault
from marketbot.web.errors import answer_exception, wants_page
from marketbot.web.routers import web_routers

log = logger(__name__)


def create_app(
    pool: Pool | Database,
    settings: Settings,
    *,
    vault: Vault | None = None,
    clock: Clock | None = None,
    shared: Shared | None = None,
    dsn: str | None = None,
) -> Litestar:
    """Build the ASGI application. It owns nothing it was given: pool, database and shared store are closed by the caller.

    With ``dsn`` it hears live events and passes them on to streams (``app.state.live``).
    """
    database = pool if isinstance(pool, Database) else Database(pool)
    safe = vault or Vault.from_file(settings.vault_key_file)
    ledger = PostgresLedger(database, safe)
    refusals = BatchedRefusalLog(database)
    token = operator_token(settings)
    register_secret(token)
    draining = Draining()
    time = clock or SystemClock()
    limits = Limits(time, shared)
    trusted = read_networks(settings.trusted_proxies)
    room = Room(settings.api_max_in_flight)
    events = None if dsn is None else EventBus(database.notify, dsn, shared)
    hub = LiveHub(events, database, time, draining, StreamPlaces(shared), lambda: room.is_busy)
    passwords = Passwords()
    state = State(
        {
            "database": database,
            "intake": Intake(ledger, refusals, time, limits),
            "limits": limits,
            "events": events,
            "draining": draining,
            "readiness": Readiness(database, draining, shared),
            "clock": time,
            "live": hub,
            "tokens": TokenRegister(database, time, token_sha256(token), hub.look_at_tokens),
            "sessions": SessionRegister(database, time, hub.look_at_tokens),
            "reception": Reception(database.connection, safe, passwords, limits, time),
            "secure_cookies": settings.people_url.startswith("https://"),
            "people_url": settings.people_url,
            "mails": settings.smtp_url is not None,
            "sign_up": settings.sign_up,
            "door": UserDoor(database),
            "trusted_proxies": trusted,
            "vault": safe,
            "notices_to_loopback": settings.notices_to_loopback,
            "egress": settings.egress_addresses,
            "accounts_per_user": settings.accounts_per_user,
            "memory_bound_mb": settings.memory_bound_mb,
            "channel_kinds": settings.channel_kinds,
        }
    )

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        refusals.start()
        if events is not None:
            events.start()
        hub.start()
        try:
            yield
        finally:
            await hub.close()
            if events is not None:
                await events.close()
            await refusals.stop()
            passwords.close()

    return Litestar(
        route_handlers=[
            receive_signal,
            live,
            ready,
            operator_router(),
            operator_users_router(),
            operator_tokens_router(),
            operator_audit_router(),
            operator_controls_router(),
            operator_policy_router(),
            operator_report_router(),
            operator_sources_router(),
            closing_router(),
            accounts_router(account_key_routes()),
            operator_keys_router(),
            trades_router(),
            tokens_router(),
            events_router(),
            notices_router(),
            session_router(),
            profile_router(),
            newcomers_router(),
            operator_people_router(),
            *web_routers(),
            channels_router(),
            operator_channels_router(),
        ],
        state=state,
        lifespan=[lifespan],
        middleware=[lambda app: Shedding(app, room), lambda app: AddressLimit(app, limits, trusted)],
        exception_handlers={Exception: _answer_exception},
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


_BY_STATUS = {
    401: ApiReason.TOKEN_INVALID,
    404: ApiReason.NOT_FOUND,
    405: ApiReason.METHOD_NOT_ALLOWED,
    413: ApiReason.BODY_TOO_LARGE,
    415: ApiReason.MEDIA_TYPE_UNSUPPORTED,
}


def _answer_exception(request: Request[Any, Any, State], error: Exception) -> Response[bytes]:
    if wants_page(request):
        return answer_exception(request, error)
    spoken = language(request.headers.get("accept-language", ""))
    if isinstance(error, StoreAway | Unavailable):
        return api_problem(ApiReason.STORE_UNAVAILABLE, spoken)
    if isinstance(error, ParameterInvalid):
        return api_problem(ApiReason.PARAMETER_INVALID, spoken, str(error))
    if isinstance(error, FieldInvalid):
        return api_problem(ApiReason.FIELD_INVALID, spoken, str(error))
    if isinstance(error, Overloaded | HashingFull):
        return api_problem(ApiReason.OVERLOADED, spoken)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return api_problem(_BY_STATUS.get(error.status_code, ApiReason.PARAMETER_INVALID), spoken)
    log.error("request_failed", exc_info=error)
    return api_problem(ApiReason.INTERNAL_ERROR, spoken)
