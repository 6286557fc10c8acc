"""Lines of a stream become events."""

from __future__ import annotations

import pytest

from marketbot_client.stream import MAX_LINE_CHARS, Changed, Event, Reset, StreamReader

STREAM = """\
retry: 7310

id: 1790000000123456
event: reset
data: {}

id: 1790000004200112
event: changed
data: {"changed":["orders","positions"]}

:
id: 1790000016300512

event: changed
data: {"changed":["signals"],"signals":[7,8]}

retry: 1200
event: end
data: {"reason":"age"}

"""


def read(reader: StreamReader, text: str) -> list[Event]:
    return [event for line in text.split("\n") if (event := reader.feed(line)) is not None]


def test_it_reads_what_the_documentation_shows() -> None:
    reader = StreamReader()
    assert read(reader, STREAM) == [Reset(), Changed(("orders", "positions")), Changed(("signals",), (7, 8))]
    assert (reader.last_event_id, reader.retry_s, reader.ended) == ("1790000016300512", 1.2, "age")


def test_what_a_connection_left_unfinished_is_no_event_of_the_next() -> None:
    reader = StreamReader()
    assert read(reader, 'event: changed\ndata: {"changed":') == []
    reader.restart()
    assert read(reader, "\n\n") == []


def test_an_event_that_is_new_to_it_is_passed_over() -> None:
    assert read(StreamReader(), "event: weather\ndata: {}\n\n") == []


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="no end"):
        StreamReader().feed("x" * (MAX_LINE_CHARS + 1))
