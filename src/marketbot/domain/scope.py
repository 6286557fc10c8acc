"""What a token opens. A user's token opens rows of its user and no others, whatever its scopes; an operator's opens everybody's."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One right; the schema holds the same words."""

    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    ORDERS_READ = "orders:read"
    SETTINGS_WRITE = "settings:write"
    CLOSE_WRITE = "close:write"
    TOKENS_WRITE = "tokens:write"
    OPERATOR_READ = "operator:read"
    OPERATOR_WRITE = "operator:write"
    """Of a token: every other scope of operators that writes, and the audit trail. Of a person: what has no scope of its own."""
    CONTROLS_WRITE = "controls:write"
    JOBS_WRITE = "jobs:write"
    SIGNALS_WRITE = "signals:write"
    USERS_WRITE = "users:write"
    POLICY_WRITE = "policy:write"
    SOURCES_WRITE = "sources:write"
    PEOPLE_WRITE = "people:write"
    KEYS_REVOKE = "keys:revoke"
    AUDIT_READ = "audit:read"


USER_SCOPES: frozenset[Scope] = frozenset(
    {
        Scope.ACCOUNTS_READ,
        Scope.ACCOUNTS_WRITE,
        Scope.ORDERS_READ,
        Scope.SETTINGS_WRITE,
        Scope.CLOSE_WRITE,
        Scope.TOKENS_WRITE,
    }
)
OPERATOR_SCOPES: frozenset[Scope] = frozenset(Scope) - USER_SCOPES
OPERATOR_TOKEN_SCOPES: frozenset[Scope] = frozenset({Scope.OPERATOR_READ, Scope.OPERATOR_WRITE})
"""What an operator's token may be given; the finer scopes are people's."""
READING_SCOPES: frozenset[Scope] = frozenset({Scope.ACCOUNTS_READ, Scope.ORDERS_READ})
"""What a user's token opens when nobody says more: it can look and change nothing."""


def opened_by(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """Return what these scopes open: ``operator:write`` stands for everything that operators may change."""
    return scopes | (OPERATOR_SCOPES - {Scope.OPERATOR_READ}) if Scope.OPERATOR_WRITE in scopes else scopes


def read_scopes(texts: object, allowed: frozenset[Scope]) -> frozenset[Scope] | None:
    """Return the scopes that a list of texts names; None when it is no such list, or one of them is not ``allowed``."""
    if not isinstance(texts, list | tuple) or not 0 < len(texts) <= len(Scope):
        return None
    known = {scope.value: scope for scope in allowed}
    if not all(isinstance(text, str) and text in known for text in texts):
        return None
    return frozenset(known[text] for text in texts)
