"""POST /v1/webhook/{source}[/{secret}]: read a bounded body in bounded time, and say what intake decided."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.exceptions import ClientException, HTTPException

from marketbot.api.answers import json_answer
from marketbot.api.languages import language
from marketbot.api.limits import note_limit
from marketbot.api.peer import Network, caller_address
from marketbot.api.problems import ApiReason, api_problem, refusal_problem
from marketbot.api.shedding import LOAD_CLASS
from marketbot.domain.load import LoadClass
from marketbot.domain.reasons import RefusalReason
from marketbot.intake.document import MAX_BODY_BYTES
from marketbot.intake.refused import NotReady, Refused, StoreAway
from marketbot.intake.service import Delivery, Intake
from marketbot.observability.logs import logger
from marketbot.observability.metrics import Stage, count_accepted, count_unstored, observe
from marketbot.observability.traces import Span, span

BODY_TIMEOUT_S = 5.0
MAX_HEADER_LENGTH = 256
TIMESTAMP_HEADER = "x-marketbot-timestamp"
SIGNATURE_HEADER = "x-marketbot-signature"
MEDIA_TYPES = frozenset({"", "application/json", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"})
"""TradingView sends the first two; the others are what curl and simple libraries say when nobody told them."""

log = logger(__name__)

WebhookRequest = Request[Any, Any, State]


@post(
    ["/v1/webhook/{source:str}", "/v1/webhook/{source:str}/{secret:str}"],
    status_code=202,
    request_max_body_size=MAX_BODY_BYTES,
    opt={LOAD_CLASS: LoadClass.URGENT},
)
async def receive_signal(request: WebhookRequest) -> Response[bytes]:
    """Take one signal: 202 once it is committed, a problem document otherwise."""
    headers = request.headers
    spoken = language(headers.get("accept-language", ""))
    intake: Intake = request.app.state.intake
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        return api_problem(ApiReason.MEDIA_TYPE_UNSUPPORTED, spoken)
    address = _caller(request)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.body()
    except TimeoutError:
        return api_problem(ApiReason.BODY_TOO_SLOW, spoken)
    except HTTPException as error:
        if error.status_code != 413:
            raise
        return refusal_problem(intake.refuse_unread(address, RefusalReason.BODY_TOO_LARGE), spoken)
    except ClientException:
        return refusal_problem(intake.refuse_unread(address, RefusalReason.BODY_MALFORMED), spoken)
    started = time.perf_counter()
    try:
        with span(Span.INTAKE):
            found = await intake.receive(
                Delivery(
                    source=request.path_params["source"],
                    secret=request.path_params.get("secret"),
                    body=body,
                    address=address,
                    timestamp=headers.get(TIMESTAMP_HEADER, "")[:MAX_HEADER_LENGTH],
                    signature=_cut(headers.get(SIGNATURE_HEADER)),
                )
            )
    except StoreAway:
        count_unstored()
        return api_problem(ApiReason.STORE_UNAVAILABLE, spoken)
    except NotReady:
        count_unstored()
        return api_problem(ApiReason.NOT_READY, spoken)
    finally:
        observe(Stage.INTAKE, time.perf_counter() - started)
    if isinstance(found, Refused):
        log.debug("signal_refused", reason=found.reason.value, address=address)
        return refusal_problem(found, spoken)
    if found.limit is not None:
        note_limit(request.scope, found.limit)
    count_accepted(repeated=found.repeated)
    log.info("signal_accepted", signal_id=found.signal_id, repeated=found.repeated)
    answer: dict[str, Any] = {"signal_id": found.signal_id, "status": "accepted"}
    if found.repeated:
        answer["duplicate"] = True
    return json_answer(answer, 202)


def _caller(request: WebhookRequest) -> str:
    client = request.client
    trusted: tuple[Network, ...] = request.app.state.trusted_proxies
    peer = "" if client is None else client.host
    return caller_address(peer, request.headers.get("x-forwarded-for", ""), trusted) if trusted else peer


def _cut(header: str | None) -> str | None:
    return None if header is None else header[:MAX_HEADER_LENGTH]
