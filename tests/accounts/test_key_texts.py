"""Every reason about a key in both languages, and no text says more than its facts."""

from __future__ import annotations

import pytest

from marketbot.accounts.venue_guide import VENUES, venue_guides
from marketbot.domain.key_reason import ADVICE, KEY_TEXTS, KeyReason, key_text, stored_text
from marketbot.domain.reasons import Language


@pytest.mark.parametrize("reason", list(KeyReason))
def test_a_reason_has_words_in_both_languages(reason: KeyReason) -> None:
    english, portuguese = (key_text(reason, {"code": "10010", "text": "Unmatched IP"}, language) for language in Language)
    assert english != portuguese
    for text in (english, portuguese):
        assert text.endswith((".", "!"))
        assert "{" not in text


def test_every_text_belongs_to_a_reason() -> None:
    assert set(KEY_TEXTS) == set(KeyReason)
    assert set(KeyReason) > ADVICE


def test_facts_that_are_missing_leave_no_holes() -> None:
    assert key_text(KeyReason.KEY_REFUSED, {"code": "33004", "text": ""}, Language.EN) == "The venue refuses the key (33004)."
    assert key_text(KeyReason.KEY_REFUSED, {"text": "expired"}, Language.EN) == "The venue refuses the key (expired)."
    assert key_text(KeyReason.KEY_REFUSED, {}, Language.EN) == "The venue refuses the key."


def test_what_was_stored_before_there_were_reasons_is_shown_as_it_is() -> None:
    assert stored_text(None, None, "Old words.", Language.PT) == "Old words."
    assert stored_text("A_REASON_OF_A_LATER_VERSION", {}, "Its words.", Language.PT) == "Its words."
    assert stored_text("KEY_EXPIRED", None, "English", Language.PT) == "A chave expirou. Crie outra e conecte-a."
    assert stored_text(None, None, None, Language.EN) is None


@pytest.mark.parametrize("language", list(Language))
def test_the_guides_tell_what_to_tick_and_what_not(language: Language) -> None:
    guides = venue_guides(language)
    assert [guide["venue"] for guide in guides] == [guide.venue for guide in VENUES]
    for guide in guides:
        assert guide["tick"]
        assert guide["leave_empty"]
        assert guide["notes"]
        assert guide["environments"][0] == "testnet"
