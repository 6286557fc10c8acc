"""Where personal data stands: every table, what an export tells of it, what is withheld and why, and what becomes of it at an erasure.

A test holds this against the schema: a new table or column is told of here, or the test fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from marketbot.store.personal_part import Fate, Nested, Owner, Part

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_OPENS = "it opens something; nobody is ever shown it"
_DELIVERY = "how the message goes out, not what it tells"

_OWN_ACCOUNTS = "SELECT a.account_id FROM account a WHERE a.user_id = $1"

PARTS: tuple[Part, ...] = (
    Part(
        "person",
        Owner.PERSON,
        (
            *(
                "person_id",
                "email",
                "name",
                "role",
                "user_id",
                "language",
                "time_zone",
                "email_confirmed_at",
                "password_changed_at",
            ),
            *("totp_confirmed_at", "failed_logins", "locked_until", "disabled_at", "erased_at", "created_at"),
        ),
        ("t.person_id",),
        (0,),
        Fate.PSEUDONYM,
        withheld={"password_hash": _OPENS, "totp_sealed": _OPENS, "totp_step": "a counter of codes"},
    ),
    Part(
        "login_session",
        Owner.PERSON,
        (
            *("session_id", "person_id", "created_at", "last_seen_at", "expires_at", "revoked_at", "address", "user_agent"),
            "second_factor_at",
        ),
        ("t.session_id",),
        (0,),
        Fate.GOES,
        withheld={"sha256": _OPENS},
    ),
    Part(
        "recovery_code",
        Owner.PERSON,
        ("person_id", "used_at"),
        ("t.sha256",),
        (b"",),
        Fate.GOES,
        withheld={"sha256": _OPENS},
    ),
    Part(
        "passkey",
        Owner.PERSON,
        ("passkey_id", "person_id", "name", "sign_count", "created_at", "last_used_at"),
        ("t.passkey_id",),
        (0,),
        Fate.GOES,
        withheld={"credential_id": "what the device knows it by", "public_key": "what its proofs are checked with"},
    ),
    Part(
        "one_time_link",
        Owner.PERSON,
        ("link_id", "kind", "person_id", "created_at", "expires_at", "used_at"),
        ("t.link_id",),
        (0,),
        Fate.GOES,
        withheld={"sha256": _OPENS},
    ),
    Part(
        "invitation",
        Owner.PERSON,
        ("invitation_id", "email", "role", "language", "created_at", "expires_at", "revoked_at", "accepted_at", "person_id"),
        ("t.invitation_id",),
        (0,),
        Fate.GOES,
        scope="t.person_id = $1 OR lower(t.email) = (SELECT lower(p.email) FROM person p WHERE p.person_id = $1)",
        withheld={"sha256": _OPENS, "invited_by": "who invited is somebody else"},
    ),
    Part(
        "erasure",
        Owner.PERSON,
        (
            *("erasure_id", "person_id", "user_id", "asked_by", "asked_at", "due_at", "forced", "canceled_at", "done_at"),
            *("positions", "orders", "tried_at"),
        ),
        ("t.erasure_id",),
        (0,),
        Fate.STAYS,
    ),
    Part(
        "app_user",
        Owner.USER,
        ("user_id", "name", "created_at", "disabled_at", "erased_at"),
        ("t.user_id",),
        (0,),
        Fate.PSEUDONYM,
    ),
    Part(
        "api_token",
        Owner.USER,
        ("token_id", "user_id", "name", "scopes", "prefix", "created_at", "expires_at", "revoked_at", "last_used_at"),
        ("t.token_id",),
        (0,),
        Fate.GOES,
        withheld={"sha256": _OPENS},
    ),
    Part(
        "account",
        Owner.USER,
        (
            *("account_id", "user_id", "label", "venue", "environment", "egress", "status", "status_reason", "status_code"),
            *("status_facts", "hedge_mode", "paused", "reduce_only", "leverage", "stop_multiplier", "target_multiplier"),
            *("position_size_pct", "max_positions", "cooldown_min", "daily_loss_limit", "allowed_symbols", "denied_symbols"),
            *("created_at", "changed_at", "disconnected_at"),
        ),
        ("t.account_id",),
        (0,),
        Fate.PSEUDONYM,
        withheld={
            "api_key_sealed": _OPENS,
            "api_secret_sealed": _OPENS,
            "api_passphrase_sealed": _OPENS,
            "api_key_fingerprint": "a digest by which a key that is connected twice is known",
        },
    ),
    Part(
        "account_reading",
        Owner.USER,
        ("account_id", "user_id", "wallet_balance", "available_balance", "read_at"),
        ("t.account_id",),
        (0,),
        Fate.GOES,
    ),
    Part(
        "leverage_setting",
        Owner.USER,
        ("account_id", "user_id", "symbol", "leverage", "set_at"),
        ("t.account_id", "t.symbol"),
        (0, ""),
        Fate.GOES,
    ),
    Part(
        "follow",
        Owner.USER,
        ("source_id", "account_id"),
        ("t.account_id", "t.source_id"),
        (0, 0),
        Fate.GOES,
        scope=f"t.account_id IN ({_OWN_ACCOUNTS})",
        more=("(SELECT s.name FROM source s WHERE s.source_id = t.source_id) AS source",),
    ),
    Part(
        "data_key",
        Owner.USER,
        ("key_id", "user_id", "created_at", "rewrapped_at", "retired_at"),
        ("t.key_id",),
        (0,),
        Fate.GOES,
        withheld={"wrapped": _OPENS, "kek_id": "which of the operator's keys wraps it"},
    ),
    Part(
        "key_box",
        Owner.USER,
        ("account_id", "user_id", "requested_at"),
        ("t.account_id",),
        (0,),
        Fate.GOES,
        withheld={
            "sealed": _OPENS,
            "box_key_id": "which of the engines' keys it is sealed to",
            "fingerprint": "a digest by which a key that is connected twice is known",
        },
    ),
    Part(
        "key_check",
        Owner.USER,
        ("account_id", "user_id", "asked_at", "checked_at", "code", "facts", "ip_restricted", "expires_at", "warned_days"),
        ("t.account_id",),
        (0,),
        Fate.GOES,
    ),
    Part(
        "notice_hook",
        Owner.USER,
        ("hook_id", "user_id", "host", "created_at"),
        ("t.hook_id",),
        (0,),
        Fate.GOES,
        withheld={"secret_sealed": _OPENS},
        opened={"url_sealed": "url"},
    ),
    Part(
        "notice_channel",
        Owner.USER,
        (
            *("channel_id", "user_id", "place", "kind", "name", "language", "minimum", "notices", "confirmed_at", "failed"),
            "created_at",
        ),
        ("t.channel_id",),
        (0,),
        Fate.GOES,
        withheld={
            "secret_sealed": _OPENS,
            "code_sha256": _OPENS,
            "code_until": _DELIVERY,
            "code_tries": _DELIVERY,
            "tat_us": _DELIVERY,
            "quiet_until": _DELIVERY,
        },
        opened={"target_sealed": "target"},
    ),
    Part(
        "notice_item",
        Owner.USER,
        ("item_id", "channel_id", "notice", "subject", "facts", "at"),
        ("t.item_id",),
        (0,),
        Fate.GOES,
        scope="t.channel_id IN (SELECT c.channel_id FROM notice_channel c WHERE c.user_id = $1)",
        withheld={"due_at": _DELIVERY, "held": _DELIVERY, "job_id": _DELIVERY},
    ),
    Part(
        "control_command",
        Owner.USER,
        (
            *("command_id", "kind", "scope", "key", "symbol", "state", "reason", "user_id", "accounts", "open_positions"),
            *("queued_chunks", "asked_at"),
        ),
        ("t.command_id",),
        (0,),
        Fate.PSEUDONYM,
    ),
    Part(
        "switch",
        Owner.USER,
        ("scope", "key", "state", "reason", "changed_at"),
        ("t.scope::text", "t.key"),
        ("", ""),
        Fate.PSEUDONYM,
        scope=(
            "t.scope = 'user' AND t.key = $1::bigint::text"
            " OR t.scope = 'account' AND t.key IN (SELECT a.account_id::text FROM account a WHERE a.user_id = $1)"
        ),
    ),
    Part(
        "position",
        Owner.ACCOUNT,
        (
            *("account_id", "symbol", "side", "user_id", "signal_id", "protection", "qty", "entry_price", "stop_price"),
            *("target_price", "opened_at", "protected_at", "closed_at", "closed_by", "realized_pnl", "changed_at"),
        ),
        ("t.symbol", "t.side::text"),
        ("", ""),
        Fate.STAYS,
    ),
    Part(
        "realized_result",
        Owner.ACCOUNT,
        ("account_id", "closed_at", "symbol", "side", "user_id", "signal_id", "result"),
        ("t.closed_at", "t.symbol", "t.side::text"),
        (_LONG_AGO, "", ""),
        Fate.STAYS,
    ),
    Part(
        "unconfirmed_order",
        Owner.ACCOUNT,
        ("account_id", "signal_id", "leg", "attempt", "user_id", "since"),
        ("t.signal_id", "t.leg::text", "t.attempt"),
        (0, "", 0),
        Fate.STAYS,
    ),
    Part(
        "intent",
        Owner.ACCOUNT,
        (
            *("signal_id", "account_id", "user_id", "lane", "state", "reason", "detail", "side", "qty", "leverage"),
            *("reference_price", "stop_price", "target_price", "planned_at"),
        ),
        ("t.signal_id",),
        (0,),
        Fate.STAYS,
        more=(
            """(SELECT jsonb_build_object('source', s.name, 'action', g.action, 'symbol', g.symbol, 'strong', g.strong,
                'price', g.price::text, 'received_at', g.received_at)
                FROM signal g JOIN source s USING (source_id) WHERE g.signal_id = t.signal_id) AS signal""",
        ),
        nested=(
            Nested(
                "outcome",
                "outcome",
                (
                    *("signal_id", "account_id", "user_id", "result", "reason", "detail", "claimed_ms", "sent_ms", "acked_ms"),
                    *("protected_ms", "attempts", "at"),
                ),
                "n.signal_id = t.signal_id AND n.account_id = t.account_id",
                "n.at",
            ),
        ),
    ),
    Part(
        "orders",
        Owner.ACCOUNT,
        (
            *("signal_id", "account_id", "leg", "attempt", "user_id", "client_order_id", "symbol", "side", "qty"),
            *("trigger_price", "created_at"),
        ),
        ("t.created_at", "t.signal_id", "t.leg::text", "t.attempt"),
        (_LONG_AGO, 0, "", 0),
        Fate.STAYS,
        nested=(
            Nested(
                "events",
                "order_event",
                (
                    *("signal_id", "account_id", "leg", "attempt", "seq", "user_id", "from_state", "state", "venue_order_id"),
                    *("filled_qty::text", "average_price::text", "reason", "code", "detail", "at"),
                ),
                "n.signal_id = t.signal_id AND n.account_id = t.account_id AND n.leg = t.leg AND n.attempt = t.attempt",
                "n.seq",
            ),
        ),
    ),
)

AUDIT_COLUMNS = ("entry_id", "at", "action", "actor_kind", "actor_id", "address", "subject_kind", "subject_id", "facts")
AUDIT_WITHHELD = {"hash": "the chain's, over what others did too"}
AUDIT_ADDRESS_WITHHELD = {"salt": "it is told with the address that it hides", "at": "the entry's own time"}

NOT_EXPORTED: Mapping[str, str] = MappingProxyType(
    {
        "backup_run": "about the installation",
        "box_key": "the engines' keys",
        "chunk": "a queue of account numbers; done ones go after a week, and what came of them is exported by intent and order",
        "control_ack": "which engine read a command",
        "idempotency_key": "digests of commands and what was answered, for a day; what the commands did is exported where it stands",
        "installation": "about the installation",
        "job": "a queue; what a job is about is exported where it stands, and done ones go after a week",
        "known_symbol": "what venues list",
        "market_standing": "how the installation's addresses stand at venues",
        "notice_look": "how far the notices have been looked for",
        "passkey_challenge": "random bytes, for three minutes",
        "policy": "about the installation",
        "price_bar": "prices, which are public",
        "process_sample": "what the installation's processes counted",
        "readiness_report": "about the installation",
        "refusal": "what strangers sent to a source; its address goes by itself",
        "restoration": "about the installation",
        "result_day": "sums of results, which are exported one by one",
        "schema_migration": "about the installation",
        "signal": "what a source said to everybody; it is told with each intent",
        "slot_handover": "how engines share accounts, by number, for as long as it is so",
        "slot_map": "how engines share accounts",
        "source": "where signals come from; its name is told with each intent",
        "user_wall": "about the installation",
        "worker": "the installation's processes",
    }
)
"""Tables that no export tells of, and why."""
