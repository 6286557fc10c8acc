"""The systemd units: hardened, restarted, given time to finish."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.deploy.names import DEPLOY

from marketbot.bootstrap import DRAIN_S

SYSTEMD = DEPLOY / "systemd"
SERVICES = sorted(SYSTEMD.glob("*.service"))
LONG_RUNNING = [unit for unit in SERVICES if "Type=exec" in unit.read_text()]
MUST = {
    "User": "marketbot",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallFilter": "@system-service",
    "StateDirectoryMode": "0700",
}


def service(unit: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser["Service"]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_has_no_rights_and_no_secret(unit: Path) -> None:
    section = service(unit)
    assert {name: section.get(name) for name in MUST} == MUST
    assert section.get("MemoryMax")
    assert not re.search("PASSWORD|TOKEN|DATABASE_URL", unit.read_text())


@pytest.mark.parametrize("unit", LONG_RUNNING, ids=lambda unit: unit.name)
def test_a_service_is_restarted_and_may_finish(unit: Path) -> None:
    section = service(unit)
    assert section["Restart"] == "always"
    assert int(section["TimeoutStopSec"].removesuffix("s")) > 2 * DRAIN_S


def test_they_are_well_formed(tmp_path: Path) -> None:
    """By systemd's own word, with a program and a user that exist here in place of those that will."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: the units are checked where there is systemd")
    names = []
    for unit in [*SERVICES, *SYSTEMD.glob("*.timer")]:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^(User|Group)=marketbot$", r"\1=root", text, flags=re.MULTILINE)
        name = unit.name.replace("@.", "@8000.")
        (tmp_path / unit.name).write_text(text)
        (tmp_path / name).write_text(text)
        names.append(str(tmp_path / name))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, timeout=120, check=False
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "marketbot" in line]
    assert (done.returncode, ours) == (0, []), done.stderr
