import json
import time
from pathlib import Path

import pytest
from tests.argo.api_server import kubeconfig, serving
from tests.argo.made import cluster
from tests.argo.workflows import workflow

from nemoflow.argo.api import JOBSET, connect
from nemoflow.argo.submit import Request, check_cluster, check_code, find_run, send, stop, workflow_name
from nemoflow.errors import ClusterError, ClusterRefused, ConfigError, InputError
from nemoflow.ports import free_port

pytest.importorskip("kubernetes", reason="SUBMITTING IS NOT TESTED: the extra [argo] is not installed")

TEMPLATE = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowTemplate",
    "metadata": {"name": "nemoflow-mine", "namespace": "nemoflow", "labels": {"nemoflow/team": "default"}},
    "spec": {
        "entrypoint": "dag",
        "arguments": {"parameters": [{"name": "run", "value": "mine"}, {"name": "workflow", "value": "seed = 0"}]},
    },
}
REQUEST = Request(TEMPLATE, "one", "s3://bucket/results", '{"train.learning_rate": 1e-4}')


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with serving(tmp_path) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        yield server, connect("nemoflow")


def test_what_is_sent_is_the_template_and_a_workflow_that_needs_nothing_but_itself(api):
    server, client = api
    assert check_cluster(client, cluster(), REQUEST) == []
    assert [query.get("dryRun") for _, _, query, _ in server.seen] == [["All"], ["All"]]
    sent = send(client, REQUEST)
    assert server.sent("workflowtemplates") == [TEMPLATE]
    assert sent["spec"]["entrypoint"] == "dag"
    assert "workflowTemplateRef" not in sent["spec"]
    assert {entry["name"]: entry["value"] for entry in sent["spec"]["arguments"]["parameters"]} == {
        "run": "one",
        "root": "s3://bucket/results",
        "set": '{"train.learning_rate": 1e-4}',
        "workflow": "seed = 0",
    }
    assert sent["metadata"]["labels"] == {"nemoflow/team": "default", "nemoflow/run": "one"}
    assert sent["metadata"]["name"].startswith("one-")
    assert all(query["fieldValidation"] == ["Strict"] for _, _, query, _ in server.seen)


@pytest.mark.parametrize(
    ("kind", "name"), [("serviceaccounts", "nemoflow-step"), ("secrets", "nemoflow-s3"), ("configmaps", "nemoflow-s3")]
)
def test_what_the_chart_makes_is_missed_before_anything_is_sent(api, kind, name):
    server, client = api
    server.objects.pop(f"/api/v1/namespaces/nemoflow/{kind}/{name}")
    with pytest.raises(ClusterRefused, match=rf"namespace nemoflow: no {kind[:-1]} '{name}'; install the chart"):
        check_cluster(client, cluster(), REQUEST)
    assert server.seen == []


def test_what_one_may_not_read_is_said_and_does_not_stop_the_run(api):
    server, client = api
    server.refused["GET", "/secrets/nemoflow-s3"] = (403, "forbidden")
    assert check_cluster(client, cluster(), REQUEST) == ["secrets/nemoflow-s3"]


def test_a_cluster_without_argo_is_told(api):
    server, client = api
    server.objects.pop("/apis/argoproj.io/v1alpha1")
    with pytest.raises(ClusterRefused, match="Argo Workflows is not installed there"):
        check_cluster(client, cluster(), REQUEST)


def test_what_the_server_refuses_is_bad_input_in_its_own_words(api):
    server, client = api
    server.refused["PATCH", "/nemoflow-mine"] = (422, "spec.templates: Invalid value")
    with pytest.raises(ClusterRefused, match=r"cannot change .*nemoflow-mine: 422: spec\.templates: Invalid value") as told:
        check_cluster(client, cluster(), REQUEST)
    assert told.value.exit_code == 2


def test_a_run_that_is_at_work_is_not_started_again(api):
    server, client = api
    server.put("workflows", "one-abcde", **workflow("Running"))
    with pytest.raises(ClusterError, match="run 'one' is at work as workflow one-abcde") as told:
        check_cluster(client, cluster(), REQUEST)
    assert told.value.exit_code == 75
    server.put("workflows", "one-abcde", **workflow("Failed"))
    check_cluster(client, cluster(), REQUEST)


