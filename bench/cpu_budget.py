"""A share of a core for one process: what makes two executors on a small machine comparable to two machines.

On two cores that the simulator and the database also use, a second executor only competes with the first. With the kernel's bandwidth
control (https://docs.kernel.org/scheduler/sched-bwc.html) each executor has the same part of a core whether it is alone or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PERIOD_US = 10_000
"""Short, so that a process which has used its share waits milliseconds for the next and not a tenth of a second."""
V2 = Path("/sys/fs/cgroup")
V1 = V2 / "cpu"


class CpuBudgets:
    """Groups of this bench, by name. Processes put into one share its part of a core."""

    def __init__(self, root: Path, *, unified: bool) -> None:
        self._root = root
        self._unified = unified
        self._made: list[Path] = []

    def hold(self, name: str, pid: int, cores: float) -> None:
        """Let the process and the threads it starts have ``cores`` of a core from now on. OSError where the kernel refuses."""
        group = self._root / f"marketbot-bench-{os.getpid()}-{name}"
        group.mkdir()
        self._made.append(group)
        quota = int(cores * PERIOD_US)
        if self._unified:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        (group / "cgroup.procs").write_text(str(pid))

    def release(self) -> None:
        """Put what still runs back into the group above, and remove ours."""
        while self._made:
            group = self._made.pop()
            for pid in (group / "cgroup.procs").read_text().split():
                (self._root / "cgroup.procs").write_text(pid)
            group.rmdir()


@contextmanager
def cpu_budgets() -> Iterator[CpuBudgets | None]:
    """Give the means to hold processes to a share, or None where this user or machine may not."""
    found = _find()
    try:
        yield found
    finally:
        if found is not None:
            found.release()


def _find() -> CpuBudgets | None:
    if os.access(V1 / "cgroup.procs", os.W_OK):
        return CpuBudgets(V1, unified=False)
    controlled = V2 / "cgroup.subtree_control"
    if os.access(controlled, os.W_OK) and "cpu" in controlled.read_text().split():
        return CpuBudgets(V2, unified=True)
    return None
