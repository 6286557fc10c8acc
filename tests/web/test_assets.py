"""The files of pages: named by their content, compressed, never from outside the folder; and in the wheel."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

from marketbot.web.assets import STATIC, assets

from .conftest import Console

ROOT = Path(__file__).parents[2]
NEEDED = ("console.css", "console.js", "vendor/htmx.js", "vendor/uplot.js", "vendor/uplot.css", "vendor/lightweight-charts.js")
LICENCES = ("vendor/licenses/htmx.txt", "vendor/licenses/uplot.txt", "vendor/licenses/lightweight-charts.txt")


async def test_a_file_is_kept_for_ever_under_its_digest(console: Console) -> None:
    for name in NEEDED:
        url = assets().url(name)
        plain = await console.get(url, None)
        packed = await console.get(url, None, accept_encoding="gzip, deflate, br")
        assert plain.status == packed.status == 200, name
        assert gzip.decompress(packed.body) == plain.body == (STATIC / name).read_bytes()
        assert packed.headers["content-encoding"] == "gzip"
        assert "immutable" in packed.headers["cache-control"]
        assert packed.headers["content-type"].startswith("text/css" if name.endswith(".css") else "text/javascript")
        assert packed.headers["x-content-type-options"] == "nosniff"
        again = await console.get(url, None, if_none_match=packed.headers["etag"])
        assert (again.status, again.body) == (304, b"")


async def test_no_path_leads_out(console: Console) -> None:
    digest = assets().url("console.css").split("/")[2]
    for path in (
        "../routers.py", "..%2frouters.py", "%2e%2e/routers.py", "....//routers.py", "/etc/passwd", "console.css/../../routers.py", "",
        "console.js",
    ):  # fmt: skip
        answer = await console.get(f"/static/{digest}/{path}", None)
        assert answer.status in (400, 404), path
        assert b"web_routers" not in answer.body


def test_the_wheel_has_what_pages_load(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"marketbot/web/static/{name}" for name in (*NEEDED, *LICENCES)}
    wanted |= {"marketbot/web/texts/en.toml", "marketbot/web/texts/pt_BR.toml", "marketbot/web/templates/base.html"}
    assert wanted - names == set()


def test_no_front_end_package_is_committed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    assert "static/vendor/" not in tracked
    assert "node_modules" not in tracked
    lock = (ROOT / "web" / "package-lock.json").read_text()
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')
    assert "resolved" not in lock
    assert "://" not in lock
