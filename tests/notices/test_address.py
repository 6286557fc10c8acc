"""Where a notice may go: https, public, and nothing that hides a private address."""

from __future__ import annotations

import ipaddress

import pytest

from marketbot.notices.address import MAX_URL_CHARS, Hook, HookInvalid, may_dial
from marketbot.notices.signing import make_secret, signature


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://hooks.example.com", "hooks.example.com", "/"),
        ("https://hooks.example.com:8443/a/b?c=d", "hooks.example.com:8443", "/a/b?c=d"),
        ("https://8.8.8.8/x", "8.8.8.8", "/x"),
        ("https://[2001:4860:4860::8888]:444/", "[2001:4860:4860::8888]:444", "/"),
    ],
)
def test_public_https_addresses_are_taken(url: str, authority: str, target: str) -> None:
    hook = Hook.parse(url)
    assert (hook.authority, hook.target) == (authority, target)
    assert "c=d" not in repr(hook)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "hooks.example.com",
        "https://",
        "https://user:pw@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX-Other: 1",
        "https://hooks.éxample.com/",
        "https://127.0.0.1/",
        "https://10.0.0.7/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.7]/",
        "https://hooks.example.com/" + "x" * MAX_URL_CHARS,
    ],
)
def test_everything_else_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(HookInvalid) as refused:
        Hook.parse(url)
    assert not url or url not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "2002:0a00:0001::1", "64:ff9b::10.0.0.1"),
    ],
)
def test_what_is_not_public_is_not_dialled(address: str) -> None:
    assert not may_dial(ipaddress.ip_address(address))


def test_loopback_is_dialled_only_where_it_was_allowed() -> None:
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert may_dial(ipaddress.ip_address(address), loopback=True)
    assert not may_dial(ipaddress.ip_address("10.0.0.1"), loopback=True)
    assert may_dial(ipaddress.ip_address("8.8.8.8"))
    assert Hook.parse("https://127.0.0.1:8443/", loopback=True).port == 8443


def test_the_signature_is_over_time_and_body() -> None:
    # Computed with openssl: printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test
    assert signature("whsec_test", 1_700_000_000, b"{}") == "v1=35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91"
    assert signature("whsec_test", 1_700_000_001, b"{}") != signature("whsec_test", 1_700_000_000, b"{}")
    assert make_secret() != make_secret()
