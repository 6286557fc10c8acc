"""What requests may hold. The handlers read them field by field, and say of each what is wrong; here is the same, as types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from marketbot.accounts.records import MAX_KEY_CHARS, MAX_LIST_ITEMS, MAX_NAME_CHARS, MIN_KEY_CHARS
from marketbot.accounts.revoking import RevokeScope
from marketbot.accounts.settings import MAX_SYMBOLS
from marketbot.api.channel_changes import MAX_CODE_CHARS
from marketbot.api.contract.schema import Maybe, Rule
from marketbot.api.fields import MAX_PERSON_NAME_CHARS, MAX_SECRET_CHARS
from marketbot.api.paging import MAX_ID
from marketbot.api.source_wishes import HOURLY_MAX, MAX_NETWORKS
from marketbot.domain.notice import ChannelKind, Notice, Severity, Spoken
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.domain.scope import Scope as Right
from marketbot.domain.trading_state import Scope
from marketbot.people.email_address import MAX_EMAIL_CHARS

NUMBER = {"type": ["number", "string"], "examples": ["1.5"]}
"""Decimals may be JSON numbers or texts; neither passes through a float."""
OPEN_NUMBER = {"type": ["number", "string", "null"], "examples": ["1.5"]}

Id = Annotated[int, Rule({"minimum": 1, "maximum": MAX_ID})]
Name = Annotated[str, Rule({"minLength": 1, "maxLength": MAX_NAME_CHARS})]
PersonName = Annotated[str, Rule({"minLength": 1, "maxLength": MAX_PERSON_NAME_CHARS})]
Secret = Annotated[str, Rule({"minLength": 1, "maxLength": MAX_SECRET_CHARS})]
Code = Annotated[str, Rule({"minLength": 1, "maxLength": MAX_CODE_CHARS})]
Email = Annotated[str, Rule({"minLength": 3, "maxLength": MAX_EMAIL_CHARS})]
ApiKey = Annotated[str, Rule({"minLength": MIN_KEY_CHARS, "maxLength": MAX_KEY_CHARS})]
Venue = Annotated[str, Rule({"description": "`binance`, `bybit` or `ccxt:` and the exchange's name.", "examples": ["bybit"]})]
Environment = Annotated[
    str | None, Rule({"description": "`testnet`, which it is unless given, or `mainnet`: real money.", "examples": ["testnet"]})
]
Passphrase = Annotated[
    str | None, Rule({"maxLength": MAX_KEY_CHARS, "description": "Of `ccxt:` venues alone.", "examples": [None]})
]
Follows = Annotated[
    list[str] | str | None,
    Rule({"description": f"Names of at most {MAX_LIST_ITEMS} sources; a list, or a text of them.", "examples": [["momentum"]]}),
]
OpenWhole = Annotated[Any, Rule(OPEN_NUMBER | {"examples": [5]}, whole=True)]
OpenNumber = Annotated[Any, Rule(OPEN_NUMBER, whole=True)]
Symbols = Annotated[list[str] | None, Rule({"maxItems": MAX_SYMBOLS, "examples": [["BTCUSDT", "ETHUSDT"]]})]
Text = Annotated[str, Rule({"examples": ["the venue is late"]})]
Key = Annotated[
    str | int, Rule({"description": "Which one: `mainnet`, `binance`, `BTCUSDT`, a number.", "examples": ["binance"]})
]
Symbol = Annotated[str, Rule({"examples": ["BTCUSDT"]})]
Until = Annotated[
    datetime | None,
    Rule(
        {"description": "When it ends, ISO 8601 with an offset; null: when it is revoked.", "examples": ["2027-03-01T12:00:00Z"]}
    ),
]
Hourly = Annotated[int, Rule({"minimum": 1, "maximum": HOURLY_MAX, "examples": [300]})]
SourceName = Annotated[str, Rule({"pattern": "^[a-z0-9][a-z0-9_-]{0,62}$", "examples": ["momentum"]})]
ChannelLanguage = Annotated[Spoken | None, Rule({"description": "Unset: the caller's."})]
Minimum = Annotated[Severity | None, Rule({"description": "The least grave that is told."})]
Notices = Annotated[
    list[Notice] | None,
    Rule({"minItems": 1, "description": "Those that are told; null: all.", "examples": [["position_closed"]]}),
]


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to connect; its key may read and trade, and not withdraw."""

    label: Name
    venue: Venue
    api_key: ApiKey
    api_secret: ApiKey
    environment: Maybe[Environment]
    passphrase: Maybe[Passphrase]
    follows: Maybe[Follows]


