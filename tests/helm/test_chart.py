"""What the chart renders: conformant pods, least rights, closed networks, no secret."""

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.chart import CHART, PROFILES, helm, of_kind, pods, refusal, render
from tests.helm.restricted import looseness, violations

import nemoflow
from nemoflow.cli.main import COMMANDS
from nemoflow.cli.puzzles import serve
from nemoflow.cli.sandbox import serve as serve_sandbox
from nemoflow.cli.teacher import settle

profiles = pytest.mark.parametrize("values", PROFILES, ids=[path.name.removesuffix("-values.yaml") for path in PROFILES])


@profiles
def test_helm_finds_nothing_to_say(values: Path) -> None:
    done = helm("lint", "--strict", str(CHART), "--values", str(values), "--namespace", "team")
    assert done.returncode == 0, done.stdout + done.stderr


@profiles
def test_every_pod_is_admitted_by_restricted_and_holds_no_token(values: Path) -> None:
    found = dict(pods(render(values)))
    assert len(found) >= 3
    for name, pod in found.items():
        assert [*violations(pod["spec"]), *looseness(pod["spec"])] == [], name


@profiles
def test_every_object_has_the_usual_labels_and_a_name_of_the_release(values: Path) -> None:
    for found in render(values):
        metadata = found["metadata"]
        assert metadata["name"].startswith("nemoflow-"), metadata
        assert metadata["namespace"] == "team"
        usual = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version")
        assert {*usual, "helm.sh/chart", "app.kubernetes.io/component"} <= set(metadata["labels"]), metadata


@profiles
def test_what_selects_pods_finds_exactly_its_own(values: Path) -> None:
    objects = render(values)
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(objects)}
    for kind in ("Deployment", "StatefulSet"):
        for name, found in of_kind(objects, kind).items():
            assert [pod for pod, has in labels.items() if found["spec"]["selector"]["matchLabels"].items() <= has.items()] == [name]
    for name, found in of_kind(objects, "Service").items():
        assert [pod for pod, has in labels.items() if found["spec"]["selector"].items() <= has.items()] == [name]


RULES = {
    "nemoflow-step": [(["argoproj.io"], ["workflowtaskresults"], None, ["create", "patch"])],
    "nemoflow-teacher": [
        (["apps"], ["deployments"], ["nemoflow-teacher"], ["get"]),
        (["apps"], ["deployments/scale"], ["nemoflow-teacher"], ["get", "update"]),
        (["coordination.k8s.io"], ["leases"], None, ["list", "create", "patch", "delete"]),
        (["argoproj.io"], ["workflows"], None, ["get"]),
        ([""], ["pods"], None, ["list"]),
        (["kueue.x-k8s.io"], ["workloads"], None, ["list"]),
    ],
    "nemoflow-submit": [
        (["argoproj.io"], ["workflowtemplates"], None, ["get", "list", "create", "patch"]),
        (["argoproj.io"], ["workflows"], None, ["get", "list", "watch", "create", "patch", "delete"]),
        ([""], ["pods", "events"], None, ["get", "list", "watch"]),
        ([""], ["pods/log"], None, ["get"]),
        (["apps"], ["deployments", "deployments/scale"], ["nemoflow-teacher"], ["get"]),
        (["coordination.k8s.io"], ["leases"], None, ["list"]),
        ([""], ["serviceaccounts"], ["nemoflow-step", "nemoflow-teacher"], ["get"]),
        (["apps"], ["deployments"], ["nemoflow-teacher"], ["get"]),
        ([""], ["configmaps"], ["nemoflow-s3"], ["get"]),
    ],
}


