"""The dashboard is well-formed, shows what exists, and has the review's five in its first row."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml
from tests.deploy.names import DEPLOY, exported, metrics_in
from tests.system_packages import program

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "marketbot.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
GRID_WIDTH = 24


def expressions() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel.get("targets", [])]


def test_every_panel_shows_metrics_that_are_exported() -> None:
    known = exported()
    assert [expr for expr in expressions() if metrics_in(expr) - known] == []
    assert [expr for expr in expressions() if not metrics_in(expr) and not expr.startswith("count(up{")] == []


def test_the_first_row_has_the_reviews_thresholds() -> None:
    rows = [number for number, panel in enumerate(PANELS) if panel["type"] == "row"]
    first = PANELS[1 : rows[1]]
    assert [panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] for panel in first] == [800, 0.5, 0.9, 0.9, 0.01]


def test_panels_have_their_own_number_and_room() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= GRID_WIDTH
        assert not cells & taken, panel["title"]
        taken |= cells


def test_panels_ask_the_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    asked = {target["datasource"]["uid"] for panel in PANELS for target in panel.get("targets", [])}
    assert asked == {source["uid"]}


def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    """As rules, which promtool can check: Grafana's own variable stands for a duration."""
    rules = [
        {"record": f"panel:{number}", "expr": expr.replace("$__rate_interval", "1m")} for number, expr in enumerate(expressions())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [program("promtool"), "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
