"""What messages say: complete in both languages, bounded, and plain whatever a label says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketbot.domain.notice import OPERATOR_NOTICES, SEVERITIES, USER_NOTICES, ChannelKind, Notice, Severity, Spoken
from marketbot.domain.notice_texts import WORDS, notice_text, number_text, time_text
from marketbot.notices.message import LIMITS, MAX_WEBHOOK_NOTICES, Item, message_text, title, webhook_document
from marketbot.store.pool import Pool, open_pool

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEXT_KINDS = [kind for kind in ChannelKind if kind is not ChannelKind.WEBHOOK]


def quarantined(label: str, reason: str = "The key was revoked.", at: datetime = AT) -> Item:
    return Item(Notice.ACCOUNT_QUARANTINED, at, {"label": label, "venue": "bybit", "reason": reason})


@pytest.mark.parametrize("spoken", Spoken)
@pytest.mark.parametrize("notice", Notice)
def test_every_notice_has_words_in_both_languages(notice: Notice, spoken: Spoken) -> None:
    assert notice_text(notice, {}, spoken)
    assert "{" not in notice_text(notice, {"reason": "r"}, spoken)
    assert notice_text(notice, {}, Spoken.EN) != notice_text(notice, {}, Spoken.PT_BR)


def test_every_word_is_there_in_both_languages() -> None:
    assert all(set(texts) == set(Spoken) for texts in WORDS.values())


def test_every_notice_is_grave_to_some_degree_and_the_unprotected_position_alone_is_critical() -> None:
    assert set(SEVERITIES) == set(Notice)
    assert [notice for notice, severity in SEVERITIES.items() if severity is Severity.CRITICAL] == [Notice.POSITION_UNPROTECTED]
    assert USER_NOTICES | OPERATOR_NOTICES | {Notice.TEST} == set(Notice)


async def test_the_schema_has_the_same_severities(database: str) -> None:
    pool: Pool = await open_pool(database, name="test", size=1)
    try:
        for notice, severity in SEVERITIES.items():
            assert await pool.fetchval("SELECT notice_severity_of($1)::text", notice.value) == severity.value
        assert await pool.fetchval("SELECT enum_range(NULL::notice_severity)::text[]") == [each.value for each in Severity]
    finally:
        await pool.close()


def test_numbers_and_times_are_the_readers() -> None:
    assert [number_text("-1234567.50", spoken) for spoken in (Spoken.EN, Spoken.PT_BR)] == ["-1,234,567.50", "-1.234.567,50"]
    assert [time_text(AT, spoken) for spoken in (Spoken.EN, Spoken.PT_BR)] == ["2026-01-02 03:04 UTC", "02/01/2026 03:04 UTC"]
    facts = {"label": "main", "venue": "bybit", "symbol": "BTCUSDT", "side": "long", "result": "-1250.75"}
    assert "comprada" in notice_text(Notice.POSITION_CLOSED, facts, Spoken.PT_BR)
    assert "-1.250,75" in notice_text(Notice.POSITION_CLOSED, facts, Spoken.PT_BR)
    denied = {"became": "denied", "reason": "MAX_POSITIONS", "label": "a", "venue": "bybit", "symbol": "X"}
    english, portuguese = (notice_text(Notice.ENTRY_NOT_MADE, denied, spoken) for spoken in (Spoken.EN, Spoken.PT_BR))
    assert "MAX_POSITIONS" not in english + portuguese
    assert english != portuguese


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_a_label_forges_no_second_line_and_is_not_endless(kind: ChannelKind) -> None:
    evil = "x\r\n2026-01-01 00:00 UTC: CRITICAL \u202egnp\x00" + "y" * 5_000
    text = message_text(kind, [quarantined(evil)], Spoken.EN, simulated=False)
    assert len(text.split("\n")) == 2
    assert text.isprintable() or set(text) - {"\n"} == {each for each in text if each.isprintable()}
    assert len(text) < 1_500


def test_discord_and_slack_are_said_nothing_that_is_markup() -> None:
    evil = "**bold** @everyone <@1> [a](https://evil.example) <https://evil.example|here> `x` https://evil.example & <b>"
    discord = message_text(ChannelKind.DISCORD, [quarantined(evil)], Spoken.EN, simulated=False)
    assert r"\*\*bold\*\* \@everyone \<\@1\> \[a\]\(https\:" in discord
    slack = message_text(ChannelKind.SLACK, [quarantined(evil)], Spoken.EN, simulated=False)
    assert "&lt;@1&gt;" in slack
    assert "<" not in slack
    assert "&amp; &lt;b&gt;" in slack


@pytest.mark.parametrize("kind", TEXT_KINDS)
@pytest.mark.parametrize("label", ["main", "*_`<&" * 30, "\U0001f4a5" * 90])
def test_a_digest_keeps_within_what_the_channel_takes_and_counts_the_rest(kind: ChannelKind, label: str) -> None:
    items = [quarantined(f"{label} {n}", at=AT + timedelta(seconds=n)) for n in range(499)]
    items.append(Item(Notice.POSITION_UNPROTECTED, AT, {"label": "worst", "symbol": "BTCUSDT"}))
    text = message_text(kind, items, Spoken.EN, simulated=True)
    assert len(text.encode("utf-16-le")) // 2 <= LIMITS[kind]
    lines = text.split("\n")
    assert "500 notices" in lines[0]
    assert "worst" in lines[1]
    told = len(lines) - 1
    last = lines[-1].replace("\\", "")
    if last.startswith("... and "):
        told += int(last.split()[2]) - 1
    assert told == 500


def test_practice_says_so() -> None:
    assert title([quarantined("a")], Spoken.PT_BR, simulated=True).startswith("[SIMULAÇÃO]")
    assert message_text(ChannelKind.TELEGRAM, [quarantined("a")], Spoken.EN, simulated=True).startswith("[SIMULATION]")
    document = webhook_document(7, [quarantined("a")] * (MAX_WEBHOOK_NOTICES + 3), Spoken.EN, simulated=True)
    assert (document["simulated"], len(document["notices"]), document["left_out"]) == (True, MAX_WEBHOOK_NOTICES, 3)


@pytest.mark.parametrize(
    "facts", [{"label": "{reason} {0} %s"}, {"label": None}, {"label": ["x"], "reason": {"a": 1}}, {"reason": "\ud800"}]
)
def test_odd_facts_make_no_message_fail(facts: dict[str, Any]) -> None:
    item = Item(Notice.ACCOUNT_QUARANTINED, AT, facts)
    for kind in TEXT_KINDS:
        assert message_text(kind, [item], Spoken.EN, simulated=False)
