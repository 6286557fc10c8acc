"""The Helm chart's structure. Its actions are blanked, so that what is left is YAML: this does not render it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from tests.deploy.names import DEPLOY

from marketbot.bootstrap import DRAIN_S
from marketbot.settings import SECRETS_VARIABLE, Settings

CHART = DEPLOY / "helm" / "marketbot"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
TEMPLATES = sorted((CHART / "templates").glob("*.yaml"))
_ACTION = re.compile(r"\{\{-?.*?-?\}\}", re.DOTALL)
_INCLUDE = re.compile(r'^( *)\{\{- include "(marketbot\.\w+)" \. \| nindent (\d+) \}\}$', re.MULTILINE)
_DEFINE = re.compile(r'\{\{- define "(marketbot\.\w+)" -\}\}\n(.*?)\n\{\{- end \}\}\n(?=\n|\Z)', re.DOTALL)
_PARTS = dict(_DEFINE.findall((CHART / "templates" / "_pod.tpl").read_text()))


def whole(text: str) -> str:
    """Put the shared parts in, and theirs into them, as ``include`` and ``nindent`` do."""
    return _INCLUDE.sub(lambda found: indented(whole(_PARTS[found[2]]), int(found[3])), text)


def indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line if line else line for line in text.split("\n"))


def documents(text: str) -> list[dict[str, Any]]:
    """Blank what is left of the template language, and read the rest."""
    lines = [line for line in whole(text).split("\n") if not re.fullmatch(r"\s*\{\{-? .*\}\}", line)]
    return [each for each in yaml.safe_load_all(_ACTION.sub("blank", "\n".join(lines))) if each]


RESOURCES = [resource for file in TEMPLATES for resource in documents(file.read_text())]
PODS = {
    resource["metadata"]["labels"]["app.kubernetes.io/component"]: resource["spec"]["template"]["spec"]
    for resource in RESOURCES
    if resource["kind"] in ("Deployment", "Job")
}


def test_it_has_every_part() -> None:
    kinds = sorted(resource["kind"] for resource in RESOURCES)
    assert kinds == sorted(
        ["Deployment"] * 2 + ["Service"] * 2 + ["PodDisruptionBudget"] * 2 + ["NetworkPolicy"] * 3 + ["ServiceMonitor"] * 2
        + ["HorizontalPodAutoscaler", "Job"]
    )  # fmt: skip
    assert set(PODS) == {"api", "executor", "migrate"}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights(name: str) -> None:
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"] + pod.get("initContainers", []):
        security = container["securityContext"]
        assert security == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {volume["name"] for volume in pod["volumes"]} >= {mount["name"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("name", ["api", "executor"])
def test_a_process_is_probed(name: str) -> None:
    (container,) = PODS[name]["containers"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
    assert VALUES[name]["resources"]["limits"]["memory"] == "1280Mi"
    assert VALUES[name]["memoryBoundMb"] < 1280


def test_an_engine_is_given_time_to_finish() -> None:
    assert PODS["executor"]["terminationGracePeriodSeconds"] == "blank"
    assert VALUES["executor"]["terminationGracePeriodSeconds"] > 2 * DRAIN_S
    assert PODS["api"]["terminationGracePeriodSeconds"] > 2 * DRAIN_S


def test_there_is_no_secret_in_it_and_no_default_for_one() -> None:
    assert VALUES["existingSecret"] == VALUES["vaultSecret"] == VALUES["kekSecret"] == VALUES["image"]["reference"] == ""
    assert not [resource for resource in RESOURCES if resource["kind"] == "Secret"]
    parts = (CHART / "templates" / "_pod.tpl").read_text()
    for value in ("existingSecret", "vaultSecret", "kekSecret", "image.reference"):
        assert f'required "{value} is required"' in parts
    for pod in PODS.values():
        for container in pod["containers"]:
            assert not [each for each in container["env"] if re.search("URL|TOKEN|PASSWORD|KEY", each["name"])]


def test_services_are_for_the_cluster_only() -> None:
    for resource in RESOURCES:
        if resource["kind"] == "Service":
            assert resource["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_actions_are_balanced() -> None:
    for file in [*TEMPLATES, CHART / "templates" / "_pod.tpl"]:
        text = file.read_text()
        opened = len(re.findall(r"\{\{-? (?:if|with|range|define)\b", text))
        assert opened == len(re.findall(r"\{\{-? end\b", text)), file.name
        assert text.count("{{") == len(_ACTION.findall(text)), file.name


def test_every_value_that_is_used_exists() -> None:
    for file in CHART.glob("templates/*"):
        for path in re.findall(r"\.Values((?:\.\w+)+)", file.read_text()):
            found: Any = VALUES
            for key in path[1:].split("."):
                assert key in found, (file.name, path)
                found = found[key]


@pytest.mark.parametrize("name", PODS)
def test_every_variable_is_a_setting_or_names_the_secrets(name: str) -> None:
    known = {f"MARKETBOT_{field.upper()}" for field in Settings.model_fields} | {SECRETS_VARIABLE}
    (container,) = PODS[name]["containers"]
    assert {each["name"] for each in container["env"]} <= known
    (secrets,) = (each["value"] for each in container["env"] if each["name"] == SECRETS_VARIABLE)
    assert secrets in {mount["mountPath"] for mount in container["volumeMounts"]}
