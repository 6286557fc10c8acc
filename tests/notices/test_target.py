"""Where a channel may lead."""

from __future__ import annotations

import pytest

from marketbot.domain.notice import ChannelKind
from marketbot.notices.address import HookInvalid
from marketbot.notices.target import masked_email, read_email, read_hook

DISCORD = "https://discord.com/api/webhooks/123456789012345678/abcdefghij_KLMNOPQRST-uv"
SLACK = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"


def test_incoming_webhooks_of_the_services_themselves() -> None:
    assert read_hook(ChannelKind.DISCORD, DISCORD).host == "discord.com"
    assert read_hook(ChannelKind.DISCORD, DISCORD.replace("discord.com", "discordapp.com")).host == "discordapp.com"
    assert read_hook(ChannelKind.SLACK, SLACK).host == "hooks.slack.com"


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (ChannelKind.DISCORD, SLACK),
        (ChannelKind.SLACK, DISCORD),
        (ChannelKind.DISCORD, DISCORD.replace("https", "http")),
        (ChannelKind.DISCORD, DISCORD.replace("discord.com", "discord.com.evil.example")),
        (ChannelKind.DISCORD, DISCORD.replace("discord.com", "evil-discord.com")),
        (ChannelKind.DISCORD, DISCORD.replace("discord.com", "discord.com:8443")),
        (ChannelKind.DISCORD, DISCORD.replace("discord.com", "discord.com@evil.example")),
        (ChannelKind.DISCORD, DISCORD.replace("/api/webhooks", "/api/webhooks/../../users")),
        (ChannelKind.DISCORD, DISCORD + "?wait=true"),
        (ChannelKind.DISCORD, DISCORD + "/slack"),
        (ChannelKind.DISCORD, DISCORD.replace("discord.com", "localhost:99")),
        (ChannelKind.SLACK, SLACK.replace("/services/", "/workflows/")),
        (ChannelKind.SLACK, SLACK.replace("hooks.slack.com", "127.0.0.1")),
        (ChannelKind.WEBHOOK, "https://10.0.0.1/x"),
    ],
)
def test_nothing_else(kind: ChannelKind, url: str) -> None:
    with pytest.raises(HookInvalid) as caught:
        read_hook(kind, url)
    assert "XXXXXXXX" not in str(caught.value)
    assert "KLMNOPQRST" not in str(caught.value)


def test_a_stand_in_on_this_machine_where_that_is_allowed() -> None:
    assert read_hook(ChannelKind.SLACK, SLACK.replace("hooks.slack.com", "localhost:8443"), loopback=True).port == 8443
    with pytest.raises(HookInvalid):
        read_hook(ChannelKind.SLACK, SLACK.replace("hooks.slack.com", "evil.example"), loopback=True)


def test_addresses_of_mailboxes() -> None:
    assert masked_email(read_email("ana.b@example.com")) == "a***@example.com"
    for wrong in ("", "ana", "a@b", "a b@example.com", "a@example.com\r\nBcc: x@example.com", "a@example.com,b@example.com",
                  "<a@example.com>", "a@exa..mple.com", "@example.com", "é@example.com", "a@" + "x" * 300 + ".com"):  # fmt: skip
        with pytest.raises(HookInvalid):
            read_email(wrong)
