"""The container image's recipe."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.names import DEPLOY, ROOT

DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
TEXT = DOCKERFILE.read_text()


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(linter), str(DOCKERFILE)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_runs_as_nobody_in_particular_and_can_be_probed() -> None:
    last = TEXT.split("\nFROM ")[-1]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*\n.*health/live", last, re.MULTILINE)
    assert last.rstrip().endswith('CMD ["python", "-m", "marketbot.api"]')


def test_every_package_is_checked_against_the_lock() -> None:
    installs = re.findall(r"pip install (.*?)(?: &&| \\|$)", TEXT, re.MULTILINE)
    assert installs
    assert [each for each in installs if "--require-hashes" not in each and "--no-deps" not in each] == []


def test_only_what_is_built_from_is_sent() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {name for names in re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.MULTILINE) for name in names.split()}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
