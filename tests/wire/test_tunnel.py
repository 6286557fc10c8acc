"""Leaving through a proxy: the venue's name is still verified, and what goes wrong on the way has sent nothing."""

import asyncio

import pytest

from marketbot.domain.egress import Egress, EgressKind
from marketbot.venues.wire import Endpoint, Stage, WireError, WireFailure

from .proxies import PASSWORD, USER, Proxy, running

REQUEST = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
KINDS = pytest.mark.parametrize("kind", ["http", "socks5"])


async def always_ok(peer):
    while True:
        await peer.request()
        await peer.write(OK)


async def fails(wire):
    with pytest.raises(WireError) as caught:
        await wire.send(REQUEST, timeout_s=3)
    return caught.value


@KINDS
@pytest.mark.parametrize("login", [False, True])
async def test_requests_go_through_one_tunnel_with_the_venues_tls(serve, make_wire, certificates, kind, login):
    venue = await serve(always_ok, ssl_context=certificates.server)
    async with running(Proxy(kind, login=login)) as proxy:
        egress = Egress.parse(proxy.spelled_with_login if login else proxy.spelled)
        wire = make_wire(Endpoint("https", "127.0.0.1", venue.port), ssl_context=certificates.client, egress=egress)
        for _ in range(3):
            assert (await wire.send(REQUEST, timeout_s=3)).body == b"ok"
        assert proxy.asked == [("127.0.0.1", venue.port)], "one tunnel, kept"
        assert proxy.passed[0][0] == 0x16, "what the proxy carries begins with a TLS handshake"
        assert len(venue.requests) == 3
        assert PASSWORD not in repr(wire)
        assert USER not in repr(wire)
        await wire.close()


@KINDS
async def test_the_venues_certificate_is_checked_behind_the_proxy(serve, make_wire, certificates, kind):
    venue = await serve(always_ok, ssl_context=certificates.server)
    async with running(Proxy(kind)) as proxy:
        # The certificate is 127.0.0.1's: the proxy leads there whatever it was asked for, and that must not be believed.
        wire = make_wire(
            Endpoint("https", "venue.example", venue.port), ssl_context=certificates.client, egress=Egress.parse(proxy.spelled)
        )
        error = await fails(wire)
        assert (error.stage, error.failure) == (Stage.NOT_SENT, WireFailure.TLS_REFUSED)
        assert proxy.asked == [("venue.example", venue.port)], "the name is resolved by the proxy"
        assert venue.requests == []
        await wire.close()


@KINDS
async def test_a_wrong_login_is_not_sent_and_not_told(serve, make_wire, kind):
    venue = await serve(always_ok)
    async with running(Proxy(kind, login=True)) as proxy:
        for spelled in (proxy.spelled, f"{kind}://someone:else-entirely@127.0.0.1:{proxy.port}"):
            wire = make_wire(venue, egress=Egress.parse(spelled))
            error = await fails(wire)
            assert (error.stage, error.failure) == (Stage.NOT_SENT, WireFailure.PROXY_REFUSED)
            assert "else-entirely" not in f"{error} {error.detail} {wire!r}"
        assert proxy.refused_logins == 2
    assert venue.requests == []


@pytest.mark.parametrize(("kind", "answer", "told"), [("http", 502, "502"), ("socks5", 5, "connection refused")])
async def test_a_proxy_that_finds_no_way_is_not_sent(serve, make_wire, kind, answer, told):
    venue = await serve(always_ok)
    async with running(Proxy(kind, refuse=answer)) as proxy:
        error = await fails(make_wire(venue, egress=Egress.parse(proxy.spelled)))
    assert (error.stage, error.failure) == (Stage.NOT_SENT, WireFailure.PROXY_REFUSED)
    assert told in error.detail


