"""When a pool grows: for waiting that costs more than a handshake, and for connections that hang."""

from __future__ import annotations

import pytest

from marketbot.venues.wire.growth import TARGET_WAIT_S, ServiceTime, connections_wanted


@pytest.mark.parametrize(
    ("waiting", "in_flight", "service_s", "wanted"),
    [
        (100, 4, 0.002, 4),  # a near venue: 100 requests pass in 50 ms on four connections
        (100, 4, 0.1, 104),  # a far one: as many as there are requests, and the pool's bound cuts that
        (1, 0, 0.001, 1),
        (20, 8, 0.02, 8),
    ],
)
def test_connections_follow_the_wait(waiting: int, in_flight: int, service_s: float, wanted: int) -> None:
    assert connections_wanted(waiting=waiting, in_flight=in_flight, service_s=service_s, stalled=False) == wanted


def test_hanging_connections_are_gone_round() -> None:
    assert connections_wanted(waiting=3, in_flight=8, service_s=0.001, stalled=True) == 11


def test_the_estimate_believes_fast_answers_at_once_and_slow_ones_slowly() -> None:
    service = ServiceTime()
    service.answered(0.002)
    assert service.seconds == 0.002
    service.answered(2.0)
    assert service.seconds < TARGET_WAIT_S
    for _ in range(500):
        service.answered(0.2)
    assert service.seconds == pytest.approx(0.2, rel=0.01)