@profiles
def test_each_account_may_do_its_own_and_nothing_else(values: Path) -> None:
    objects = render(values)
    assert not of_kind(objects, "ClusterRole")
    roles = of_kind(objects, "Role")
    assert {
        name: [(rule["apiGroups"], rule["resources"], rule.get("resourceNames"), rule["verbs"]) for rule in role["rules"]]
        for name, role in roles.items()
    } == RULES
    bound = {
        name: [subject["name"] for subject in binding["subjects"] if subject.get("namespace") == "team"]
        for name, binding in of_kind(objects, "RoleBinding").items()
    }
    assert bound == {
        "nemoflow-step": ["nemoflow-step", "nemoflow-teacher"],
        "nemoflow-teacher": ["nemoflow-teacher"],
        "nemoflow-submit": ["nemoflow-submit"],
    }
    accounts = of_kind(objects, "ServiceAccount")
    assert {name: account["automountServiceAccountToken"] for name, account in accounts.items()} == {
        "nemoflow-step": True,
        "nemoflow-teacher": True,
        "nemoflow-submit": False,
        "nemoflow-service": False,
    }


def test_nodes_of_several_pods_get_an_account_of_their_own_and_a_way_to_each_other_where_they_are_asked_for() -> None:
    plain, objects = render(), render({"gangs": {"enabled": True}})
    assert "gang" not in json.dumps([found for found in plain if found["kind"] != "WorkflowTemplate"])
    roles = of_kind(objects, "Role")
    assert roles["nemoflow-gang"]["rules"] == [
        {"apiGroups": ["jobset.x-k8s.io"], "resources": ["jobsets"], "verbs": ["get", "create", "patch"]}
    ]
    assert {"apiGroups": ["jobset.x-k8s.io"], "resources": ["jobsets"], "verbs": ["list", "delete"]} in roles["nemoflow-submit"]["rules"]
    bound = of_kind(objects, "RoleBinding")
    for name, accounts in (("step", ["step", "teacher", "gang"]), ("gang", ["gang"])):
        assert [subject["name"] for subject in bound[f"nemoflow-{name}"]["subjects"]] == [f"nemoflow-{account}" for account in accounts]
    spec = of_kind(objects, "NetworkPolicy")["nemoflow-gang"]["spec"]
    assert spec["ingress"] == [{"from": [{"podSelector": spec["podSelector"]}]}]
    assert spec["egress"] == [{"to": [{"podSelector": spec["podSelector"]}]}]
    labels = {"app.kubernetes.io/part-of": "nemoflow", "app.kubernetes.io/component": "step"}
    assert spec["podSelector"] == {"matchLabels": labels, "matchExpressions": [{"key": "nemoflow/gang", "operator": "Exists"}]}


def test_submitters_are_bound_as_what_they_are() -> None:
    binding = of_kind(render(CHART / "ci" / "full-values.yaml"), "RoleBinding")["nemoflow-submit"]
    assert binding["subjects"][1:] == [
        {"kind": "Group", "name": "team-vision", "apiGroup": "rbac.authorization.k8s.io"},
        {"kind": "ServiceAccount", "name": "ci", "namespace": "builds"},
    ]


@profiles
def test_every_pod_is_closed_and_the_sandbox_has_no_way_out(values: Path) -> None:
    objects = render(values)
    policies = {name: found["spec"] for name, found in of_kind(objects, "NetworkPolicy").items()}
    assert policies["nemoflow-closed"] == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "nemoflow"}},
        "policyTypes": ["Ingress", "Egress"],
    }
    assert all(pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "nemoflow" for _, pod in pods(objects))
    sandbox = {"app.kubernetes.io/part-of": "nemoflow", "app.kubernetes.io/component": "sandbox"}
    reaching = [spec for spec in policies.values() if spec.get("egress") and selects(spec["podSelector"], sandbox)]
    assert reaching == []
    assert "Egress" in policies["nemoflow-sandbox"]["policyTypes"]


def test_the_sandbox_has_no_key_no_token_and_nothing_to_write_to() -> None:
    pod = dict(pods(render({"sandbox": {"enabled": True}})))["nemoflow-sandbox"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert "volumes" not in pod
    assert not {"env", "envFrom", "volumeMounts"} & container.keys()
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {"cpu", "memory"} <= container["resources"]["limits"].keys()


def test_the_sandbox_is_started_with_options_that_it_knows() -> None:
    container = dict(pods(render({"sandbox": {"enabled": True}})))["nemoflow-sandbox"]["spec"]["containers"][0]
    program, *arguments = container["args"]
    assert (container["command"], program) == (["nemoflow"], "sandbox")
    assert serve_sandbox.make_context("serve", arguments[1:]).params["host"] == "0.0.0.0"


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", [])
    )


