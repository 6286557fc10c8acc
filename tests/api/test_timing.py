"""Requests are counted by class, timed to the head of the answer, and nobody can make up a series."""

from __future__ import annotations

import pytest
from tests.api.conftest import Api

from marketbot.api.timing import route_class
from marketbot.observability import metrics
from marketbot.observability.metrics import Answered, RouteClass


def counted(route: RouteClass, answered: Answered) -> float:
    series = f'marketbot_http_requests_total{{answered="{answered}",route="{route}"}}'
    found = [line for line in metrics.render().decode().splitlines() if line.startswith(series + " ")]
    assert len(found) == 1, series
    return float(found[0].split(" ")[-1])


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/webhook/tradingview/secret", RouteClass.WEBHOOK),
        ("/v1/signals/7", RouteClass.API),
        ("/health/live", RouteClass.HEALTH),
        ("/metrics", RouteClass.METRICS),
        ("/wp-login.php", RouteClass.OTHER),
        ("", RouteClass.OTHER),
    ],
)
def test_a_path_has_one_class(path: str, route: RouteClass) -> None:
    assert route_class(path) is route


async def test_answers_of_a_served_api_are_counted_by_class_and_end(api: Api) -> None:
    live, unknown = counted(RouteClass.HEALTH, Answered.OK), counted(RouteClass.OTHER, Answered.REFUSED)
    refused = counted(RouteClass.WEBHOOK, Answered.REFUSED)
    assert (await api.send("GET", "/health/live")).status == 200
    assert (await api.send("GET", "/no/such/place")).status == 404
    assert (await api.send("POST", "/v1/webhook/nobody/wrong", b"{}")).status in (401, 404)
    assert counted(RouteClass.HEALTH, Answered.OK) == live + 1
    assert counted(RouteClass.OTHER, Answered.REFUSED) == unknown + 1
    assert counted(RouteClass.WEBHOOK, Answered.REFUSED) == refused + 1


async def test_an_application_that_fails_is_an_error_and_still_fails() -> None:
    from marketbot.api.timing import timed

    async def broken(_scope: object, _receive: object, _send: object) -> None:
        raise RuntimeError("broken")

    before = counted(RouteClass.API, Answered.ERROR)
    with pytest.raises(RuntimeError):
        await timed(broken)({"type": "http", "path": "/v1/x"}, None, None)  # type: ignore[arg-type]
    assert counted(RouteClass.API, Answered.ERROR) == before + 1
