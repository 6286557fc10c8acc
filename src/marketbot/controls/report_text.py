"""The control report as Markdown, for whoever has to show that the controls exist and are used. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

_BREAKS = str.maketrans({"|": "\\|", "\n": " ", "\r": " ", "<": "&lt;", ">": "&gt;"})


def report_markdown(document: Mapping[str, Any]) -> str:
    """Return the report of ``store.control_report.ControlReport``, given as a mapping."""
    parts = [
        "# Market-access controls",
        f"From {_cell(document['since'])} until {_cell(document['until'])}.",
        "## Limits in force",
        "Checked before every entry, in the transaction that plans it; an entry without a live reference price is denied.",
        _table(("setting", "value"), ((name, _bound(value)) for name, value in document["limits"].items())),
        "## Kill switch",
        _switches(document["switches"]),
        _commands(document["commands"]),
        "## Changes of the limits",
        _entries(document["policy_changes"]),
        "## Access",
        _tokens(document["tokens"]),
        "## Failed logins",
        _entries(document["failed_logins"]),
        "## What was done, by kind",
        _counts("action", document["actions"]),
        "## Entries denied before trade, by reason",
        _counts("reason", document["denials"]),
        "## Deliveries refused at the door, by reason",
        _counts("reason", document["refusals"]),
        "## What was found",
        _counts("finding", document["findings"]),
    ]
    if document["cut"]:
        parts.append(f"There was more than is shown of: {', '.join(document['cut'])}. Take a shorter period.")
    return "\n\n".join(parts) + "\n"


def _switches(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "Nothing is halted now."
    cells = ((f"{row['scope']} {row['key']}", row["state"], row["changed_at"], row["reason"]) for row in rows)
    return _table(("set now", "state", "since", "reason"), cells)


def _commands(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "It was not used in this period."
    cells = (
        (
            row["command_id"],
            row["asked_at"],
            row["kind"],
            f"{row['scope']} {row['key']} {row['symbol'] or ''}",
            row["accounts"],
            row["open_positions"],
            "not yet" if row["result"]["took_ms"] is None else f"{row['result']['took_ms']} ms",
            row["result"].get("last_entry_sent_at"),
            row["reason"],
        )
        for row in rows
    )
    head = ("command", "at", "kind", "scope", "accounts", "positions", "took effect after", "last entry sent after it", "reason")
    return _table(head, cells)


def _tokens(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "There is no token."
    cells = (
        (
            row["token_id"],
            "operators" if row["user_id"] is None else f"user {row['user_id']}",
            " ".join(row["scopes"]),
            row["created_at"],
            row["expires_at"],
            row["revoked_at"],
            row["last_used_at"],
        )
        for row in rows
    )
    return _table(("token", "of", "opens", "made", "expires", "revoked", "last used"), cells)


def _entries(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "None."
    cells = (
        (
            row["entry_id"],
            row["at"],
            f"{row['actor_kind']} {'' if row['actor_id'] is None else row['actor_id']}",
            row["address"],
            ", ".join(f"{name}: {value}" for name, value in row["facts"].items() if value is not None),
        )
        for row in rows
    )
    return _table(("entry", "at", "by", "from", "what"), cells)


def _counts(noun: str, counts: Mapping[str, int]) -> str:
    return _table((noun, "count"), counts.items()) if counts else "None."


def _bound(value: object) -> object:
    if isinstance(value, Mapping):
        return f"{value['default']} (between {value['low']} and {value['high']})"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else value


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(_cell(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "" if value is None else str(value).strip().translate(_BREAKS)