def test_a_teacher_that_need_not_download_has_no_way_out() -> None:
    for values in ({"teacher": {"kind": "solver"}}, {"teacher": {"vllm": {"download": False, "cache": {"existingClaim": "models"}}}}):
        assert "egress" not in of_kind(render(values), "NetworkPolicy")["nemoflow-teacher"]["spec"]
    assert "egress" in of_kind(render(), "NetworkPolicy")["nemoflow-teacher"]["spec"]


@pytest.mark.parametrize(
    ("endpoint", "port"), [("http://minio:9000", 9000), ("https://s3.example.com", 443), ("http://s3.example.com", 80), ("", 443)]
)
def test_steps_may_go_to_the_port_of_the_store(endpoint: str, port: int) -> None:
    rules = of_kind(render({"s3": {"endpoint": endpoint}}), "NetworkPolicy")["nemoflow-store"]["spec"]["egress"]
    assert rules[1] == {"ports": [{"port": port, "protocol": "TCP"}]}


@profiles
def test_the_janitors_pod_is_admitted_by_restricted_and_only_the_teachers_account_is_its(values: Path) -> None:
    janitor = of_kind(render(values), "CronWorkflow")["nemoflow-teacher-janitor"]["spec"]
    spec = janitor["workflowSpec"]
    argo = json.loads(spec["podSpecPatch"])
    (template,) = spec["templates"]
    container = {**template["container"], "name": "main"}
    pod = {**spec, "containers": [container, *argo["containers"]], "initContainers": argo["initContainers"]}
    assert [*violations(pod)] == []
    assert [*looseness({**pod, "containers": [container]})] == ["a token"]
    locked = {each["name"]: each["securityContext"] for each in (*argo["containers"], *argo["initContainers"])}
    assert locked == dict.fromkeys(("init", "wait"), container["securityContext"])
    assert (spec["serviceAccountName"], janitor["concurrencyPolicy"]) == ("nemoflow-teacher", "Forbid")
    words = [*container["command"][1:], *container["args"]]
    assert container["command"] == ["nemoflow"]
    assert settle.make_context("settle", words[2:]).params["deployment"] == "nemoflow-teacher"
    assert words[:2] == ["teacher", "settle"]


def test_the_janitor_asks_the_api_server_and_nobody_else() -> None:
    labels = of_kind(render(), "CronWorkflow")["nemoflow-teacher-janitor"]["spec"]["workflowSpec"]["podMetadata"]["labels"]
    policies = of_kind(render(CHART / "ci" / "full-values.yaml"), "NetworkPolicy").values()
    rules = [rule for found in policies if selects(found["spec"]["podSelector"], labels) for rule in found["spec"].get("egress", [])]
    assert [rule["to"] for rule in rules] == [[{"ipBlock": {"cidr": "10.2.0.1/32"}}]]


def test_without_a_teacher_or_where_it_is_switched_off_there_is_no_janitor() -> None:
    for values in ({"teacher": {"enabled": False}}, {"teacher": {"janitor": {"enabled": False}}}):
        assert of_kind(render(values), "CronWorkflow") == {}


def test_a_network_without_policies_is_possible() -> None:
    assert of_kind(render({"networkPolicy": {"enabled": False}}), "NetworkPolicy") == {}


QUEUED = {"kueue.x-k8s.io/queue-name": "gpu", "kueue.x-k8s.io/priority-class": "nemoflow-normal"}


def test_a_teacher_waits_in_the_queue_that_is_named_and_else_in_none() -> None:
    def queued(values: Any) -> dict[str, str]:
        labels = of_kind(render(values), "Deployment")["nemoflow-teacher"]["metadata"]["labels"]
        return {key: value for key, value in labels.items() if key.startswith("kueue")}

    assert queued(CHART / "ci" / "full-values.yaml") == {**QUEUED, "kueue.x-k8s.io/priority-class": "nemoflow-high"}
    assert queued(None) == {}