@KINDS
async def test_a_proxy_that_says_nothing_is_given_up_in_time(serve, make_wire, kind):
    venue = await serve(always_ok)
    async with running(Proxy(kind, mute=True)) as proxy:
        wire = make_wire(venue, egress=Egress.parse(proxy.spelled), connect_timeout_s=0.05)
        error = await fails(wire)
        assert (error.stage, error.failure) == (Stage.NOT_SENT, WireFailure.CONNECT_TIMEOUT)
        await wire.close()


@KINDS
async def test_bytes_behind_the_answer_are_never_taken_for_the_venues(serve, make_wire, kind):
    venue = await serve(always_ok)
    async with running(Proxy(kind, chatter=OK)) as proxy:
        error = await fails(make_wire(venue, egress=Egress.parse(proxy.spelled)))
    assert error.stage is Stage.NOT_SENT
    assert venue.requests == []


@KINDS
@pytest.mark.parametrize("answer", [b"", b"\x00\x00\x00\x00\x00", b"HTTP/1.1 nonsense\r\n\r\n", b"x" * 20_000, b"\x05\x07"])
async def test_a_proxy_that_talks_nonsense_is_not_sent(serve, make_wire, kind, answer):
    venue = await serve(always_ok)

    async def script(peer):
        await peer.reader.read(1)
        await peer.write(answer)

    nonsense = await serve(script)
    error = await fails(make_wire(venue, egress=Egress.parse(f"{kind}://127.0.0.1:{nonsense.port}")))
    assert (error.stage, error.failure) == (Stage.NOT_SENT, WireFailure.PROXY_REFUSED)
    assert venue.requests == []


@KINDS
async def test_a_proxy_that_is_not_there_is_not_sent(serve, make_wire, unused_tcp_port, kind):
    venue = await serve(always_ok)
    error = await fails(make_wire(venue, egress=Egress.parse(f"{kind}://127.0.0.1:{unused_tcp_port}")))
    assert (error.stage, error.failure) == (Stage.NOT_SENT, WireFailure.CONNECT_FAILED)


@KINDS
async def test_a_proxy_that_dies_with_a_request_on_the_way_leaves_it_open(serve, make_wire, kind):
    got = asyncio.Event()

    async def script(peer):
        await peer.request()
        got.set()
        await peer.reader.read()

    venue = await serve(script)
    async with running(Proxy(kind)) as proxy:
        wire = make_wire(venue, egress=Egress.parse(proxy.spelled))
        sending = asyncio.create_task(fails(wire))
        await asyncio.wait_for(got.wait(), 5)
    assert (await sending).stage is Stage.UNKNOWN


def test_what_is_shown_of_a_proxy_never_holds_its_login():
    egress = Egress.parse("socks5://way:p%40ss-word@198.51.100.1:1080")
    assert (egress.kind, egress.host, egress.port, egress.user, egress.password) == (
        EgressKind.SOCKS5_PROXY,
        "198.51.100.1",
        1080,
        "way",
        "p@ss-word",
    )
    assert "ss-word" not in f"{egress} {egress!r}"
    assert str(egress) == "socks5://198.51.100.1:1080"
    assert Egress.parse(egress.spelled) == egress
    assert Egress.parse("http://[2001:db8::1]:3128").spelled == "http://[2001:db8::1]:3128"
    assert Egress.parse("2001:DB8::1").spelled == "2001:db8::1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "https://198.51.100.1:1",
        "http://198.51.100.1",
        "http://:secret-word@198.51.100.1:1",
        "http://user@198.51.100.1:1",
        "http://u%3Aser:secret-word@198.51.100.1:1",
        "http://user:secret-word@198.51.100.1:1/path",
        "http://user:secret-word@198.51.100.1:99999",
        "socks4://user:secret-word@198.51.100.1:1",
        "http://user:secret-word%0d@198.51.100.1:1",
        "socks5://user:" + "secret-word" * 40 + "@198.51.100.1:1",
        "address://198.51.100.1:1",
    ],
)
def test_what_is_no_way_out_is_refused_without_being_quoted(text):
    with pytest.raises(ValueError) as caught:
        Egress.parse(text)
    assert "secret-word" not in str(caught.value)
