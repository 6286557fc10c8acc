"""What is sent again, and what never is."""

from __future__ import annotations

import pytest

from marketbot_client import AnswerUnreadable, ApiProblem, Call, Unreachable
from marketbot_client.retries import ATTEMPTS_MAX, WAIT_MAX_S, wait_before_retry_s

READ: Call[object] = Call("GET", "/v1/me", {})
CHANGE: Call[object] = Call("PATCH", "/v1/accounts/{account_id}/settings", {})
COMMAND: Call[object] = Call("POST", "/v1/positions/close", {}, key="a key")

SENT = Unreachable("gone", sent=True)
NEVER_SENT = Unreachable("refused", sent=False)


def problem(status: int, reason: str, retry_after_s: int | None = None) -> ApiProblem:
    return ApiProblem(status, reason, "title", retry_after_s=retry_after_s)


@pytest.mark.parametrize("error", [SENT, problem(503, "STORE_UNAVAILABLE", 5), problem(500, "INTERNAL_ERROR")], ids=str)
def test_what_may_have_been_done_is_sent_again_only_where_twice_is_once(error: ApiProblem | Unreachable) -> None:
    assert wait_before_retry_s(READ, error, 1, 0) is not None
    assert wait_before_retry_s(COMMAND, error, 1, 0) is not None
    assert wait_before_retry_s(CHANGE, error, 1, 0) is None


@pytest.mark.parametrize("error", [NEVER_SENT, problem(429, "RATE_LIMIT_EXCEEDED", 3), problem(503, "OVERLOADED", 1)], ids=str)
def test_what_was_not_begun_is_sent_again_whatever_it_is(error: ApiProblem | Unreachable) -> None:
    assert [wait_before_retry_s(each, error, 1, 0) is None for each in (READ, COMMAND, CHANGE)] == [False] * 3


@pytest.mark.parametrize("reason", ["NOT_FOUND", "SCOPE_MISSING", "FIELD_INVALID", "KEY_LIMIT_REACHED"])
def test_a_refusal_stands(reason: str) -> None:
    assert wait_before_retry_s(READ, problem(422, reason), 1, 0) is None


def test_it_ends() -> None:
    waits = [wait_before_retry_s(READ, SENT, attempts, 0.5) for attempts in range(1, ATTEMPTS_MAX + 1)]
    assert waits == [0.375, 0.75, 1.5, None]


def test_it_waits_as_long_as_it_is_asked_to_and_no_longer_than_a_bound() -> None:
    assert wait_before_retry_s(READ, problem(429, "RATE_LIMIT_EXCEEDED", 7), 1, 0.9) == 7
    assert wait_before_retry_s(READ, problem(429, "RATE_LIMIT_EXCEEDED", int(WAIT_MAX_S) + 1), 1, 0) is None


def test_a_cut_answer_to_a_command_is_not_taken_for_nothing() -> None:
    unreadable = AnswerUnreadable("half of it")
    assert wait_before_retry_s(READ, unreadable, 1, 0) is not None
    assert wait_before_retry_s(CHANGE, unreadable, 1, 0) is None
