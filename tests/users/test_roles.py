"""Who may do what, row by row: the table of docs/SECURITY.md, written out by hand."""

from __future__ import annotations

import pytest

from marketbot.domain.role import ROLE_SCOPES, STAFF, Role
from marketbot.domain.scope import OPERATOR_SCOPES, USER_SCOPES, Scope, opened_by

MAY = {
    #                     admin, manager, operator, auditor, user
    Scope.ACCOUNTS_READ: (False, False, False, False, True),
    Scope.ACCOUNTS_WRITE: (False, False, False, False, True),
    Scope.ORDERS_READ: (False, False, False, False, True),
    Scope.SETTINGS_WRITE: (False, False, False, False, True),
    Scope.CLOSE_WRITE: (False, False, False, False, True),
    Scope.TOKENS_WRITE: (False, False, False, False, True),
    Scope.OPERATOR_READ: (True, True, True, True, False),
    Scope.OPERATOR_WRITE: (True, False, False, False, False),
    Scope.CONTROLS_WRITE: (True, True, True, False, False),
    Scope.JOBS_WRITE: (True, True, True, False, False),
    Scope.SIGNALS_WRITE: (True, True, True, False, False),
    Scope.USERS_WRITE: (True, True, False, False, False),
    Scope.POLICY_WRITE: (True, True, False, False, False),
    Scope.SOURCES_WRITE: (True, True, False, False, False),
    Scope.PEOPLE_WRITE: (True, False, False, False, False),
    Scope.KEYS_REVOKE: (True, False, False, False, False),
    Scope.AUDIT_READ: (True, True, False, True, False),
}
ROLES = (Role.ADMIN, Role.MANAGER, Role.OPERATOR, Role.AUDITOR, Role.USER)


@pytest.mark.parametrize("scope", list(Scope))
def test_each_scope_is_given_to_the_roles_of_the_table(scope: Scope) -> None:
    assert tuple(scope in ROLE_SCOPES[role] for role in ROLES) == MAY[scope]


def test_whoever_sees_other_peoples_rows_is_staff() -> None:
    assert {role for role in Role if ROLE_SCOPES[role] & OPERATOR_SCOPES} == STAFF


def test_a_writing_operators_token_opens_what_operators_may_and_nothing_of_users() -> None:
    assert opened_by(frozenset({Scope.OPERATOR_WRITE})) == OPERATOR_SCOPES - {Scope.OPERATOR_READ}
    assert opened_by(frozenset({Scope.OPERATOR_READ})) == {Scope.OPERATOR_READ}
    assert opened_by(USER_SCOPES) == USER_SCOPES
