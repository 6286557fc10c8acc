"""Who runs a server of ours. A module that imports next to nothing: what watches over a server should cost less than the server."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The usual uid and gid of "nobody": Postgres refuses to run as root, and creating a user is not ours to do.
UNPRIVILEGED_ID = 65534


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who runs the server: ourselves, or an unprivileged uid when we are root."""

    uid: int
    gid: int
    dropped: bool

    @classmethod
    def current(cls) -> ServerUser:
        if os.geteuid() == 0:
            return cls(UNPRIVILEGED_ID, UNPRIVILEGED_ID, dropped=True)
        return cls(os.geteuid(), os.getegid(), dropped=False)

    def popen_arguments(self) -> dict[str, Any]:
        """Return what `subprocess` needs to run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.dropped else {}

    def own(self, path: Path) -> None:
        """Give one file or directory of ours to this user."""
        if self.dropped:
            os.chown(path, self.uid, self.gid)

    def closed_directory(self, path: Path) -> Path | None:
        """Return the first directory on the way to `path` that this user cannot enter, or None."""
        for directory in [*reversed(path.parents), path]:
            if not directory.exists():
                return None
            status = directory.stat()
            if status.st_uid == self.uid:
                needed = stat.S_IXUSR
            elif status.st_gid == self.gid:
                needed = stat.S_IXGRP
            else:
                needed = stat.S_IXOTH
            if not status.st_mode & needed:
                return directory
        return None
