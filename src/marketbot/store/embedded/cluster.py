"""Make a database cluster on disk and write its configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from marketbot.store.embedded.binaries import UNPRIVILEGED_ID, Binaries, ServerUser
from marketbot.store.embedded.configuration import (
    SUPERUSER,
    Endpoint,
    render_access,
    render_settings,
    server_settings,
    uid_name,
)
from marketbot.store.embedded.data_dir import DataDir, write_private
from marketbot.store.embedded.errors import EmbeddedPostgresError

INITDB_TIMEOUT_S = 120.0


def ensure_cluster(data_dir: DataDir, binaries: Binaries, user: ServerUser) -> None:
    """Run initdb unless it was done; a half-made cluster of an interrupted run is thrown away.

    Raises: EmbeddedPostgresError when initdb fails or the data are of another major version.
    """
    version_file = data_dir.cluster / "PG_VERSION"
    if version_file.exists():
        found = version_file.read_text().strip()
        if found != binaries.major:
            raise EmbeddedPostgresError(
                f"The data in {data_dir.cluster} are of Postgres {found}, the installed server is {binaries.version}; "
                f"install the matching {found}.x server, or dump the data with it and restore them into a new place."
            )
        if user.dropped != (data_dir.cluster.stat().st_uid != os.geteuid()):
            raise EmbeddedPostgresError(
                f"The data in {data_dir.cluster} belong to another user; start as that user or choose another place."
            )
        return
    fresh = data_dir.cluster.with_name("cluster.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    user.own(fresh)
    password_file = data_dir.run / "initial-password"
    write_private(password_file, data_dir.password() + "\n", owner=user)
    try:
        result = _run_initdb(
            [
                str(binaries.initdb),
                f"--pgdata={fresh}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--auth=scram-sha-256",
            ],
            user,
        )
    finally:
        password_file.unlink(missing_ok=True)
    if result.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EmbeddedPostgresError(
            f"The database could not be created in {data_dir.root} (initdb ended with {result.returncode}).",
            log_tail=result.stderr.strip(),
        )
    # Only a finished cluster ever carries the real name.
    fresh.rename(data_dir.cluster)


def _run_initdb(command: list[str], user: ServerUser) -> subprocess.CompletedProcess[str]:
    """Run initdb, which insists on a uid that has a name; a nameless one borrows "nobody" in a user namespace.

    The server itself does not mind a nameless uid. Files still belong to the real one.
    """
    if uid_name(user.uid) is None and (unshare := shutil.which("unshare")) is not None:
        command = [unshare, "--user", f"--map-user={UNPRIVILEGED_ID}", f"--map-group={UNPRIVILEGED_ID}", *command]
    try:
        return subprocess.run(  # noqa: S603 - our own binary, arguments of our own
            command,
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_S,
            env={"LC_ALL": "C", "TZ": "UTC"},
            cwd="/",
            check=False,
            **user.popen_arguments(),
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"initdb took longer than {INITDB_TIMEOUT_S:.0f} s; is the disk busy?") from error


def configure(endpoint: Endpoint, chosen: Mapping[str, str], binaries: Binaries, user: ServerUser) -> bool:
    """Write the configuration files and tell whether any of them (or the server's version) changed."""
    hba, ident = render_access(endpoint, user.uid)
    changed = False
    for name, text in (
        ("postgresql.conf", render_settings(binaries.version, server_settings(endpoint, chosen))),
        ("pg_hba.conf", hba),
        ("pg_ident.conf", ident),
    ):
        path = endpoint.data_dir.cluster / name
        if not path.exists() or path.read_text() != text:
            write_private(path, text, owner=user)
            changed = True
    return changed
