"""However an answer is split into packets, it parses the same."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from marketbot.venues.wire.answer import AnswerParser
from marketbot.venues.wire.errors import Fault

BODIES = st.binary(max_size=300)
FIELDS = st.lists(
    st.tuples(
        st.from_regex(rb"\AX-[A-Za-z0-9]{1,12}\Z", fullmatch=True),
        st.from_regex(rb"\A[!-~]{0,20}\Z", fullmatch=True),
    ),
    max_size=4,
    unique_by=lambda field: field[0].lower(),
)


@st.composite
def answers(draw):
    """A status, body, fields, and one valid way to write them down."""
    status = draw(st.integers(200, 599).filter(lambda s: s not in (204, 304)))
    body, fields = draw(BODIES), draw(FIELDS)
    informational = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * draw(st.integers(0, 3))
    head = b"HTTP/1.1 %d %s\r\n" % (status, draw(st.sampled_from([b"", b"OK", b"Too Many Requests"])))
    for name, value in fields:
        head += name + b":" + draw(st.sampled_from([b"", b" ", b"\t "])) + value + b"\r\n"
    if draw(st.booleans()):
        name = draw(st.sampled_from([b"Content-Length", b"content-length", b"CONTENT-LENGTH"]))
        return status, body, fields, informational + head + name + b": %d\r\n\r\n" % len(body) + body
    chunks = b""
    rest = body
    while rest:
        size = draw(st.integers(1, len(rest)))
        chunks += b"%x%s\r\n" % (size, draw(st.sampled_from([b"", b";a=b"]))) + rest[:size] + b"\r\n"
        rest = rest[size:]
    trailer = draw(st.sampled_from([b"", b"X-Sum: 1\r\n"]))
    encoded = chunks + b"0\r\n" + trailer + b"\r\n"
    return status, body, fields, informational + head + b"Transfer-Encoding: chunked\r\n\r\n" + encoded


@st.composite
def split(draw, stream):
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=12)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]


@given(st.data())
def test_any_split_of_any_answer_parses_the_same(data):
    parser = AnswerParser()
    for _ in range(2):  # the parser starts afresh after each answer
        status, body, fields, stream = data.draw(answers())
        packets = data.draw(split(stream))
        replies = [parser.feed(packet) for packet in packets]
        assert replies[:-1] == [None] * (len(packets) - 1)
        reply = replies[-1]
        assert reply is not None
        assert (reply.status, reply.body) == (status, body)
        for name, value in fields:
            assert reply.header(name.lower()) == value
        assert parser.reusable


@given(st.data())
def test_no_packet_completes_an_answer_early_or_twice(data):
    _, _, _, stream = data.draw(answers())
    parser = AnswerParser()
    assert all(parser.feed(stream[at : at + 1]) is None for at in range(len(stream) - 1))
    assert parser.feed(stream[-1:]) is not None
    assert parser.eof() is None


@given(st.binary(max_size=200), st.data())
def test_garbage_ends_in_a_fault_or_waits_but_never_crashes(noise, data):
    prefix = data.draw(st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]))
    parser = AnswerParser()
    with contextlib.suppress(Fault):
        for packet in data.draw(split(prefix + noise)):
            if parser.feed(packet) is not None:
                break
