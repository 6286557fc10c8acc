"""One body, or query, that each address takes: what an attacker changes a word of.

An address that needs none, or whose own default will do, stands not here. One that is new and needs one fails
``test_a_foreign_number_is_none``, by name.
"""

from __future__ import annotations

from typing import Any

PASSWORD = "umas quantas palavras longas"
OTHER_PASSWORD = "um cavalo atravessa a ponte"
KEYS = {"api_key": "k" * 40, "api_secret": "s" * 40}
CREDENTIAL = {
    "id": "AAAA", "rawId": "AAAA", "type": "public-key", "clientExtensionResults": {},
    "response": {
        "clientDataJSON": "e30", "attestationObject": "oA", "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": "MQ",
        "transports": ["internal"],
    },
}  # fmt: skip
"""What a browser says of a passkey, in form; it proves nothing."""
ONCE = "6d0f0f7a-6d4c-4a7e-9a53-3f2d1c0b9a88"

JSON: dict[str, dict[str, Any]] = {
    "PATCH /v1/accounts/{account_id:int}/settings": {"leverage": 7},
    "PUT /v1/accounts/{account_id:int}/key": KEYS,
    "PUT /v1/accounts/{account_id:int}/follows": {"follows": []},
    "POST /v1/accounts": {"label": "another", "venue": "bybit", "environment": "testnet", **KEYS},
    "POST /v1/accounts/{account_id:int}/close": {},
    "POST /v1/positions/close": {"account_id": 1, "symbol": "BTCUSDT", "reason": "why"},
    "POST /v1/me/pause": {"paused": True},
    "POST /v1/tokens": {"name": "program", "scopes": ["orders:read"]},
    "PUT /v1/notices": {"url": "https://hooks.example/a/path"},
    "POST /v1/channels": {"kind": "webhook", "url": "https://hooks.example/a/path"},
    "PATCH /v1/channels/{channel_id:int}": {"language": "en"},
    "POST /v1/channels/{channel_id:int}/confirm": {"code": "ABCDEFGHJK"},
    "POST /v1/session": {"email": "nobody@club.example", "password": PASSWORD},
    "POST /v1/setup": {"token": "t" * 43, "email": "new@club.example", "name": "New", "password": PASSWORD},
    "POST /v1/invitations/look": {"token": "t" * 43},
    "POST /v1/invitations/accept": {"token": "t" * 43, "name": "New", "password": PASSWORD},
    "POST /v1/sign-up": {"email": "new@club.example", "language": "en"},
    "POST /v1/password/forgot": {"email": "nobody@club.example", "language": "en"},
    "POST /v1/password/reset": {"token": "t" * 43, "password": PASSWORD},
    "POST /v1/session/second-factor": {"code": "000000"},
    "POST /v1/session/totp/confirm": {"code": "000000"},
    "DELETE /v1/session/totp": {"password": PASSWORD, "code": "000000"},
    "POST /v1/session/recovery-codes": {"password": PASSWORD, "code": "000000"},
    "POST /v1/session/password": {"present": PASSWORD, "password": OTHER_PASSWORD},
    "PATCH /v1/session/profile": {"name": "Somebody", "language": "en", "time_zone": "UTC"},
    "POST /v1/session/passkey": {"credential": CREDENTIAL},
    "POST /v1/passkeys/begin": {"password": PASSWORD},
    "POST /v1/passkeys": {"credential": CREDENTIAL, "name": "Phone"},
    "PATCH /v1/passkeys/{passkey_id:int}": {"name": "Phone"},
    "POST /v1/me/export": {"password": PASSWORD},
    "POST /v1/me/erasure": {"password": PASSWORD, "code": "000000", "force": False},
    "POST /v1/erasure/keep": {"token": "t" * 43},
    "POST /v1/operator/people/{person_id:int}/erasure": {"force": False},
    "POST /v1/operator/users/{user_id:int}/erasure": {"force": False},
    "POST /v1/operator/users": {"name": "newcomer"},
    "PATCH /v1/operator/users/{user_id:int}": {"enabled": True},
    "POST /v1/operator/keys/revoke": {"scope": "account", "key": "1", "drill": True},
    "POST /v1/operator/tokens": {"user_id": 1, "name": "program", "scopes": ["orders:read"]},
    "POST /v1/operator/controls/preview": {"scope": "account", "key": "1", "symbol": "BTCUSDT"},
    "POST /v1/operator/controls/halt": {"scope": "account", "key": "1", "state": "halted", "reason": "why"},
    "POST /v1/operator/controls/resume": {"scope": "account", "key": "1", "reason": "why"},
    "POST /v1/operator/controls/close": {"scope": "account", "key": "1", "symbol": "BTCUSDT", "reason": "why"},
    "PATCH /v1/operator/policy": {"leverage": 4},
    "POST /v1/operator/sources": {"name": "another-room", "kind": "webhook", "signals_per_hour": 300},
    "PATCH /v1/operator/sources/{source_id:int}": {"signals_per_hour": 200},
    "POST /v1/operator/signals/test": {"source": "shared", "body": '{"symbol": "BTCUSDT", "action": "buy"}'},
    "PATCH /v1/operator/people/{person_id:int}": {"unlocked": True},
    "POST /v1/operator/invitations": {"email": "new@club.example", "role": "user", "language": "en"},
    "POST /v1/operator/channels": {"kind": "webhook", "url": "https://hooks.example/a/path"},
    "PATCH /v1/operator/channels/{channel_id:int}": {"language": "en"},
    "POST /v1/operator/channels/{channel_id:int}/confirm": {"code": "ABCDEFGHJK"},
}
FORMS: dict[str, dict[str, str]] = {
    "POST /accounts/connect": {
        "label": "another",
        "venue": "bybit",
        "environment": "testnet",
        "exchange": "",
        "real": "",
        "follow:shared": "true",
        **KEYS,
    },
    "POST /accounts/{account_id:int}/key": KEYS,
    "POST /accounts/{account_id:int}/disconnect": {"force": "false"},
    "POST /accounts/{account_id:int}/follows": {"follow:shared": "true"},
    "POST /close": {"account": "1", "symbol": "BTCUSDT"},
    "POST /profile/channels": {"kind": "webhook", "url": "https://hooks.example/a/path", "minimum": "warning", "language": "en"},
    "POST /profile/channels/{channel_id:int}": {"act": "change", "language": "en"},
    "POST /operator/channels": {
        "kind": "webhook",
        "url": "https://hooks.example/a/path",
        "notice:position_unprotected": "true",
        "language": "en",
    },
    "POST /operator/channels/{channel_id:int}": {"act": "change", "language": "en"},
    "POST /profile/tokens": {"name": "program", "scope:orders:read": "true", "days": "30"},
    "POST /profile/tokens/revoke": {"token": "1"},
    "POST /profile/passkeys/name": {"passkey": "1", "name": "Phone"},
    "POST /profile/passkeys/remove": {"passkey": "1"},
    "POST /profile/privacy/export": {"present": PASSWORD},
    "POST /profile/privacy/erase": {"password": PASSWORD, "code": "000000", "force": "no"},
    "POST /keep": {"token": "t" * 43},
    "POST /operator/privacy": {"email": "rui@club.example", "force": "no"},
    "POST /operator/privacy/keep": {"erasure": "1"},
    "POST /operator/users/{user_id:int}": {"enabled": "true"},
    "POST /operator/controls": {
        "deed": "close",
        "scope": "account",
        "key": "1",
        "symbol": "BTCUSDT",
        "reason": "why",
        "word": "",
        "once": ONCE,
    },
    "POST /accounts/{account_id:int}": {"leverage": "7", "paused": "true", "allowed_symbols": "BTCUSDT"},
    "POST /home/pause": {"account": "1", "paused": "true"},
    "POST /login": {"email": "nobody@club.example", "password": PASSWORD, "next": "/accounts"},
    "POST /preferences": {"language": "pt", "theme": "dark", "next": "/login"},
    "POST /setup": {"token": "t" * 43, "email": "new@club.example", "name": "New", "password": PASSWORD, "again": PASSWORD},
    "POST /invitation": {"token": "t" * 43, "name": "New", "password": PASSWORD, "again": PASSWORD},
    "POST /forgot": {"email": "nobody@club.example"},
    "POST /sign-up": {"email": "new@club.example"},
    "POST /reset": {"token": "t" * 43, "password": PASSWORD, "again": PASSWORD},
    "POST /profile": {"name": "Somebody", "language": "en", "zone": "UTC"},
    "POST /profile/password": {"present": PASSWORD, "password": OTHER_PASSWORD, "again": OTHER_PASSWORD},
    "POST /profile/sessions": {"session": "1"},
    "POST /second-factor": {"code": "000000"},
    "POST /second-factor/confirm": {"code": "000000", "secret": "JBSWY3DPEHPK3PXP"},
    "POST /second-factor/codes": {"present": PASSWORD, "code": "000000"},
    "POST /second-factor/end": {"present": PASSWORD, "code": "000000"},
    "POST /operator/people/invitations": {"email": "new@club.example", "role": "user", "language": "en"},
    "POST /operator/people/{person_id:int}": {"unlocked": "true"},
    "POST /operator/policy": {"leverage": "4"},
    "POST /operator/sources": {"name": "another-room", "kind": "webhook", "signals_per_hour": "300"},
    "POST /operator/sources/{source_id:int}": {"enabled": "true", "signals_per_hour": "200"},
    "POST /operator/sources/test": {"source": "shared", "action": "buy", "symbol": "BTCUSDT", "body": ""},
    "POST /operator/tokens": {"name": "program", "rights": "read", "life": "30"},
}
QUERIES = {"GET /operator/controls/preview": "?deed=close&scope=account&key=1&symbol=BTCUSDT"}
"""The same for what is read; the others answer without any."""
