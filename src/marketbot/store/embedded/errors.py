"""What can go wrong with the embedded server, in a sentence an operator can act on."""


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be prepared, started, reached or stopped."""

    def __init__(self, sentence: str, *, log_tail: str = "") -> None:
        super().__init__(f"{sentence}\nThe server's last words:\n{log_tail}" if log_tail else sentence)
        self.sentence = sentence
        self.log_tail = log_tail
