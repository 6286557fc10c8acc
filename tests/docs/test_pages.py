"""What the documents point at exists: files, headings, commands, metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from marketbot.cli.main import commands
from marketbot.observability.metrics import REGISTRY

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MANUALS = [ROOT / "README.md", ROOT / "README.pt-BR.md", ROOT / "docs" / "RUNBOOK.md"]

_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"(?:^|[\s`/])marketbot((?: [a-z][a-z-]*)+)")


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Return the names that a forge gives to a page's headings."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {heading.strip().replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_CODE.sub("", prose(page))):
        target, _, anchor = link.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / target) if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []


def _paths(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    inner = getattr(command, "commands", {})
    if path and (not inner or getattr(command, "invoke_without_command", False)):
        yield path
    for name, each in inner.items():
        yield from _paths(each, (*path, name))


@pytest.mark.parametrize("page", MANUALS, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    known = set(_paths(get_command(commands)))
    shown = [tuple(words.split()) for words in _COMMAND.findall(_code_of(page))]
    assert shown
    assert [words for words in shown if not any(words[: len(path)] == path for path in known)] == []


def _code_of(page: Path) -> str:
    text = page.read_text()
    return "\n".join([*_FENCE.findall(text), *_CODE.findall(_FENCE.sub("", text))])


def test_every_exported_metric_has_a_place_in_the_runbook() -> None:
    runbook = (ROOT / "docs" / "RUNBOOK.md").read_text()
    names = {family.name for family in REGISTRY.collect() if family.name.startswith("marketbot_")}
    assert names
    assert sorted(name for name in names if name not in runbook) == []


def test_both_readmes_leave_room_for_the_measured_table() -> None:
    for page in MANUALS[:2]:
        begin, end = page.read_text().find("<!-- bench:begin -->"), page.read_text().find("<!-- bench:end -->")
        assert 0 <= begin < end
