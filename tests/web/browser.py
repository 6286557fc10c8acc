"""A real Chromium at the console: what a person does, and what a page must never say to the browser's console."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Page, async_playwright
from tests.system_packages import program

from .scene import Login

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP, PHONE = (1280, 860), (390, 844)
SERIOUS = ("serious", "critical")
WAIT_MS = 20_000
"""For what comes over the stream, on a loaded machine."""
SHOTS = os.environ.get("MARKETBOT_SCREENSHOTS", "")
"""A folder: pictures of every page are put there, to be looked at."""

Scheme = Literal["light", "dark"]


@dataclass(slots=True)
class Visitor:
    """Somebody's browser window. ``complaints`` are what the browser says against our pages: errors, violations of the policy."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        answer = await self.page.goto(self.base + path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)

    async def faults(self) -> list[str]:
        """Return what axe finds that keeps somebody out, and whatever sticks out of the window."""
        await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        faults = [
            f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for each in found["violations"]
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]
        wide = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return faults + ([f"the page is {wide} px too wide"] if wide > 0 else [])

    async def shoot(self, name: str) -> None:
        if SHOTS:
            await self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the system's Chromium; the test is skipped, loudly, where there is none."""
    path = program("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visit(
    browser: Browser,
    port: int,
    who: Login | None,
    *,
    size: tuple[int, int] = DESKTOP,
    scheme: Scheme = "light",
    locale: str = "en-US",
    zone: str = "America/Sao_Paulo",
    scripts: bool = True,
) -> AsyncIterator[Visitor]:
    """Open a window; at the end the browser must have had nothing to complain about."""
    base = f"http://127.0.0.1:{port}"
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        locale=locale,
        timezone_id=zone,
        java_script_enabled=scripts,
        has_touch=size == PHONE,
    )
    context.set_default_timeout(WAIT_MS)
    if who is not None:
        await context.add_cookies([{"name": "marketbot", "value": who.bearer.text, "url": base, "httpOnly": True}])
    page = await context.new_page()
    visitor = Visitor(page, base)
    page.on("console", lambda message: _note(visitor, message))
    page.on("pageerror", lambda error: visitor.complaints.append(f"error: {error}"))
    try:
        yield visitor
        assert visitor.complaints == []
    finally:
        await context.close()


def _note(visitor: Visitor, message: Any) -> None:
    # The browser reports a form that was refused with 422 as a resource that failed to load; the page is the answer.
    if message.type in ("error", "warning") and "422" not in message.text:
        visitor.complaints.append(f"{message.type}: {message.text}")
