"""Every alert fires when it must and stays quiet otherwise, names metrics that exist, and has its page in the runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.names import DEPLOY, ROOT, exported, metrics_in
from tests.docs.test_pages import anchors
from tests.system_packages import program

PROMETHEUS = DEPLOY / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
CASES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
TIMEOUT_S = 120


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> str:
    done = subprocess.run(
        [program("promtool"), *arguments], cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor in anchors(ROOT / page)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_names_metrics_that_are_exported(rule: dict[str, Any]) -> None:
    named = metrics_in(rule["expr"])
    assert named or re.match(r"up\b", rule["expr"])
    assert named - exported() == set()


def test_labels_that_alerts_pick_exist() -> None:
    picked = {
        (name, value)
        for rule in RULES
        for name, values in re.findall(r'(lane|route|answered|kind)(?:=|=~|!=|!~)"([^"]*)"', rule["expr"])
        for value in values.split("|")
    }
    from marketbot.observability import metrics

    page = metrics.render().decode()
    assert picked
    assert [pair for pair in picked if f'{pair[0]}="{pair[1]}"' not in page] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_tested_both_ways(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    ends = {case["name"]: case["promql_expr_test"][0]["exp_samples"] for case in CASES if case["name"].startswith(f"{name} ")}
    assert set(ends) == {f"{name} fires", f"{name} stays quiet"}
    assert ends[f"{name} fires"]
    assert ends[f"{name} stays quiet"] == []


def test_the_rules_are_well_formed() -> None:
    assert f"SUCCESS: {len(RULES)} rules found" in promtool("check", "rules", "alerts.yml")


def test_the_rules_fire_and_stay_quiet() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


def test_a_rule_that_is_off_fails_its_test(tmp_path: Path) -> None:
    """The tests can fail: with ten seconds made ten minutes, the unprotected position is not told of."""
    rules = (PROMETHEUS / "alerts.yml").read_text()
    assert rules.count("for: 10s") == 1
    (tmp_path / "alerts.yml").write_text(rules.replace("for: 10s", "for: 10m"))
    shutil.copy(PROMETHEUS / "alerts.test.yml", tmp_path)
    done = subprocess.run(
        [program("promtool"), "test", "rules", "alerts.test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode != 0
    assert "MarketbotPositionUnprotected" in done.stdout + done.stderr


def test_the_configuration_is_well_formed(tmp_path: Path) -> None:
    """In full, also the files that it names: the token's stands in for the container's."""
    place = tmp_path / "prometheus"
    shutil.copytree(PROMETHEUS, place)
    token = tmp_path / "operator_token"
    token.write_text("token")
    text = (place / "prometheus.yml").read_text()
    assert "/run/secrets/operator_token" in text
    (place / "prometheus.yml").write_text(text.replace("/run/secrets/operator_token", str(token)))
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml", cwd=place)
