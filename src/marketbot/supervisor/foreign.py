"""Run a program that is not ours and not Python: ``python -m marketbot.supervisor.foreign PROGRAM [ARG ...]``, under the tether.

The tether's thread lives in this process and kills the whole group when the supervisor is gone; the program is in the group. Asked to
end, this process asks the program in the program's own words (HAProxy finishes what is under way on SIGUSR1, and breaks it off on
SIGTERM); SIGUSR2 is passed on, which lets HAProxy read its configuration anew without refusing a connection.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from types import FrameType

PASSED_ON = {signal.SIGTERM: signal.SIGUSR1, signal.SIGINT: signal.SIGTERM, signal.SIGUSR2: signal.SIGUSR2}
ENDED_BY_SIGNAL = 128


def main() -> int:
    """Run the program to its end and return its status as a shell would."""
    process = subprocess.Popen(sys.argv[1:])  # noqa: S603 - the supervisor names it

    def pass_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(PASSED_ON[signal.Signals(number)])

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    status = process.wait()
    return ENDED_BY_SIGNAL - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main())
