"""What the operator reads of a signal: counts, and every account's outcome with its reason in words."""

from __future__ import annotations

from marketbot.domain.ids import AccountId, SignalId, UserId
from marketbot.store.pool import connect
from marketbot.store.signals import signal_accounts

from .conftest import Api

ROWS = """
INSERT INTO installation (tag, profile) VALUES ('abc123', 'simulation');
INSERT INTO app_user (name) VALUES ('ana'), ('bia');
INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint)
SELECT 1 + n % 2, 'account ' || n, 'bybit', 'mainnet', '', '', decode(lpad(to_hex(n), 8, '0'), 'hex') FROM generate_series(1, 6) n;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, detail, planned_at)
SELECT 1, n, 1 + n % 2, 1, 'denied', 'MAX_POSITIONS', '2 of 2', now() FROM generate_series(1, 2) n;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, qty, leverage, stop_price, target_price, planned_at)
SELECT 1, n, 1 + n % 2, 1, 'queued', 'long', 0.5, 5, 98, 103, now() FROM generate_series(3, 6) n;
INSERT INTO outcome (signal_id, account_id, user_id, result, reason, acked_ms, protected_ms, at) VALUES
(1, 3, 2, 'ordered', NULL, 40, 90, now()), (1, 4, 1, 'rejected', 'KEY_INVALID', NULL, NULL, now()),
(1, 5, 2, 'lapsed', 'EXECUTION_WINDOW_PASSED', NULL, NULL, now());
INSERT INTO orders (signal_id, account_id, leg, user_id, client_order_id, symbol, side, qty, created_at) VALUES
(1, 3, 'entry', 2, 'mb3e0', 'BTCUSDT', 'long', 0.5, now()), (1, 6, 'entry', 1, 'mb6e0', 'BTCUSDT', 'long', 0.5, now());
INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, filled_qty, average_price, at) VALUES
(1, 3, 'entry', 0, 1, 2, 'planned', 'submitted', NULL, NULL, now()),
(1, 3, 'entry', 0, 2, 2, 'submitted', 'filled', 0.5, 100.25, now()),
(1, 6, 'entry', 0, 1, 1, 'planned', 'submitted', NULL, NULL, now());
"""


async def furnished(api: Api) -> None:
    answer = await api.post(b'{"ticker":"BTCUSDT","signal":"SINAL LONG FORTE","close":"100"}')
    assert answer.json["signal_id"] == 1
    for statement in ROWS.split(";\n"):
        if statement.strip():
            await api.rows(statement)


async def test_a_signal_is_counted_by_outcome_and_reason(api: Api) -> None:
    await furnished(api)
    answer = await api.get("/v1/signals/1")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json["simulated"] is True
    signal = answer.json["signal"]
    assert (signal["source"], signal["action"], signal["symbol"], signal["price"]) == ("room", "open_long", "BTCUSDT", "100")
    counts = {name: signal[name] for name in ("planned", "pending", "ordered", "protected", "unconfirmed")}
    assert counts == {"planned": 6, "pending": 1, "ordered": 1, "protected": 1, "unconfirmed": 1}
    assert signal["denied"] == {"MAX_POSITIONS": 2}
    assert signal["rejected"] == {"KEY_INVALID": 1}
    assert signal["lapsed"] == {"EXECUTION_WINDOW_PASSED": 1}


async def test_every_accounts_outcome_a_page_at_a_time(api: Api) -> None:
    await furnished(api)
    first = (await api.get("/v1/signals/1/accounts?limit=4", accept_language="pt-BR")).json
    assert [entry["account"]["account_id"] for entry in first["accounts"]] == [1, 2, 3, 4]
    assert first["next_after"] == 4
    denied, ordered, rejected = (first["accounts"][index] for index in (0, 2, 3))
    assert denied["account"]["became"] == "denied"
    assert denied["text"].startswith("Você já tem o número máximo")
    assert rejected["text"].startswith("A corretora recusou a chave")
    (leg,) = ordered["account"]["legs"]
    assert (leg["leg"], leg["state"], leg["average_price"]) == ("entry", "filled", "100.25")
    last = (await api.get("/v1/signals/1/accounts?limit=4&after=4")).json
    assert [entry["account"]["became"] for entry in last["accounts"]] == ["lapsed", "pending"]
    assert last["next_after"] is None


async def test_what_is_not_there_and_what_cannot_be_asked(api: Api) -> None:
    assert (await api.get("/v1/signals/77")).json["reason"] == "NOT_FOUND"
    assert (await api.get("/v1/signals/0")).status == 404
    assert (await api.get("/v1/signals/99999999999999999999")).status == 404
    assert (await api.get("/v1/signals/x")).status == 404
    for number in ("0", "99999999999999999999", "x"):
        assert (await api.get(f"/v1/signals/{number}/accounts")).status == 404
    for query in ("limit=0", "limit=501", "limit=x", "after=-1", "limit=1e9", "after=99999999999999999999"):
        answer = await api.get(f"/v1/signals/1/accounts?{query}")
        assert (answer.status, answer.json["reason"]) == (400, "PARAMETER_INVALID")


async def test_one_users_page_holds_no_other_users_accounts(api: Api) -> None:
    await furnished(api)
    connection = await connect(api.database, name="test")
    try:
        page = await signal_accounts(connection, SignalId(1), AccountId(0), 100, user_id=UserId(2))
    finally:
        await connection.close()
    assert [account.account_id for account in page] == [1, 3, 5]
    assert {account.user_id for account in page} == {2}