@dataclass(frozen=True, slots=True)
class NewKey:
    """Another key for an account there is."""

    api_key: ApiKey
    api_secret: ApiKey
    passphrase: Maybe[Passphrase]


@dataclass(frozen=True, slots=True)
class FollowsChange:
    """The sources that an account is to follow: all that are named, and no others."""

    follows: Follows


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What is to be different; null takes a wish back, and the operator's default counts again."""

    paused: Maybe[bool]
    reduce_only: Maybe[bool]
    leverage: Maybe[OpenWhole]
    stop_multiplier: Maybe[OpenNumber]
    target_multiplier: Maybe[OpenNumber]
    position_size_pct: Maybe[OpenNumber]
    max_positions: Maybe[OpenWhole]
    cooldown_min: Maybe[OpenWhole]
    daily_loss_limit: Maybe[OpenNumber]
    allowed_symbols: Maybe[Symbols]
    denied_symbols: Maybe[Symbols]


@dataclass(frozen=True, slots=True)
class NewToken:
    name: Name
    scopes: Annotated[list[Right], Rule({"minItems": 1, "examples": [["accounts:read", "orders:read"]]})]
    expires_at: Maybe[Until]


@dataclass(frozen=True, slots=True)
class NewAnyToken:
    """A token for a user, or for operators where ``user_id`` is null or missing."""

    name: Name
    scopes: Annotated[list[Right], Rule({"minItems": 1, "examples": [["operator:read"]]})]
    expires_at: Maybe[Until]
    user_id: Maybe[Id | None]


@dataclass(frozen=True, slots=True)
class NewHook:
    url: Annotated[str, Rule({"description": "An https address on the public internet."})]


@dataclass(frozen=True, slots=True)
class NewChannel:
    """``url`` for a webhook, Discord and Slack, ``address`` for e-mail, neither for Telegram."""

    kind: Annotated[ChannelKind, Rule({"examples": ["discord"]})]
    url: Maybe[Annotated[str, Rule({"examples": ["https://discord.com/api/webhooks/1/a"]})]]
    address: Maybe[Annotated[str, Rule({"description": "An e-mail address.", "examples": ["ana@example.com"]})]]
    language: Maybe[ChannelLanguage]
    minimum: Maybe[Minimum]
    notices: Maybe[Notices]


@dataclass(frozen=True, slots=True)
class ChannelChange:
    KEYWORDS: ClassVar = {"minProperties": 1}

    language: Maybe[ChannelLanguage]
    minimum: Maybe[Minimum]
    notices: Maybe[Notices]


@dataclass(frozen=True, slots=True)
class ShownCode:
    code: Code


@dataclass(frozen=True, slots=True)
class Pause:
    paused: Maybe[Annotated[bool, Rule({"default": True})]]


@dataclass(frozen=True, slots=True)
class PositionsClose:
    """Nothing named: everything that the user holds."""

    account_id: Maybe[Annotated[int | None, Rule({"examples": [7]})]]
    symbol: Maybe[Annotated[str | None, Rule({"examples": ["BTCUSDT"]})]]
    reason: Maybe[Text]


@dataclass(frozen=True, slots=True)
class ControlPreview:
    scope: Scope
    key: Maybe[Key]
    symbol: Maybe[Symbol]


@dataclass(frozen=True, slots=True)
class Halt:
    scope: Scope
    key: Maybe[Key]
    state: Maybe[Annotated[Literal["halted", "reducing"], Rule({"default": "halted"})]]
    reason: Maybe[Text]


@dataclass(frozen=True, slots=True)
class Resume:
    scope: Scope
    key: Maybe[Key]
    reason: Maybe[Text]


@dataclass(frozen=True, slots=True)
class ScopeClose:
    scope: Scope
    key: Maybe[Key]
    symbol: Maybe[Symbol]
    reason: Maybe[Text]


