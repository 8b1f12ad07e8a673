"""The chart of deploy/helm: what Helm makes of it is what Kubernetes takes, what the command line takes, and as safe as it says."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployed import CHART, DEPLOY, LEAST, manifests, merged, refusal, render, unread
from greencloud.server.process import GRACE_S
from profiles import examples

ALL: dict[str, Any] = {
    "image": {"digest": "sha256:" + "0" * 64, "pullSecrets": ["registry"]},
    "store": {"endpoint": "https://s3.example", "region": "eu-1", "existingSecret": "store", "allowHttp": True},
    "log": {"existingSecret": "log"},
    "tls": {"clientCaSecret": "clients"},
    "auth": {"file": "[limits]\nquestions = 32\n"},
    "facility": {"existingConfigMap": "book"},
    "extraEnv": [{"name": "AWS_SESSION_TOKEN", "value": "x"}],
    "server": {
        "autoscaling": {"enabled": True},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"a": "b"},
        "service": {"annotations": {"a": "b"}},
        "extraArgs": ["--http=127.0.0.1:8080"],
    },
    "page": {"enabled": True, "service": {"annotations": {"a": "b"}}, "podAnnotations": {"a": "b"}, "extraArgs": ["--quota=none"]},
    "allocator": {"nodeSelector": {"disk": "ssd"}, "volume": {"storageClass": "fast"}, "podAnnotations": {"a": "b"}},
    "close": {"enabled": True, "existingSecret": "closing", "extraArgs": ["--allow-gaps"]},
    "maintain": {"extraArgs": ["--keep-superseded", "1100d"]},
    "engine": {"enabled": True, "args": ["--engine", "spark", "--remote", "sc://spark:15002", "--lake", "s3://lake/usage"]},
    "servingCopy": {"enabled": True, "existingSecret": "copy"},
    "serviceAccount": {"annotations": {"role": "x"}},
    "networkPolicy": {
        "clients": [{"podSelector": {}}],
        "readers": [{"podSelector": {}}],
        "monitoring": [{"namespaceSelector": {}}],
    },
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
}
PLAIN: dict[str, Any] = {"tls": {"enabled": False, "existingSecret": "", "serverName": ""}}
USUAL = (
    *(
        "enabled",
        "schedule",
        "resources",
        "requests",
        "limits",
        "labels",
        "annotations",
        "interval",
        "region",
        "create",
        "replicas",
    ),
    *(
        "minReplicas",
        "maxReplicas",
        "podAnnotations",
        "nodeSelector",
        "tolerations",
        "affinity",
        "extraArgs",
        "pullPolicy",
        "repository",
    ),
)
"""Values whose names say it all, in Kubernetes and here."""
FOREIGN = {"PodMonitor", "PrometheusRule"}  # of the Prometheus operator
SETTINGS = {"all": merged(LEAST, ALL), "least": LEAST, "plain": merged(LEAST, PLAIN)}


@cache
def made(name: str) -> list[dict[str, Any]]:
    return manifests(SETTINGS[name])


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pod that each controller makes, by the controller's name."""
    found = {}
    for each in objects:
        if each["kind"] == "CronJob":
            found[each["metadata"]["name"]] = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif each["kind"] in {"Deployment", "StatefulSet"}:
            found[each["metadata"]["name"]] = each["spec"]["template"]["spec"]
    return found


def words(container: dict[str, Any]) -> list[str]:
    """What comes after ``greencloud``."""
    if container.get("command") == ["greencloud-close-month", "--allow-gaps"]:
        return ["ledger", "close", "--allow-gaps"]  # tests/test_deploy_images.py
    assert "command" not in container
    return list(container["args"])


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("version", ["1.27", "1.37"])
def test_kubernetes_takes_every_object(name: str, version: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    checked = [each for each in made(name) if each["kind"] not in FOREIGN]

    assert len(checked) >= 9
    for each in checked:
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_command_line_takes_what_each_pod_starts(name: str) -> None:
    found = pods(made(name))

    assert len(found) == (7 if name == "all" else 3)
    for controller, pod in found.items():
        assert refusal(words(pod["containers"][0])) == "", controller


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_is_read_by_somebody(name: str) -> None:
    names = {each["name"] for pod in pods(made(name)).values() for each in pod["containers"][0].get("env", [])}

    assert unread(names) == set()


@pytest.mark.parametrize("name", SETTINGS)
def test_no_pod_can_do_more_than_it_must(name: str) -> None:
    for controller, pod in pods(made(name)).items():
        assert pod["securityContext"]["runAsNonRoot"], controller
        assert not pod["automountServiceAccountToken"], controller
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"/var/lib/greencloud", "/tmp"} <= {each["mountPath"] for each in container["volumeMounts"]}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_mount_has_its_volume_and_every_volume_a_mount(name: str) -> None:
    (claimed,) = [each["spec"]["volumeClaimTemplates"] for each in made(name) if each["kind"] == "StatefulSet"]
    claims = {each["metadata"]["name"] for each in claimed}
    for controller, pod in pods(made(name)).items():
        volumes = {each["name"] for each in pod["volumes"]} | (claims if controller.endswith("allocator") else set())
        mounts = [each["name"] for each in pod["containers"][0]["volumeMounts"]]
        assert set(mounts) == volumes, controller
        assert len(mounts) == len(set(mounts)), controller


