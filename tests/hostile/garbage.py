"""What fuzzing draws from: texts, numbers and documents that break careless readers, and requests made of them byte by byte."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_from_bytes

from hypothesis import strategies as st

from .addresses import Address
from .siege import FORM, HTML, Caller, body_of

TEXTS = (
    "", " ", "\x00", "a\x00b", "\u202e", "\ufeff", "\u2028", "\x7f", "\x85", "ſ", "İ", "９", "٣", "-0", "NaN", "1e400", "1E-400",
    "Infinity", "1E999999999", "0x1F", "1_000", "1,5", "1.5.1", "9" * 400, "null", "true", "' OR '1'='1", "1; DROP TABLE account; --",
    "%s%n{0}{x!r}", "{{7*7}}", "${jndi:x}",
    "<script>alert(1)</script>", '"><img src=x>', "=1+1", "\r\nSet-Cookie: planted=1", "../../../etc/passwd",
    "//evil.example", "javascript:alert(1)", "A" * 300, "B" * 5_000, "🦆" * 100, "a@b.example", "\\", "%", "%00", "%ff",
)  # fmt: skip
RAW_VALUES = (
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1E999999999", b"-1E-999999999", b"1e-400", b"-0.0", b"0.1e1", b"1" * 400,
    b"9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"1.0", b"5e0", b"1" * 5_000, b"true", b"null", b"[]",
    b"{}", b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000"', b'"\\u202e"', b'{"a":1,"a":2}', b"[" * 400 + b"]" * 400,
    b'{"a":' * 400 + b"1" + b"}" * 400, b'[["\\ud800"]]', b'"' + b"x" * 6_000 + b'"', b"01", b"+1", b".5", b"'x'", b"undefined", b"\xff",
    b'"\xc3\x28"', b'"\xed\xa0\x80"', b"[1,]", b'[null,1,"x",{}]', b'["BTCUSDT","BTCUSDT"]', b'{"$ne":null}', b'{"__class__":1}',
)  # fmt: skip
WHOLE_BODIES = (
    b"", b" ", b"\x00", b"null", b"[]", b"1", b'"x"', b"{", b"{}", b"{]", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"{}{}",
    b"[" * 8_000, b'{"a":' * 2_000, b'{"":1}', b'{"\\ud800":1}', b'{"a":1,"\\u0061":2}', b"<xml/>", b"a=1&b=2", b"a=1&a=2",
    b"&".join(b"f%d=1" % n for n in range(70)), b"%", b"%zz=%ff", b"csrf=%00", b"=", b"&&&", b"x" * 20_000,
)  # fmt: skip
QUERY_NAMES = (
    "limit", "after", "q", "status", "environment", "venue", "order", "format", "part", "closed", "force", "since", "until", "next",
    "action", "actor_kind", "actor_id", "subject_kind", "subject_id", "account", "symbol", "page", "user_id", "token", "_method", "lang",
    "",
)  # fmt: skip
MEDIA_TYPES = (
    "application/json", FORM, "text/plain", "application/json; charset=utf-16", "application/JSON;charset=utf-8",
    "multipart/form-data; boundary=x", "multipart/form-data", "application/x-msgpack", "application/xml", "", "*/*",
    "application/json, text/html", ";;;", "a" * 2_000,
)  # fmt: skip
HEADERS: dict[str, tuple[str, ...]] = {
    "accept": ("", "*/*", "text/html", "application/json;q=0", "text/html;q=x", "," * 500, "image/png", "a" * 3_000),
    "accept-language": (
        "",
        "pt-BR",
        "en;q=0,pt;q=1",
        "xx",
        "pt;q=9999999999",
        "en;q=0.0.0",
        "," * 500,
        "ÿþ",
        "pt_BR.UTF-8",
        "p" * 3_000,
    ),
    "accept-encoding": ("gzip;q=0", "br", "identity;q=0, *;q=0", "x" * 500),
    "authorization": (
        "",
        "Bearer",
        "Bearer ",
        "Bearer \xff",
        "bearer mbu_" + "A" * 43,
        "Bearer mbu_" + "A" * 3_000,
        "Basic eDp5",
        "Bearer a b c",
        "Digest x",
    ),
    "last-event-id": ("", "0", "-1", "9" * 400, "1e9", "x", "\xb2", "1790000000123456"),
    "idempotency-key": ("", '"', '""', "k" * 255, "k" * 256, "\xff", '"a" "b"', "a;b=c", "key-1"),
    "x-forwarded-for": (
        "",
        "1.2.3.4",
        "unknown",
        "::1",
        "1.2.3.4, 127.0.0.1, x",
        ",".join(["9.9.9.9"] * 200),
        "999.1.1.1",
        "fe80::1%eth0",
        "\xff",
    ),
    "x-forwarded-proto": ("https", "javascript"),
    "x-forwarded-host": ("evil.example",),
    "host": ("evil.example", "", "[::1", "localhost:99999", "a" * 1_000),
    "if-none-match": ("*", '""', 'W/"x"', '"x", "y"', "\xff", '"' + "x" * 3_000 + '"'),
    "if-modified-since": ("yesterday",),
    "range": ("bytes=0-", "bytes=-1", "bytes=9-1"),
    "user-agent": ("", "x" * 3_000, "\xff\xfe", "<script>", "${jndi:x}"),
    "referer": ("https://evil.example/",),
    "origin": ("null", "https://evil.example"),
    "sec-fetch-site": ("none", "same-origin", "", "x"),
    "hx-request": ("true", "\xff"),
    "content-type": MEDIA_TYPES,
    "content-encoding": ("gzip", "deflate", "x"),
    "x-csrf-token": ("", "0" * 64, "\xff", "x" * 3_000),
    "x-http-method-override": ("DELETE", "PUT"),
    "x-marketbot-signature": ("v1=" + "0" * 64, "v1=\xff", "v1", "=" * 300),
    "x-marketbot-timestamp": ("", "0", "-1", "9" * 400, "1e9", "NaN", "\xb2", "x"),
    "upgrade": ("websocket",),
}
COOKIES = (
    "", "=", ";", ";;;=;;=", "a", "marketbot", "marketbot=", "marketbot=x", "marketbot=" + "A" * 43, "marketbot=" + "A" * 6_000,
    'marketbot="quoted"', "marketbot=\xff\xfe", "marketbot=%00", "marketbot=a\tb", "marketbot=a; marketbot=b",
    "__Host-marketbot=" + "A" * 43, "MARKETBOT=x", "marketbot_language=xx", "marketbot_language=pt; marketbot_language=en",
    'marketbot_theme="><script>', "marketbot_zone=../../etc/passwd", "marketbot_zone=America%2FSao_Paulo", "marketbot_zone=%00",
    "marketbot_zone=%FF%FE", "marketbot_zone=" + "a/" * 200, "marketbot_zone=localtime", "marketbot_zone=posix",
    "marketbot_zone=America", "marketbot_zone=%2Fetc", "marketbot_said=<script>", "marketbot_said=__class__", "marketbot_said=\xe9",
    "; ".join(f"c{n}=1" for n in range(400)), "x=" + "y" * 7_000, 'a="\\', "a=\x0b", "$Version=1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it goes out."""

    method: str
    target: bytes
    headers: tuple[tuple[str, bytes], ...]
    body: bytes = field(default=b"")

    def encoded(self) -> bytes:
        lines = [f"{self.method} ".encode() + self.target + b" HTTP/1.1"]
        given = {name for name, _ in self.headers}
        if "host" not in given:
            lines.append(b"host: localhost")
        lines += [f"{name}: ".encode() + value for name, value in self.headers]
        lines += [f"content-length: {len(self.body)}".encode(), b"connection: close"]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


