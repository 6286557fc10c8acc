"""A complete answer of a venue."""


class Reply:
    """Status, body and header fields of one answer; fields are looked up only when asked for.

    `repr` shows sizes, never content: answers carry balances and listen keys.
    """

    __slots__ = ("_folded", "_head", "body", "status")

    def __init__(self, status: int, body: bytes, head: bytes, folded: bytes) -> None:
        self.status = status
        self.body = body
        self._head = head  # the status line and every field, each ending in CRLF
        self._folded = folded  # the same in lower case, so that offsets agree

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of the field `name` (lower-case bytes) without surrounding space, or None."""
        return field_value(self._head, self._folded, name)

    def __repr__(self) -> str:
        return f"<Reply {self.status} body={len(self.body)}B>"


def field_value(head: bytes, folded: bytes, name: bytes) -> bytes | None:
    """Find a field in `head` by its lower-case name; `folded` is `head` in lower case."""
    mark = b"\r\n" + name + b":"
    at = folded.find(mark)
    if at < 0:
        return None
    start = at + len(mark)
    return head[start : head.find(b"\r\n", start)].strip(b" \t")
