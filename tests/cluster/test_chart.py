"""The chart on a real cluster: installed, tested, upgraded under a running teacher, removed; and what its accounts may do."""

import base64
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.release import CHART, IMAGES, Release
from tests.helm.chart import PROFILES

import nemoflow
from nemoflow.store.s3 import S3Store, find_bucket
from nemoflow.store.s3_server import Server

if TYPE_CHECKING:
    from tests.cluster.conftest import Cluster

pytestmark = pytest.mark.cluster

UNINSTALL = ("uninstall", "nemoflow", "--wait", "--cascade", "foreground", "--timeout", "180s")
"""As docs/cluster.md has it: without `foreground` Helm does not wait for the pods, which Kubernetes then removes some seconds later."""
ALONE: dict[str, Any] = {"teacher__janitor": {"enabled": False}}
"""No janitor: it puts a teacher to sleep that no lease holds, and at each full minute its pod is among those that a test looks at."""
LEFT = {("Secret", "nemoflow-s3"), ("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
KINDS = (
    "configmaps,secrets,serviceaccounts,services,deployments,statefulsets,jobs,pods,roles,rolebindings,networkpolicies,"
    "persistentvolumeclaims,workflowtemplates.argoproj.io,workflows.argoproj.io"
)


@pytest.fixture
def release(cluster: "Cluster") -> Iterator[Release]:
    if "S3_ENDPOINT_IN_CLUSTER" not in cluster.environment:
        pytest.skip("THE CHART IS NOT TRIED: S3_ENDPOINT, S3_ENDPOINT_IN_CLUSTER and the keys of AWS_... name an S3 server")
    if not IMAGES.exists() or not json.loads(IMAGES.read_text())["images"].get("data"):
        pytest.skip("THE CHART IS NOT TRIED: no images; `make images` builds and pushes them")
    made = Release(cluster.environment)
    yield made
    made.remove()


@pytest.fixture
def server(release: Release) -> Iterator[Server]:
    """The cluster's S3 from this machine; the release's bucket goes when the test ends."""
    found = Server.from_environment(release.environment)
    yield found
    if find_bucket(found, release.bucket, ""):
        for entry in S3Store(found, release.bucket, "").list(""):
            found.client().remove_object(release.bucket, entry.key)
        found.client().remove_bucket(release.bucket)


def test_a_release_comes_works_changes_and_goes_and_leaves_data(release: Release, server: Server) -> None:
    release.give_keys()
    done = release.install(**ALONE)
    assert f"s3://{release.bucket}/results" in done.stdout
    assert server.secret_key not in done.stdout + done.stderr
    assert find_bucket(server, release.bucket, "")
    jobs = release.get("jobs")
    assert [job["status"].get("succeeded") for job in jobs] == [1]
    print("buckets job", jobs[0]["metadata"]["uid"])  # noqa: T201

    release.helm("test", "nemoflow", "--timeout", "180s")
    assert "ready" in release.kubectl("logs", "job/nemoflow-test-store").stdout

    teacher = f"--as=system:serviceaccount:{release.namespace}:nemoflow-teacher"
    release.kubectl("scale", "deployment/nemoflow-teacher", "--current-replicas=0", "--replicas=1", teacher)
    release.kubectl("rollout", "status", "deployment/nemoflow-teacher", "--timeout=300s")
    answered = f"/api/v1/namespaces/{release.namespace}/services/nemoflow-teacher:8000/proxy/v1/models"
    assert json.loads(release.kubectl("get", "--raw", answered).stdout)["data"][0]["id"] == "solver-v2-e0.1-s0"
    pod = release.get("pods", "-l", "app.kubernetes.io/component=teacher")[0]["metadata"]["uid"]

    release.install(workflows__podLabels={"changed": "yes"}, **ALONE)
    assert release.get("deployments")[0]["spec"]["replicas"] == 1
    assert release.get("pods", "-l", "app.kubernetes.io/component=teacher")[0]["metadata"]["uid"] == pod

    release.helm(*UNINSTALL)
    left = {
        (found["kind"], found["metadata"]["name"]) for found in release.get(KINDS) if "nemoflow-test-store" not in found["metadata"]["name"]
    }
    assert left == LEFT
    assert find_bucket(server, release.bucket, "")


@pytest.mark.parametrize("values", PROFILES, ids=[path.stem for path in PROFILES])
def test_the_api_server_takes_every_object(release: Release, values: str) -> None:
    rendered = release.helm("template", "nemoflow", str(CHART), "--values", str(values)).stdout
    done = release.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=rendered)
    assert "Warning" not in done.stderr, done.stderr


def test_a_wrong_key_fails_once_and_says_what_to_check(release: Release) -> None:
    release.give_keys("not-the-secret")
    done = release.install("--timeout", "180s", check=False, **ALONE)
    assert done.returncode
    job = release.get("jobs")[0]
    assert job["status"]["conditions"][-1]["reason"] == "PodFailurePolicy"
    pods = release.get("pods")
    assert [pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] for pod in pods] == [2]
    said = release.kubectl("logs", pods[0]["metadata"]["name"]).stdout
    assert "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in said
    assert "not-the-secret" not in said


