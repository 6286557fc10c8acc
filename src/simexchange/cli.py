"""Run the simulator as a program."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
import uvloop

from simexchange.config import DEFAULT_CONTROL_PORT, DEFAULT_PORTS, Config
from simexchange.simulator import Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Listen until SIGTERM or SIGINT; print one line of JSON when every port is open."""
    options = _parser().parse_args(arguments)
    config = Config(
        host=options.host,
        ports={place: getattr(options, f"{place[0]}_{place[1]}_port") for place in DEFAULT_PORTS},
        control_port=options.control_port,
        tls=options.tls,
        state_dir=options.state_dir,
        seed=options.seed,
        limits_real=options.limits == "real",
    )
    try:
        uvloop.run(_serve(config, options.ready_file))
    except OSError as error:
        print(f"simexchange: cannot listen: {error}", file=sys.stderr)
        return 1
    return 0


# A ledger only grows: collecting it again and again costs more than all the matching, and finds nothing.
GARBAGE_THRESHOLDS = (50_000, 50, 1000)


async def _serve(config: Config, ready_file: Path | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    simulator = await Simulator(config).start()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    line = orjson.dumps(simulator.ready()).decode()
    if ready_file is not None:
        _write_private(ready_file, line)
    print(line, flush=True)
    await stopped.wait()
    await simulator.stop()


def _write_private(path: Path, line: str) -> None:
    """Write the file whole or not at all, readable by its owner only: it holds the control token."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.touch(mode=0o600)
    unfinished.write_text(line + "\n")
    unfinished.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simexchange", description="Simulated Binance USD-M and Bybit v5, on loopback. SIMULATION: no real venue."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    for (venue, environment), port in DEFAULT_PORTS.items():
        parser.add_argument(
            f"--{venue}-{environment}-port", type=int, default=port, help="0: any free one (default: %(default)s)"
        )
    parser.add_argument("--control-port", type=int, default=DEFAULT_CONTROL_PORT, help="(default: %(default)s)")
    parser.add_argument("--tls", action=argparse.BooleanOptionalAction, default=False, help="serve https")
    parser.add_argument("--state-dir", type=Path, help="where the certificates go (default: a temporary directory)")
    parser.add_argument("--seed", type=int, default=1, help="seed of instruments and faults (default: %(default)s)")
    parser.add_argument("--limits", choices=("real", "off"), default="real", help="the venues' rate limits")
    parser.add_argument("--ready-file", type=Path, help="also write the ready line here")
    return parser