def test_a_server_that_is_away_is_told_within_ten_seconds(tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, port)))
    begun = time.monotonic()
    with pytest.raises(ClusterError, match=rf"the API server http://127\.0\.0\.1:{port} is away \(.*refused") as told:
        check_cluster(connect("nemoflow"), cluster(), REQUEST)
    assert time.monotonic() - begun < 10
    assert told.value.exit_code == 75


def test_no_kubeconfig_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ClusterRefused, match=r"no cluster to speak to: .*set KUBECONFIG"):
        connect()


def test_a_run_is_stopped_so_that_its_cleanup_runs(api):
    server, client = api
    server.put("workflows", "one-abcde", **workflow("Running"))
    assert stop(client, "one")["spec"] == {"shutdown": "Stop"}
    server.put("workflows", "one-abcde", **workflow("Succeeded"))
    assert stop(client, "one") is None


def test_a_run_that_is_not_there_is_told_with_those_that_are(api):
    server, client = api
    server.put("workflows", "one-abcde", **workflow("Succeeded"))
    with pytest.raises(InputError, match="run 'two': no workflow in namespace nemoflow; runs there: one"):
        find_run(client, "two")


CODE = "0.1.0-97dc48a5e667"


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("0.1.0", "0.1.0"),
        ("0.1.0", CODE),
        ("0.1.0", f"{CODE}+"),
        ("0.1.0-97dc48a5e667", CODE),
        ("0.1.0-97dc48a5e667-1a2b3c4d", f"{CODE}+"),
        ("0.1.0-97dc48a5e667", "0.1.0"),
    ],
)
def test_images_of_the_same_code_are_taken(tag, code):
    check_code(tag, code)


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("latest", r"tag 'latest': images are tagged by the version of nemoflow: 0\.1\.0 or 0\.1\.0-COMMIT is right"),
        ("0.2.0", r"tag '0\.2\.0': this is nemoflow 0\.1\.0; make images of it"),
        ("0.1.0-000000000000", r"this is commit 97dc48a5e667; make images of it"),
    ],
)
def test_images_of_other_code_are_refused(tag, said):
    with pytest.raises(ConfigError, match=said):
        check_code(tag, CODE)


@pytest.mark.parametrize(("run", "name"), [("a.b_c", "a-b-c"), ("x" * 63, "x" * 40), ("a" * 39 + "--b", "a" * 39)])
def test_a_runs_name_becomes_one_that_an_object_may_have(run, name):
    assert workflow_name(run) == name


def test_no_token_is_shown(api):
    _, client = api
    assert "t0ken" not in repr(client) + json.dumps(REQUEST.workflow)


def gang_request():
    from nemoflow.argo.gang import to_text

    pod = {"containers": [{"name": "main", "envFrom": [{"secretRef": {"name": "hub"}}], "args": ["{{workflow.parameters.run}}"]}]}
    jobset = {"spec": {"replicatedJobs": [{"template": {"spec": {"template": {"spec": pod}}}}]}}
    made = {"name": "train", "resource": {"action": "apply", "manifest": to_text(jobset)}}
    return Request({**TEMPLATE, "spec": {**TEMPLATE["spec"], "templates": [made]}}, "one", "s3://bucket/results")


def test_a_node_of_several_pods_needs_jobset_its_account_and_its_secrets(api):
    server, client = api
    with pytest.raises(ClusterRefused, match=r"train needs several pods and JobSet is not installed there \(no jobset.x-k8s.io/v1alpha2"):
        check_cluster(client, cluster(), gang_request())
    server.objects[JOBSET] = {"resources": [{"name": "jobsets"}]}
    with pytest.raises(ClusterRefused, match="no serviceaccount 'nemoflow-gang'"):
        check_cluster(client, cluster(), gang_request())
    server.put("serviceaccounts", "nemoflow-gang")
    with pytest.raises(ClusterRefused, match="no secret 'hub'"):
        check_cluster(client, cluster(), gang_request())
    server.put("secrets", "hub")
    assert check_cluster(client, cluster(), gang_request()) == []