def test_a_store_of_its_own_keeps_its_data_when_the_release_goes(release: Release) -> None:
    release.give_keys()
    registry, _, tag = release.kubectl(
        "get", "pods", "-A", "-o", "jsonpath={.items[?(@.metadata.labels.app=='minio')].spec.containers[0].image}"
    ).stdout.rpartition("/")
    if not tag:
        pytest.skip("THE CHART'S MINIO IS NOT TRIED: the cluster has no image of it")
    image = {"registry": registry, "repository": tag.partition(":")[0], "tag": tag.partition(":")[2]}
    changes = {"s3__endpoint": "", "minio__enabled": True, "minio__image": image, "minio__persistence": {"size": "1Gi"}, **ALONE}
    release.install(wait=False, **changes)
    release.open_volumes()
    release.kubectl("wait", "--for=condition=Complete", "jobs", "--all", "--timeout=300s")
    release.helm("test", "nemoflow", "--timeout", "180s")
    release.helm(*UNINSTALL)
    assert [claim["metadata"]["name"] for claim in release.get("persistentvolumeclaims")] == ["data-nemoflow-minio-0"]
    release.install(**changes)
    assert "is there at http://nemoflow-minio:9000" in release.kubectl("logs", f"job/{release.get('jobs')[0]['metadata']['name']}").stdout


def test_the_keys_are_nowhere_but_in_their_secret(release: Release, server: Server) -> None:
    """After a step ran: not in workflows, pods, logs, events, nor in what it wrote."""
    if not list(CHART.glob("files/workflows/demo.yaml")):
        pytest.skip("NO WORKFLOW IS TRIED: `make render` writes the chart's")
    release.give_keys()
    release.install(**ALONE)
    sets = {"make-problems.train": {"numeral": 4}, "make-problems.eval": {"numeral": 4}}
    parameters = [{"name": "run", "value": "one"}, {"name": "set", "value": json.dumps(sets)}]
    template = {"name": f"nemoflow-demo-{nemoflow.__version__}"}
    spec = {"workflowTemplateRef": template, "entrypoint": "make-problems", "arguments": {"parameters": parameters}}
    release.apply({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "one"}, "spec": spec})
    release.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "workflow/one", "--timeout=300s")
    print("workflow", release.get("workflows")[0]["metadata"]["uid"])  # noqa: T201

    objects = release.kubectl("get", f"{KINDS.replace('secrets,', '')},events", "-o", "json").stdout
    logs = "".join(release.kubectl("logs", pod["metadata"]["name"], "--all-containers").stdout for pod in release.get("pods"))
    store = S3Store(server, release.bucket, "")
    written = b"".join(store.read_bytes(entry.key) for entry in store.list("results/runs"))
    assert all("make-problems" in text for text in (objects, logs, written.decode()))
    for form in (server.secret_key, base64.b64encode(server.secret_key.encode()).decode()):
        assert form not in objects
        assert form not in logs
        assert form.encode() not in written


ALLOWED = {
    "step": {"create workflowtaskresults.argoproj.io", "patch workflowtaskresults.argoproj.io"},
    "teacher": {
        *("create workflowtaskresults.argoproj.io", "patch workflowtaskresults.argoproj.io"),
        *(
            "get deployments.apps/nemoflow-teacher",
            "get deployments.apps/nemoflow-teacher scale",
            "update deployments.apps/nemoflow-teacher scale",
        ),
        *(f"{verb} leases.coordination.k8s.io" for verb in ("list", "create", "patch", "delete")),
        *("get workflows.argoproj.io", "list pods", "list workloads.kueue.x-k8s.io"),
    },
    "submit": {
        *("create workflowtemplates.argoproj.io", "patch workflowtemplates.argoproj.io", "get workflowtemplates.argoproj.io"),
        *("create workflows.argoproj.io", "patch workflows.argoproj.io", "get workflows.argoproj.io", "delete workflows.argoproj.io"),
        *("list workflows.argoproj.io", "get pods", "list pods", "list events", "get pods log"),
        *("get deployments.apps/nemoflow-teacher", "get deployments.apps/nemoflow-teacher scale", "list leases.coordination.k8s.io"),
    },
    "service": set(),
}
ASKED = sorted(
    {question for questions in ALLOWED.values() for question in questions}
    | {
        "get secrets",
        "list secrets",
        "get secrets/nemoflow-s3",
        "create pods",
        "delete pods",
        "create pods exec",
        "get nodes",
        "get namespaces",
    }
    | {"patch deployments.apps", "patch deployments.apps/nemoflow-teacher", "update deployments.apps/other scale", "create jobs.batch"}
    | {"patch deployments.apps/nemoflow-teacher scale", "list workflows.argoproj.io", "get deployments.apps/other"}
    | {"delete workflowtemplates.argoproj.io", "create serviceaccounts token", "create rolebindings.rbac.authorization.k8s.io"}
)


def test_each_account_may_do_its_own_and_nothing_else(release: Release) -> None:
    release.give_keys()
    release.install(s3__makeBuckets=False)
    asked = [(account, question) for account in ALLOWED for question in ASKED]
    reviews = [review(release.namespace, *asking) for asking in asked]
    listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews})
    answers = release.kubectl("create", "-f", "-", "-o", 'jsonpath={.status.allowed}{" "}', stdin=listing).stdout.split()
    may: dict[str, set[str]] = {account: set() for account in ALLOWED}
    for (account, question), answer in zip(asked, answers, strict=True):
        if answer == "true":
            may[account].add(question)
    assert may == ALLOWED


def review(namespace: str, account: str, question: str) -> dict[str, Any]:
    """Asks the API server whether an account of the release may do this in its namespace."""
    verb, what, *subresource = question.split()
    resource, _, name = what.partition("/")
    plural, _, group = resource.partition(".")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": plural, "name": name}
    attributes |= {"subresource": subresource[0]} if subresource else {}
    spec = {"user": f"system:serviceaccount:{namespace}:nemoflow-{account}", "resourceAttributes": attributes}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
