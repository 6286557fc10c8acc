"""Every reason has its words, in both languages."""

from __future__ import annotations

import pytest

from marketbot.api.problems import _API_STATUS, _API_TEXT, _REFUSAL_STATUS, ApiReason
from marketbot.domain import reason_texts
from marketbot.domain.reason_texts import Text, became_text, reason_text
from marketbot.domain.reasons import DenialReason, Language, LapseReason, Reason, RefusalReason, RejectionReason

REASONS: list[Reason] = [*RefusalReason, *DenialReason, *LapseReason, *RejectionReason]
TEXTS = [
    text
    for table in (
        reason_texts.REFUSAL_TEXTS,
        reason_texts.DENIAL_TEXTS,
        reason_texts.LAPSE_TEXTS,
        reason_texts.REJECTION_TEXTS,
    )
    for text in table.values()
]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: f"{type(reason).__name__}.{reason}")
def test_no_reason_is_without_words(reason: Reason) -> None:
    english, portuguese = (reason_text(reason, language) for language in (Language.EN, Language.PT))
    assert english != portuguese
    assert english.endswith(".")
    assert portuguese.endswith(".")


def test_no_two_reasons_share_their_words() -> None:
    assert len(TEXTS) == len(REASONS)
    assert len({text.en for text in TEXTS}) == len(TEXTS) == len({text.pt for text in TEXTS})


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_for_people(text: Text) -> None:
    for spoken in text:
        assert spoken[0].isupper()
        assert "_" not in spoken
        assert len(spoken) < 160


def test_the_same_word_means_what_its_kind_says() -> None:
    denied = became_text("denied", "TRADING_HALTED", Language.EN)
    lapsed = became_text("lapsed", "TRADING_HALTED", Language.EN)
    assert denied
    assert lapsed
    assert denied != lapsed
    assert became_text("ordered", None, Language.EN) == became_text("denied", "NOT_A_REASON", Language.EN) == ""


def test_every_reason_has_its_status() -> None:
    assert set(_REFUSAL_STATUS) == set(RefusalReason)
    assert set(_API_STATUS) == set(_API_TEXT) == set(ApiReason)
    assert all(english != portuguese for english, portuguese in _API_TEXT.values())