def texts() -> st.SearchStrategy[str]:
    return st.sampled_from(TEXTS) | st.text(max_size=60)


def raw_values() -> st.SearchStrategy[bytes]:
    made = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | texts(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4),
        max_leaves=8,
    )
    return st.sampled_from(RAW_VALUES) | made.map(lambda value: json.dumps(value).encode())


@st.composite
def json_bodies(draw: st.DrawFn, address: Address) -> bytes:
    """Draw a body that the address takes, with something wrong in it; or something else altogether."""
    body = body_of(address)
    if body is None or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(WHOLE_BODIES) | raw_values() | st.binary(max_size=60))
    pairs = [(json.dumps(name).encode(), json.dumps(value).encode()) for name, value in body.items()]
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(pairs)))
        if at == len(pairs) or draw(st.integers(0, 9)) == 0:
            name = draw(texts().map(json.dumps) | st.sampled_from([*body, "language", "user_id"]).map(json.dumps)).encode()
            pairs.insert(at, (name, draw(raw_values())))
        else:
            pairs[at] = (pairs[at][0], draw(raw_values()))
    return b"{" + b",".join(name + b":" + value for name, value in pairs) + b"}"


@st.composite
def form_bodies(draw: st.DrawFn, address: Address, csrf: str) -> bytes:
    body: dict[str, Any] = dict(body_of(address) or {})
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(WHOLE_BODIES) | st.binary(max_size=60))
    pairs = [[name, quoted(value)] for name, value in body.items()] + ([["csrf", csrf]] if csrf else [])
    if body:
        at = draw(st.integers(0, len(body) - 1))
        pairs[at][1] = draw(texts().map(quoted) | st.binary(max_size=20).map(quote_from_bytes))
    if draw(st.booleans()):
        pairs.insert(0, [draw(texts().map(quoted)), draw(texts().map(quoted))])
    return "&".join("=".join(pair) for pair in pairs).encode()


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(QUERY_NAMES), texts() | st.sampled_from(["csv", "1", "newest", "home"])), max_size=3)
    )
    text = "&".join(f"{name}={quoted(value)}" for name, value in pairs)
    end = draw(st.sampled_from([b"", b"", b"&", b"%", b"&=", b"?", b"%ff%fe", b"&limit=1&limit=2", b";a=b"]))
    return b"?" + text.encode() + end if text or end else b""


def odd_headers() -> st.SearchStrategy[list[tuple[str, bytes]]]:
    known = st.sampled_from(sorted(HEADERS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name])))
    odd = st.tuples(
        st.sampled_from(sorted(HEADERS)), st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
    )
    # Blanks around a value are no part of it, and a header's name stands once.
    return st.lists(
        (known | odd).map(lambda pair: (pair[0], pair[1].strip().encode("latin-1"))), max_size=4, unique_by=lambda pair: pair[0]
    )


def cookie_headers(own: str) -> st.SearchStrategy[bytes]:
    drawn = st.sampled_from(COOKIES) | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=80)
    whole = st.lists(drawn, min_size=1, max_size=3).flatmap(lambda parts: st.permutations([*parts, own]))
    return whole.map("; ".join).map(lambda text: text.strip().encode("latin-1"))


def usual_headers(address: Address, who: Caller) -> dict[str, bytes]:
    headers = {"accept": HTML if address.page else "application/json"} | {
        name.replace("_", "-"): value for name, value in who.headers.items()
    }
    if address.writes:
        headers["content-type"] = FORM if address.page else "application/json"
    return {name: value.encode() for name, value in headers.items()}


def quoted(value: object) -> str:
    return quote(str(value), safe="", errors="surrogatepass")
