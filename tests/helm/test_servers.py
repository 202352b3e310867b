"""The chart's small servers and its schedules: least rights, closed networks, and settings that the programs themselves take."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.chart import CHART, of_kind, pods, refusal, render
from tests.helm.restricted import looseness, violations

import nemoflow
from nemoflow.cli.metrics import serve as serve_metrics
from nemoflow.cli.receiver import serve as serve_receiver
from nemoflow.server.triggers import load_triggers

VALUES = yaml.safe_load((Path(__file__).parent / "servers.yaml").read_text())
SERVERS = ("receiver", "metrics")


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return render(VALUES)


def test_none_of_it_is_there_unless_it_is_asked_for() -> None:
    names = {found["metadata"]["name"] for found in render()}
    assert not names & {"nemoflow-receiver", "nemoflow-metrics", "nemoflow-dashboard", "nemoflow-nightly"}


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_is_locked_down_and_has_a_token_of_an_account_of_its_own(objects: list[dict[str, Any]], server: str) -> None:
    pod = dict(pods(objects))[f"nemoflow-{server}"]["spec"]
    assert [*violations(pod), *looseness(pod)] == ["a token"]
    assert pod["serviceAccountName"] == f"nemoflow-{server}"
    assert of_kind(objects, "ServiceAccount")[f"nemoflow-{server}"]["automountServiceAccountToken"] is False
    [subject] = of_kind(objects, "RoleBinding")[f"nemoflow-{server}"]["subjects"]
    assert (subject["name"], subject["namespace"]) == (f"nemoflow-{server}", "team")


def test_the_receiver_may_create_workflows_and_the_exporter_may_change_nothing(objects: list[dict[str, Any]]) -> None:
    rules = {name: [(r["resources"], r["verbs"]) for r in of_kind(objects, "Role")[f"nemoflow-{name}"]["rules"]] for name in SERVERS}
    assert rules["receiver"] == [(["workflowtemplates"], ["get"]), (["workflows"], ["create"])]
    assert {verb for _, verbs in rules["metrics"] for verb in verbs} == {"get", "list"}
    assert {kind for kinds, _ in rules["metrics"] for kind in kinds} == {"workflows", "pods", "deployments", "leases"}


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_is_reached_only_by_whom_the_values_name(objects: list[dict[str, Any]], server: str) -> None:
    policy = of_kind(objects, "NetworkPolicy")[f"nemoflow-{server}"]["spec"]
    selected = policy["podSelector"]["matchLabels"]
    assert [name for name, pod in pods(objects) if selected.items() <= pod["metadata"]["labels"].items()] == [f"nemoflow-{server}"]
    assert policy["ingress"][0]["from"] == VALUES[server]["from"]
    assert {
        "ports": [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}],
        "to": VALUES["networkPolicy"]["apiServer"],
    } in policy["egress"]


def test_the_servers_are_started_as_their_command_lines_allow(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    found = {name: dict(pods(objects))[f"nemoflow-{name}"]["spec"]["containers"][0] for name in SERVERS}
    assert found["receiver"]["args"][:2] == ["receiver", "serve"]
    given = serve_receiver.make_context("serve", list(found["receiver"]["args"][2:])).params
    assert (given["port"], given["folder"]) == (8181, Path("/etc/nemoflow/keys"))
    assert found["metrics"]["args"][:2] == ["metrics", "serve"]
    given = serve_metrics.make_context("serve", list(found["metrics"]["args"][2:])).params
    assert given == {
        "root": "s3://results/results",
        "host": "0.0.0.0",
        "port": 9191,
        "every_s": 15,
        "most_runs": 20,
        "gpus": ("nvidia.com/gpu",),
        "namespace": None,
        "no_cluster": False,
    }
    path = tmp_path / "triggers.json"
    path.write_text(of_kind(objects, "ConfigMap")["nemoflow-receiver"]["data"]["triggers.json"])
    triggers = load_triggers(path)
    assert triggers.pushes["demo"].set == {"train.learning_rate": 1e-4}
    assert triggers.objects["gsm8k"].template == f"nemoflow-demo-{nemoflow.__version__}"
    assert (triggers.max_age_s, triggers.starts_per_hour) == (3600, 5)


def test_a_change_of_the_triggers_starts_the_receiver_anew(objects: list[dict[str, Any]]) -> None:
    other = render({**VALUES, "receiver": {**VALUES["receiver"], "startsPerHour": 6}})
    stamps = {dict(pods(found))["nemoflow-receiver"]["metadata"]["annotations"]["nemoflow/settings"] for found in (objects, other)}
    assert len(stamps) == 2


def test_schedules_start_runs_of_names_of_their_own(objects: list[dict[str, Any]]) -> None:
    found = of_kind(objects, "CronWorkflow")
    nightly, weekly = found["nemoflow-nightly"]["spec"], found["nemoflow-weekly"]["spec"]
    assert (nightly["timezone"], nightly["concurrencyPolicy"], weekly["suspend"]) == ("Europe/Berlin", "Forbid", True)
    assert nightly["workflowSpec"]["workflowTemplateRef"]["name"] == f"nemoflow-demo-{nemoflow.__version__}"
    assert weekly["workflowSpec"]["workflowTemplateRef"]["name"] == "nemoflow-ours"
    given = {entry["name"]: entry["value"] for entry in nightly["workflowSpec"]["arguments"]["parameters"]}
    assert (given["run"], json.loads(given["set"])) == ("{{workflow.name}}", {"mix.seed": 3})
    assert nightly["workflowSpec"]["synchronization"]["mutexes"] == [{"name": "nemoflow-run-{{workflow.name}}"}]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"schedules": {"a": {"schedules": ["0 3 * * *"]}}}, "one of both is right"),
        ({"schedules": {"a": {"schedules": ["0 3 * * *"], "workflow": "demo", "template": "t"}}}, "one of both is right"),
        ({"schedules": {"a": {"schedules": ["0 3 * * *"], "workflow": "none"}}}, "is none of files/workflows"),
        ({"schedules": {"a": {"schedules": ["0 3 * * *"], "workflow": "demo", "set": {"mix.x": "{{y}}"}}}}, "takes for a parameter"),
        ({"receiver": {"enabled": True, "pushes": {"a": {"repository": "t/f"}}}}, "receiver.pushes.a: workflow"),
    ],
)
def test_a_start_that_could_not_be_is_refused_by_its_name(section: dict[str, Any], said: str) -> None:
    assert said in refusal(section)


def test_rules_and_dashboard_arrive_as_they_are(objects: list[dict[str, Any]]) -> None:
    rules = of_kind(objects, "PrometheusRule")["nemoflow-metrics"]
    assert rules["spec"] == yaml.safe_load((CHART / "files" / "metrics" / "rules.yaml").read_text())
    assert rules["metadata"]["labels"]["release"] == "prometheus"
    dashboard = of_kind(objects, "ConfigMap")["nemoflow-dashboard"]
    assert dashboard["data"]["nemoflow.json"].strip() == (CHART / "files" / "metrics" / "dashboard.json").read_text().strip()
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    monitor = of_kind(objects, "ServiceMonitor")["nemoflow-metrics"]["spec"]
    service = of_kind(objects, "Service")["nemoflow-metrics"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [endpoint["port"] for endpoint in monitor["endpoints"]] == [port["name"] for port in service["spec"]["ports"]]