KEYS = {"accessKeyId": "the-access-key", "secretAccessKey": "the-secret-key"}


def test_keys_are_in_the_secret_alone_and_never_printed() -> None:
    values = {"s3": {"credentials": KEYS}, "minio": {"enabled": True}}
    objects = render(values)
    secret = of_kind(objects, "Secret")["nemoflow-s3"]
    assert {base64.b64decode(value).decode() for value in secret["data"].values()} == set(KEYS.values())
    others = json.dumps([found for found in objects if found["kind"] != "Secret"])
    installed = helm(
        "install",
        "nemoflow",
        str(CHART),
        "--dry-run=client",
        "--hide-secret",
        "--values",
        "-",
        "--namespace",
        "team",
        stdin=yaml.safe_dump(values),
    )
    assert installed.returncode == 0, installed.stderr
    printed = installed.stdout.partition("NOTES:")[2]
    assert "helm -n team test nemoflow" in printed
    for key in KEYS.values():
        for form in (key, base64.b64encode(key.encode()).decode()):
            assert form not in others + printed + installed.stderr


def test_no_secret_is_made_unless_keys_are_given() -> None:
    assert of_kind(render(), "Secret") == {}


def test_the_teacher_sleeps_and_runs_vllm_as_told() -> None:
    deployment = of_kind(render(CHART / "ci" / "full-values.yaml"), "Deployment")["nemoflow-teacher"]["spec"]
    assert deployment["replicas"] == 0
    container = deployment["template"]["spec"]["containers"][0]
    assert container["command"] == ["vllm", "serve"]
    assert container["args"] == [
        "/models/nemotron",
        "--host=0.0.0.0",
        "--port=8000",
        "--tensor-parallel-size=4",
        "--gpu-memory-utilization=0.9",
        "--served-model-name=nemotron",
        "--revision=main",
        "--max-model-len=16384",
        "--max-num-seqs=256",
        "--reasoning-parser=nemotron_v3",
        "--trust-remote-code",
        "--enable-lora",
        "--max-lora-rank=64",
        "--max-loras=2",
        "--lora-modules",
        "adapter=/models/adapter",
        "--mamba-ssm-cache-dtype",
        "float32",
    ]
    assert container["resources"] == {
        "requests": {"cpu": 16, "memory": "128Gi", "nvidia.com/gpu": "4"},
        "limits": {"memory": "256Gi", "nvidia.com/gpu": "4"},
    }
    assert {"name": "HF_HUB_OFFLINE", "value": "1"} in container["env"]
    volumes = {volume["name"]: volume for volume in deployment["template"]["spec"]["volumes"]}
    assert volumes["cache"]["persistentVolumeClaim"] == {"claimName": "models"}
    assert volumes["shared-memory"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Gi"}


def test_spread_teachers_count_their_own_pods() -> None:
    deployment = of_kind(render(CHART / "ci" / "full-values.yaml"), "Deployment")["nemoflow-teacher"]["spec"]
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [rule["labelSelector"] for rule in spread] == [deployment["selector"]]


def test_a_teacher_gets_its_time_to_start_and_is_not_given_up_before() -> None:
    deployment = of_kind(render({"teacher": {"startupSeconds": 7203}}), "Deployment")["nemoflow-teacher"]["spec"]
    probe = deployment["template"]["spec"]["containers"][0]["startupProbe"]
    assert 7203 <= probe["periodSeconds"] * probe["failureThreshold"] < 7210
    assert deployment["progressDeadlineSeconds"] > 7203


def test_the_solver_is_started_as_its_command_line_allows() -> None:
    values = {"teacher": {"kind": "solver", "port": 8123, "solver": {"errorRate": 0.25, "seed": 7, "modes": True}}}
    container = of_kind(render(values), "Deployment")["nemoflow-teacher"]["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["nemoflow", "puzzles", "serve"]
    given = {"host": "0.0.0.0", "port": 8123, "error_rate": 0.25, "seed": 7, "modes": True}
    assert given.items() <= serve.make_context("serve", list(container["args"])).params.items()
    assert container["image"].partition(":")[0].endswith("/nemoflow/solver-teacher")


@profiles
def test_the_small_jobs_run_commands_that_there_are(values: Path) -> None:
    commands = {name: pod["spec"]["containers"][0] for name, pod in pods(render(values)) if "-buckets" in name or "-test" in name}
    assert len(commands) == 2
    for container in commands.values():
        assert container["command"] == ["nemoflow"]
        assert container["args"][0] in COMMANDS


def test_a_wrong_setting_is_not_tried_again() -> None:
    job = next(found for found in render() if found["kind"] == "Job" and "-buckets-" in found["metadata"]["name"])
    rule = job["spec"]["podFailurePolicy"]["rules"][0]
    assert (rule["action"], rule["onExitCodes"]["values"]) == ("FailJob", [2])
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_a_job_whose_pod_changes_is_another_job() -> None:
    names = {
        next(iter(name for name in of_kind(render(values), "Job") if "-buckets-" in name))
        for values in (
            {},
            {"s3": {"buckets": ["a-b", "c-d"]}},
            {"s3": {"endpoint": "http://minio:9000"}},
            {"image": {"tag": "2"}},
            {"jobs": {"podLabels": {"a": "b"}}},
        )
    }
    assert len(names) == 5


def test_one_registry_and_tag_serve_all_images() -> None:
    images = {pod["spec"]["containers"][0]["image"] for _, pod in pods(render(CHART / "ci" / "full-values.yaml"))}
    assert {image.partition("/")[0] for image in images} == {"mirror.example.com:5000"}
    assert {image.rpartition(":")[2] for image in images if "/nemoflow/" in image} == {"0.1.0-abcdef012345"}


def test_every_pod_takes_what_charts_usually_let_one_say() -> None:
    for name, pod in pods(render(CHART / "ci" / "full-values.yaml")):
        assert {"nodeSelector", "tolerations", "affinity"} <= set(pod["spec"]), name
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry-key"}]
        assert pod["metadata"]["labels"]["owner"] == "platform"
        assert pod["metadata"]["annotations"]
        if name != "nemoflow-sandbox":  # a pod for a model's code is told nothing
            own = ("A", "NCCL_DEBUG", "MINIO_COMPRESSION_ENABLE")
            assert any(variable["name"] in own for variable in pod["spec"]["containers"][0]["env"])


def test_the_store_is_named_to_pods_without_its_keys() -> None:
    data = of_kind(render(CHART / "ci" / "full-values.yaml"), "ConfigMap")
    assert data["nemoflow-s3"]["data"] == {
        "AWS_ENDPOINT_URL": "https://s3.example.com",
        "AWS_REGION": "eu-central-1",
        "AWS_S3_ADDRESSING_STYLE": "virtual",
        "AWS_CA_BUNDLE": "/etc/nemoflow-ca/ca.crt",
    }
    assert data["nemoflow-ca"]["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----\nAAAA\n")
    own = of_kind(render({"minio": {"enabled": True}}), "ConfigMap")["nemoflow-s3"]["data"]
    assert own["AWS_ENDPOINT_URL"] == "http://nemoflow-minio:9000"


def test_the_chart_has_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == nemoflow.__version__


WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: nemoflow-toy, namespace: elsewhere, labels: {nemoflow/team: default}}
spec:
  serviceAccountName: nemoflow-step
  podMetadata: {labels: {app.kubernetes.io/part-of: nemoflow, nemoflow/run: "{{workflow.parameters.run}}"}}
  arguments:
    parameters:
      - {name: run, value: toy}
      - {name: root, value: "s3://nemoflow/results"}
      - {name: workflow, value: "# {{ }} stays\\n[wake-teacher]\\nurl = 'http://nemoflow-teacher:8000/v1'\\n"}
  templates:
    - {name: dag, dag: {tasks: [{name: train, template: train}]}}
    - name: train
      metadata: {labels: {nemoflow/pool: train}}
      serviceAccountName: nemoflow-teacher
      retryStrategy: {limit: "5"}
      volumes: [{name: ca, configMap: {name: nemoflow-ca, optional: true}}]
      container:
        image: registry.local:5000/nemoflow/train:0.1.0
        command: [nemoflow]
        env: [{name: NEMOFLOW_IMAGE, value: "registry.local:5000/nemoflow/train:0.1.0"}]
        envFrom: [{configMapRef: {name: nemoflow-s3}}, {secretRef: {name: nemoflow-s3}}]
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """The chart with one small workflow."""
    copy = tmp_path / "nemoflow"
    shutil.copytree(CHART, copy, ignore=shutil.ignore_patterns("*.yaml~", "workflows"))
    (copy / "files" / "workflows").mkdir(parents=True)
    (copy / "files" / "workflows" / "toy.yaml").write_text(WORKFLOW)
    return copy


def test_a_workflow_gets_this_installations_names_and_keeps_the_rest(chart: Path) -> None:
    values = yaml.safe_load((CHART / "ci" / "full-values.yaml").read_text())
    values["fullnameOverride"] = "vision"
    found = of_kind(render(values, chart=chart), "WorkflowTemplate")[f"nemoflow-toy-{nemoflow.__version__}"]
    assert found["metadata"]["namespace"] == "team"
    assert found["metadata"]["labels"]["nemoflow/team"] == "vision"
    spec = found["spec"]
    assert spec["serviceAccountName"] == "vision-step"
    assert spec["imagePullSecrets"] == [{"name": "registry-key"}]
    assert spec["podMetadata"]["labels"] == {
        "app.kubernetes.io/part-of": "nemoflow",
        "nemoflow/run": "{{workflow.parameters.run}}",
        "nemoflow/team": "vision",
        "owner": "platform",
        "cost-center": "a1",
    }
    assert {parameter["name"]: parameter["value"] for parameter in spec["arguments"]["parameters"]} == {
        "run": "toy",
        "root": "s3://results/results",
        "workflow": "# {{ }} stays\n[wake-teacher]\nurl = 'http://vision-teacher:8000/v1'\n",
    }
    train = spec["templates"][1]
    image = "mirror.example.com:5000/cache/nemoflow/train:0.1.0-abcdef012345"
    assert train["container"]["image"] == train["container"]["env"][0]["value"] == image
    assert train["container"]["envFrom"] == [{"configMapRef": {"name": "vision-s3"}}, {"secretRef": {"name": "our-keys"}}]
    assert train["serviceAccountName"] == "vision-teacher"
    assert train["volumes"][0]["configMap"] == {"name": "vision-ca", "optional": True}
    assert train["nodeSelector"] == {"pool": "train"}
    assert train["metadata"]["labels"] == {"nemoflow/pool": "train", **QUEUED}
    assert train["retryStrategy"] == {"limit": "5"}


def test_workflows_are_chosen_by_name(chart: Path) -> None:
    assert "WorkflowTemplate" not in {found["kind"] for found in render({"workflows": {"enabled": False}}, chart=chart)}
    assert 'workflows.names: "other" is none of toy' in refusal({"workflows": {"names": ["other"]}}, chart)


@pytest.mark.parametrize("name", [path.stem for path in CHART.glob("files/workflows/*.yaml")])
def test_the_shipped_workflows_keep_all_but_names(name: str) -> None:
    shipped = yaml.safe_load((CHART / "files" / "workflows" / f"{name}.yaml").read_text())
    (found,) = of_kind(render({"workflows": {"names": [name]}}), "WorkflowTemplate").values()
    assert found["metadata"]["name"] == f"{shipped['metadata']['name']}-{nemoflow.__version__}"
    assert [template["name"] for template in found["spec"]["templates"]] == [template["name"] for template in shipped["spec"]["templates"]]
    registry = re.compile(r'"[^"]*/nemoflow/([a-z-]+):[^"]*"')
    assert {**found["spec"], "podMetadata": None, "workflowMetadata": None} == json.loads(
        registry.sub(
            lambda match: f'"registry.local/nemoflow/{match[1]}:{nemoflow.__version__}"',
            json.dumps(shipped["spec"] | {"podMetadata": None, "workflowMetadata": None}),
        )
    )
