"""Checks of the machine: Python, the database's programs, the data directory, the disk, the addresses."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from marketbot.cli.doctor.finding import Finding, advice, fine, wrong
from marketbot.domain.egress import Egress
from marketbot.domain.errors import MarketBotError
from marketbot.settings import Settings
from marketbot.store.embedded import EmbeddedPostgresError
from marketbot.store.embedded.binaries import Binaries, ServerUser
from marketbot.vault.kek import KekMissing, open_kek
from marketbot.vault.vault import Vault

OLDEST_PYTHON = (3, 11)
DISK_FREE_MIN_BYTES = 2 << 30
DISK_FREE_LOW_BYTES = 10 << 30


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Yield what can be seen without a database."""
    yield _python()
    if settings.database_url is None:
        yield _binaries()
    yield _data_dir(settings.data_dir)
    yield _disk(settings.data_dir)
    yield _vault_key(settings.vault_key_file)
    yield _kek(settings.data_dir)
    if settings.egress_addresses:
        yield _egress(settings.egress_addresses)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return wrong("python", f"This is Python {version}.", "Install Python 3.11 or newer and make the environment again.")
    return fine("python", f"Python {version}.")


def _binaries() -> Finding:
    todo = "Install the packages again on this machine, or point DATABASE_URL at a Postgres of your own."
    try:
        binaries = Binaries.of_wheel()
        runnable = binaries.runnable_by(ServerUser(os.geteuid(), os.getegid(), dropped=False))
    except (OSError, subprocess.SubprocessError, EmbeddedPostgresError) as error:
        return wrong("database programs", f"The embedded database's programs cannot be run: {error}", todo)
    if not runnable:
        return wrong("database programs", f"The embedded database's programs in {binaries.directory} cannot be run.", todo)
    return fine("database programs", f"Postgres {binaries.version}.")


def _data_dir(data_dir: Path) -> Finding:
    if not data_dir.exists():
        return advice("data directory", f"{data_dir} does not exist yet.", "`marketbot up` makes it.")
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        return wrong(
            "data directory",
            f"{data_dir} cannot be used by this user.",
            "Run as the user that made it, or give another --data-dir.",
        )
    if stat.S_IMODE(data_dir.stat().st_mode) & 0o022:
        return wrong("data directory", f"Others may write in {data_dir}.", f"chmod go-w {data_dir}")
    return fine("data directory", f"{data_dir}.")


def _disk(data_dir: Path) -> Finding:
    place = next(each for each in (data_dir, *data_dir.parents) if each.exists())
    free = shutil.disk_usage(place).free
    sentence = f"{free / (1 << 30):.1f} GiB free at {place}."
    if free < DISK_FREE_MIN_BYTES:
        return wrong("disk", sentence, "Make room: a database without disk stops taking signals.")
    if free < DISK_FREE_LOW_BYTES:
        return advice("disk", sentence, "Watch it.")
    return fine("disk", sentence)


def _vault_key(path: Path) -> Finding:
    if not path.exists():
        return advice("vault key", "There is no vault key yet.", "It is made with the first source or account. Back it up then.")
    try:
        Vault.from_file(path)
    except (MarketBotError, OSError) as error:
        return wrong("vault key", str(error), "Without it no account can trade: restore it from the backup.")
    return fine("vault key", f"{path}, for its owner only.")


def _kek(data_dir: Path) -> Finding:
    try:
        kek = open_kek(data_dir)
    except KekMissing as error:
        return advice(
            "key-encryption key", f"{str(error).capitalize()}.", "Engines need it. `marketbot keys init` makes the first."
        )
    except (MarketBotError, OSError) as error:
        return wrong("key-encryption key", str(error), "Without it no account can trade: restore it from where its copy is.")
    return fine("key-encryption key", f"{kek.current}, of {len(kek.known)} known.")


def _egress(ways: tuple[Egress, ...]) -> Finding:
    missing = [way.host for way in ways if not way.is_proxy and not _bindable(way.host)]
    if missing:
        return wrong(
            "source addresses",
            f"This machine does not have {', '.join(missing)}.",
            "Add them to an interface, or change MARKETBOT_EGRESS_ADDRESSES.",
        )
    proxies = sum(way.is_proxy for way in ways)
    return fine("source addresses", f"{len(ways) - proxies} can be used, beside {proxies} proxies.")


def _bindable(address: str) -> bool:
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
