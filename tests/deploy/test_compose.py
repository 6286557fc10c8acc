"""The compose file: nothing published that holds data, nobody's rights, no secret in it, bounds on everything."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml
from tests.deploy.names import DEPLOY
from tests.system_packages import program

from marketbot.bootstrap import DRAIN_S
from marketbot.domain.venue import Profile
from marketbot.settings import Settings

COMPOSE = DEPLOY / "compose"
TEXT = (COMPOSE / "compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ONE_SHOT = ("migrate", "backup")
PUBLISHED = {"balancer", "grafana"}
STORES = ("postgres", "replica", "valkey", "prometheus")


def seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)s", text)
    assert match, text
    return int(match[1])


def megabytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)([MG])", text)
    assert match, text
    return int(match[1]) * (1024 if match[2] == "G" else 1)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert int(service["user"].split(":")[0]) > 0


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_bounds_and_a_probe(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]
    if name in ONE_SHOT:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] in ("no", "on-failure")
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_only_the_balancer_and_grafana_are_published() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == PUBLISHED
    (grafana,) = SERVICES["grafana"]["ports"]
    assert grafana.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", STORES)
def test_a_store_is_on_networks_without_a_way_in(name: str) -> None:
    assert SERVICES[name]["networks"]
    assert all(FILE["networks"][network].get("internal") is True for network in SERVICES[name]["networks"])


def test_only_executors_reach_the_venues_and_no_store_is_on_the_balancers_network() -> None:
    def on(network: str) -> set[str]:
        return {name for name, service in SERVICES.items() if network in service["networks"]}

    assert on("venues") == {"executor-1", "executor-2"}
    assert on("front") == {"balancer", "api-1", "api-2"}
    assert on("edge") == PUBLISHED


def test_there_is_no_secret_and_no_default_for_one() -> None:
    for secret in FILE["secrets"].values():
        assert secret["file"].startswith("${MARKETBOT_SECRETS:?"), "without it nothing starts"
    used = {
        each["source"] if isinstance(each, dict) else each for service in SERVICES.values() for each in service.get("secrets", [])
    }
    assert used == set(FILE["secrets"])
    for name, service in SERVICES.items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|URL|KEY", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.startswith("/run/secrets/")
    assert not re.search(r"://[^/\s:]+:[^@\s]+@", TEXT)


def test_secrets_are_named_as_settings_read_them() -> None:
    ours = SERVICES["api-1"]["secrets"]
    names = {each for each in ours if isinstance(each, str)} - {"redis_url"}
    known = {"database_url", "replica_urls", *(f"marketbot_{field}" for field in Settings.model_fields)}
    assert names <= known
    (key,) = (each for each in ours if isinstance(each, dict))
    assert key["target"] == str(Settings(data_dir="/var/lib/marketbot").vault_key_file)


@pytest.mark.parametrize("name", ["api-1", "api-2", "executor-1", "executor-2"])
def test_a_process_of_ours_is_given_time_and_memory(name: str) -> None:
    service = SERVICES[name]
    assert seconds(service["stop_grace_period"]) > 2 * DRAIN_S
    bound = int(service["environment"]["MARKETBOT_MEMORY_BOUND_MB"])
    assert megabytes(service["deploy"]["resources"]["limits"]["memory"]) > bound
    assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", ["api-1", "executor-1", "migrate", "backup"])
def test_what_a_process_is_told_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {f"MARKETBOT_{field.upper()}" for field in Settings.model_fields}
    for variable, value in SERVICES[name]["environment"].items():
        assert variable in known
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value))
    settings = Settings()
    assert settings.profile is Profile.LIVE
    assert settings.egress_addresses == ()
    assert bool(settings.trusted_proxies) == (name == "api-1")


def test_prometheus_asks_the_processes_that_there_are() -> None:
    targets = {
        target
        for file in ("api.yml", "engines.yml")
        for group in yaml.safe_load((DEPLOY / "prometheus" / "targets" / file).read_text())
        for target in group["targets"]
    }
    assert targets == {"api-1:8000", "api-2:8000", "executor-1:9464", "executor-2:9464"}


def test_the_balancers_configuration_is_well_formed() -> None:
    done = subprocess.run(
        [program("haproxy"), "-c", "-f", str(COMPOSE / "haproxy.cfg")], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", ["make-secrets", "postgres/init.sh", "postgres/replica.sh"])
def test_the_scripts_are_well_formed(script: str) -> None:
    assert subprocess.run(["sh", "-n", str(COMPOSE / script)], check=False, timeout=30).returncode == 0