Bound = Annotated[
    Any,
    Rule(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {"default": NUMBER, "low": NUMBER, "high": NUMBER},
            "description": "A default and the range that a user's wish is moved into; single parts may be given.",
            "examples": [{"high": "8"}],
        },
        whole=True,
    ),
]
Amount = Annotated[Any, Rule(NUMBER | {"examples": ["50000"]}, whole=True)]


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What is to be different, all of it or nothing."""

    KEYWORDS: ClassVar = {"minProperties": 1}

    leverage: Maybe[Bound]
    stop_multiplier: Maybe[Bound]
    target_multiplier: Maybe[Bound]
    position_size_pct: Maybe[Bound]
    max_positions: Maybe[Bound]
    cooldown_min: Maybe[Bound]
    validation_window_s: Maybe[Annotated[Any, Rule(NUMBER | {"examples": [30]}, whole=True)]]
    execution_window_s: Maybe[Annotated[Any, Rule(NUMBER | {"examples": [120]}, whole=True)]]
    operations_per_minute: Maybe[Annotated[Any, Rule(NUMBER | {"examples": [10]}, whole=True)]]
    price_collar_pct: Maybe[Annotated[Any, Rule(NUMBER | {"examples": ["5"]}, whole=True)]]
    reference_max_age_s: Maybe[Annotated[Any, Rule(NUMBER | {"examples": [10]}, whole=True)]]
    max_order_notional: Maybe[Amount]
    max_account_notional: Maybe[Amount]
    restricted_symbols: Maybe[Annotated[list[str], Rule({"examples": [["LUNAUSDT"]]})]]


@dataclass(frozen=True, slots=True)
class NewSource:
    name: SourceName
    kind: Maybe[Annotated[Literal["webhook", "program"], Rule({"default": "webhook"})]]
    signals_per_hour: Maybe[Hourly]


@dataclass(frozen=True, slots=True)
class SourceChange:
    """At least one of them."""

    KEYWORDS: ClassVar = {"minProperties": 1}

    enabled: Maybe[bool]
    signals_per_hour: Maybe[Hourly]
    allowed_addresses: Maybe[Annotated[list[str], Rule({"maxItems": MAX_NETWORKS, "examples": [["203.0.113.0/24"]]})]]
    chart_interval: Maybe[str | None]


@dataclass(frozen=True, slots=True)
class TestSignal:
    source: SourceName
    body: str


@dataclass(frozen=True, slots=True)
class NewUser:
    name: Name


@dataclass(frozen=True, slots=True)
class UserChange:
    enabled: bool


@dataclass(frozen=True, slots=True)
class KeysRevocation:
    """Nothing is a default: a drill says so."""

    scope: Annotated[RevokeScope, Rule({"examples": ["user"]})]
    drill: bool
    key: Maybe[Id | None]


@dataclass(frozen=True, slots=True)
class PersonChange:
    """All of it or nothing."""

    role: Maybe[Role]
    disabled: Maybe[bool | None]
    without_second_factor: Maybe[bool | None]
    unlocked: Maybe[bool | None]


@dataclass(frozen=True, slots=True)
class NewInvitation:
    email: Email
    role: Role
    language: Maybe[Locale]


@dataclass(frozen=True, slots=True)
class LogIn:
    email: str
    password: Secret


@dataclass(frozen=True, slots=True)
class SecondFactorCode:
    code: Secret


@dataclass(frozen=True, slots=True)
class Confirmation:
    password: Secret
    code: Secret


@dataclass(frozen=True, slots=True)
class PasswordChange:
    present: Secret
    password: Secret


TimeZone = Annotated[str, Rule({"description": "A name of the IANA database."})]


@dataclass(frozen=True, slots=True)
class ProfileChange:
    name: Maybe[PersonName]
    language: Maybe[Locale]
    time_zone: Maybe[TimeZone]


@dataclass(frozen=True, slots=True)
class SetUp:
    token: Secret
    email: Email
    name: PersonName
    password: Secret
    language: Maybe[Locale]
    time_zone: Maybe[TimeZone]


@dataclass(frozen=True, slots=True)
class LinkToken:
    token: Secret


@dataclass(frozen=True, slots=True)
class Acceptance:
    token: Secret
    name: PersonName
    password: Secret
    language: Maybe[Locale]
    time_zone: Maybe[TimeZone]


@dataclass(frozen=True, slots=True)
class MailWanted:
    email: Email
    language: Maybe[Locale]


@dataclass(frozen=True, slots=True)
class PasswordReset:
    token: Secret
    password: Secret
