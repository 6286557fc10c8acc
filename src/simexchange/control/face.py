"""Answer on the control port: plain JSON, a bearer token on all but /health, "simulation": true on every answer."""

import hmac
from collections.abc import Callable
from typing import Any

import orjson

from simexchange.control import account_calls, fault_calls, market_calls, record_calls
from simexchange.control.call import ControlCall, ControlError
from simexchange.wire.http import Reply, Request
from simexchange.world import World

CONTROL_BODY_BYTES_MAX = 64 * 1024 * 1024

Handler = Callable[[ControlCall], dict[str, Any]]

ROUTES: dict[tuple[str, str], Handler] = {
    ("POST", "/accounts"): account_calls.create,
    ("GET", "/accounts"): account_calls.show_all,
    ("POST", "/accounts/ID"): account_calls.change,
    ("GET", "/accounts/ID"): account_calls.show,
    ("POST", "/prices"): market_calls.set_prices,
    ("GET", "/prices"): market_calls.show_prices,
    ("POST", "/clock"): market_calls.set_clock,
    ("POST", "/outage"): market_calls.set_outage,
    ("POST", "/limits"): fault_calls.set_limits,
    ("GET", "/limits"): fault_calls.show_limits,
    ("POST", "/faults"): fault_calls.add,
    ("GET", "/faults"): fault_calls.show,
    ("DELETE", "/faults"): fault_calls.remove,
    ("POST", "/seed"): fault_calls.set_seed,
    ("POST", "/reset"): fault_calls.reset,
    ("GET", "/ledger"): record_calls.ledger,
    ("GET", "/positions"): record_calls.positions,
    ("GET", "/protection"): record_calls.protection,
    ("GET", "/bans"): record_calls.bans,
    ("GET", "/stats"): record_calls.stats,
}


class ControlFace:
    """The port through which a test steers the simulation."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._authorization = f"Bearer {token}".encode()

    def respond(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path == "/health":
            return _reply({"status": "ok"})
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            return _reply({"error": "unauthorized"}, 401)
        path, account_id = _split(request.path)
        handler = ROUTES.get((request.method, path))
        if handler is None:
            return _reply({"error": f"no such call: {request.method} {request.path}"}, 404)
        try:
            body = orjson.loads(request.body) if request.body else {}
            if not isinstance(body, dict):
                raise ControlError("the body must be an object")
            return _reply(handler(ControlCall(self._world, body, request.query, account_id)))
        except orjson.JSONDecodeError as error:
            return _reply({"error": f"not JSON: {error}"}, 400)
        except ControlError as error:
            return _reply({"error": str(error)}, error.status)


def _split(path: str) -> tuple[str, int]:
    head, _, tail = path.rpartition("/")
    if head == "/accounts" and tail.isdecimal():
        return "/accounts/ID", int(tail)
    return path, 0


def _reply(content: dict[str, Any], status: int = 200) -> Reply:
    return Reply(orjson.dumps({"simulation": True, **content}, default=str, option=orjson.OPT_NON_STR_KEYS), status)
