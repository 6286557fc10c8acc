"""What a person may do here: five roles, each a set of scopes. The table is the whole rule; no route knows a role."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from marketbot.domain.scope import OPERATOR_SCOPES, USER_SCOPES, Scope


class Role(StrEnum):
    """Who somebody is to this installation; the schema holds the same words."""

    ADMIN = "admin"
    """Answers for the installation: everything that operators may, and who else may."""
    MANAGER = "manager"
    """Runs the business: users, policy, sources."""
    OPERATOR = "operator"
    """Watches the desk: stops and closes, retries, sends a test signal."""
    AUDITOR = "auditor"
    """Sees everything and changes nothing."""
    USER = "user"
    """Sees and changes what is theirs."""


_DESK = frozenset({Scope.OPERATOR_READ, Scope.CONTROLS_WRITE, Scope.JOBS_WRITE, Scope.SIGNALS_WRITE})

ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.ADMIN: OPERATOR_SCOPES,
    Role.MANAGER: _DESK | {Scope.USERS_WRITE, Scope.POLICY_WRITE, Scope.SOURCES_WRITE, Scope.AUDIT_READ},
    Role.OPERATOR: _DESK,
    Role.AUDITOR: frozenset({Scope.OPERATOR_READ, Scope.AUDIT_READ}),
    Role.USER: USER_SCOPES,
}

STAFF: frozenset[Role] = frozenset(Role) - {Role.USER}
"""Roles that see other people's rows: they must show a second factor."""