def test_keys_are_only_where_they_are_used() -> None:
    secrets = {
        controller: {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
        | {each["secretRef"]["name"] for each in pod["containers"][0].get("envFrom", [])}
        for controller, pod in pods(made("all")).items()
    }

    serving = {"greencloud-keys", "greencloud-tls", "clients", "store", "log", "copy"}
    assert secrets == {
        "prod-server": serving,
        "prod-page": serving,
        "prod-allocator": serving,
        "prod-maintain": {"store"},
        "prod-close": {"store", "closing"},
        "prod-engine": {"store"},
        "prod-serving-copy": {"store", "copy"},
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_a_server_has_time_to_drain(name: str) -> None:
    found = pods(made(name))
    server, allocator = found["prod-server"], found["prod-allocator"]
    before = float(server["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])

    assert server["terminationGracePeriodSeconds"] >= before + GRACE_S + 5
    assert allocator["terminationGracePeriodSeconds"] >= GRACE_S + 5


def test_health_is_asked_the_way_that_the_server_can_answer() -> None:
    ready = {name: next(iter(pods(made(name))["prod-server"]["containers"][0]["readinessProbe"])) for name in SETTINGS}

    # Kubernetes asks gRPC without TLS only; and where clients must have a certificate, only whether the port is open.
    assert ready == {"all": "tcpSocket", "least": "exec", "plain": "grpc"}


@pytest.mark.parametrize("name", SETTINGS)
def test_services_and_budgets_mean_the_pods_that_there_are(name: str) -> None:
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in made(name)
        if each["kind"] in {"Deployment", "StatefulSet"}
    }
    for each in made(name):
        if each["kind"] in {"Service", "PodDisruptionBudget"}:
            selector = each["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            matched = [name for name, one in labels.items() if wanted.items() <= one.items()]
            assert len(matched) == 1, each["metadata"]["name"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"store": {"uri": ""}}, "/store/uri"),
        ({"log": {"uri": ""}}, "/log/uri"),
        ({"log": {"uri": "nats://user:secret@nats:4222/greencloud"}}, "/log/uri"),
        ({"keys": {"existingSecret": ""}}, "/keys/existingSecret"),
        ({"tls": {"existingSecret": ""}}, "/tls/existingSecret"),
        ({"tls": {"enabled": False, "clientCaSecret": "clients"}}, "/tls/clientCaSecret"),
        ({"close": {"enabled": True}}, "/close/existingSecret"),
        ({"servingCopy": {"enabled": True}}, "/servingCopy/existingSecret"),
        ({"engine": {"enabled": True}}, "/engine/args"),
        ({"server": {"replica": 3}}, "replica"),
        ({"server": {"quota": "50MB"}}, "/server/quota"),
        ({"server": {"terminationGracePeriodSeconds": 20}}, "/server/terminationGracePeriodSeconds"),
    ],
)
def test_values_that_cannot_be_right_are_refused_by_their_name(change: dict[str, Any], word: str) -> None:
    assert word in render(merged(LEAST, change))["refused"]


@settings(max_examples=examples(10), deadline=None)
@given(
    replicas=st.integers(1, 500),
    workers=st.integers(1, 256),
    every=st.sampled_from(["30s", "5m", "1h"]),
    tls=st.booleans(),
    enabled=st.fixed_dictionaries(
        {
            name: st.fixed_dictionaries({"enabled": st.booleans()})
            for name in ("maintain", "page", "podMonitor", "prometheusRule", "networkPolicy")
        }
    ),
)
def test_whatever_is_allowed_gives_objects_of_one_name_each(
    replicas: int, workers: int, every: str, tls: bool, enabled: dict[str, Any]
) -> None:
    values = merged(LEAST, {**enabled, "server": {"replicas": replicas, "workers": workers}, "allocator": {"every": every}})
    objects = manifests(values if tls else merged(values, PLAIN))
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]

    assert len(names) == len(set(names))
    for pod in pods(objects).values():
        assert refusal(words(pod["containers"][0])) == ""


def test_every_value_is_documented_and_in_the_schema() -> None:
    yaml = pytest.importorskip("yaml")
    text = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    lines = text.splitlines()

    def look(values: dict[str, Any], known: dict[str, Any], at: str) -> None:
        assert set(values) <= set(known["properties"]), at
        assert set(known["properties"]) - set(values) <= {"global"}, at
        assert known["additionalProperties"] is False, at
        for key, value in values.items():
            below = known["properties"][key]
            if isinstance(value, dict) and "properties" in below and key != "resources":
                look(value, below, f"{at}.{key}")

    look(yaml.safe_load(text), schema, "")
    usual = "|".join(USUAL)
    for number, line in enumerate(lines):
        key = re.match(r"  ( *)(\w+):", line)
        if key and not re.fullmatch(usual, key[2]) and not line.rstrip().endswith(":"):
            assert lines[number - 1].lstrip().startswith("#"), line


def test_the_alerts_are_of_metrics_that_a_server_shows_and_lead_into_the_runbook() -> None:
    yaml = pytest.importorskip("yaml")
    rules = yaml.safe_load((CHART / "files/greencloud.rules.yaml").read_text())["groups"][0]["rules"]
    shown = "\n".join(path.read_text() for path in sorted((DEPLOY.parent / "sdk/greencloud/server").glob("*.py")))
    runbook = (DEPLOY.parent / "docs/runbook.md").read_text()
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.*)$", runbook)}

    assert len(rules) >= 6
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/runbook.md"
        assert anchor in anchors, rule["alert"]
        for metric in re.findall(r"greencloud_\w+", rule["expr"]):
            stem = re.sub(r"_(total|bytes|seconds)$", "", re.sub(r"_total$", "", metric))
            assert stem.replace("_", ".") in shown, metric
