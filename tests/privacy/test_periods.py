"""docs/PRIVACY.md against the code: every period that it names is the one that is kept."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from marketbot.jobs import retention
from marketbot.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "PRIVACY.md").read_text()
_ROW = re.compile(r"^\| [^|]+ \| (\d+) days? \| `([A-Za-z_.]+)` \| [^|]+ \|$", re.MULTILINE)


def period_of(name: str, settings: Settings) -> timedelta | None:
    if name.startswith("MARKETBOT_"):
        found: timedelta | None = getattr(settings, name.removeprefix("MARKETBOT_").lower())
        return found
    module, _, constant = name.rpartition(".")
    value = getattr(importlib.import_module(f"marketbot.{module}"), constant)
    # Of several kinds of links, the one of an erasure.
    period = value[importlib.import_module(f"marketbot.{module}").LinkKind.KEEP_PERSON] if isinstance(value, Mapping) else value
    assert isinstance(period, timedelta)
    return period


def test_every_period_on_the_page_is_the_one_that_is_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    rows = _ROW.findall(PAGE)
    section = PAGE.partition("## For how long")[2].partition("\n## ")[0]
    assert len(rows) == section.count("\n|") - 2
    assert {name: timedelta(days=int(days)) for days, name in rows} == {name: period_of(name, settings) for _, name in rows}


def test_every_period_of_the_keepers_job_is_on_the_page() -> None:
    kept = {
        f"jobs.retention.{name}"
        for name, value in vars(retention).items()
        if name.endswith("_KEPT") and isinstance(value, timedelta)
    }
    settings = {f"MARKETBOT_{name.upper()}" for name in Settings.model_fields if name.startswith("retain_")}
    named = {name for _, name in _ROW.findall(PAGE)}
    # Chunks are queues of numbers.
    assert kept | settings - {"MARKETBOT_RETAIN_CHUNKS"} <= named
