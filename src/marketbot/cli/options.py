"""Options that many commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON value on standard output, errors too.")]
DataDir = Annotated[Path | None, typer.Option(envvar="MARKETBOT_DATA_DIR", help="Where the installation keeps its data.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many rows at most.")]
JobLimit = Annotated[int, typer.Option(min=1, max=500, help="How many jobs at most.")]
Language = Annotated[str, typer.Option("--lang", help="en or pt.")]
