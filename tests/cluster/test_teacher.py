"""The teacher's life on a real cluster: shared, never leaked, never taken from a live run, and killed without losing a row."""

import json
import os
import random
import re
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.cluster.release import IMAGES, Release
from tests.cluster.team import new_run

from nemoflow.inference.deployment import Deployment, connect
from nemoflow.inference.leases import Lease, WorkflowName, settle, tidy
from nemoflow.records import Trace
from nemoflow.store import read_rows
from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

if TYPE_CHECKING:
    from tests.cluster.conftest import Cluster

pytestmark = pytest.mark.cluster

HERE = Path(__file__).parent
GIVEN_BACK_S = 120
"""Within which a run that ended without its exit handler leaves no teacher behind."""
CLUSTER = """
registry = "{registry}"
tag = "{tag}"
namespace = "{namespace}"
root = "s3://{bucket}/results"
[service_accounts]
steps = {{ wake-teacher = "nemoflow-teacher", release-teacher = "nemoflow-teacher" }}
[set]
"wake-teacher.kind" = "deployment"
"wake-teacher.deployment" = "nemoflow-teacher"
"wake-teacher.url" = "http://nemoflow-teacher:8000/v1"
"wake-teacher.deadline_s" = 180
[pools.cpu]
cpu = "50m"
memory = "384Mi"
grace_s = 20
"""
NEEDING = 'pipeline = "teacher_pipeline:needing"\n[wake-teacher]\nmodel = "solver-v2-e0.1-s0"\nkind = "url"\nurl = "http://t"\n'
ASKING = NEEDING.replace(":needing", ":asking") + (
    "[make-problems]\ntrain = { numeral = 400, unit = 400 }\neval = { numeral = 1, unit = 1 }\n"
    "[harvest]\nsamples = 2\nconcurrency = 1\ncommit_rows = 20\nmax_tokens = 2048\n"
)


class Desk:
    """Someone who submits to a release of the chart."""

    def __init__(self, release: Release, folder: Path) -> None:
        self.release, self.folder = release, folder
        built = json.loads(IMAGES.read_text())
        registry = built["images"]["data"]["reference"].partition("/nemoflow/")[0]
        names = {"registry": registry, "tag": built["tag"], "namespace": release.namespace, "bucket": release.bucket}
        (folder / "cluster.toml").write_text(CLUSTER.format(**names))

    def submit(self, text: str, run: str, **sets: Any) -> None:
        path = self.folder / ("asking.toml" if text == ASKING else "needing.toml")
        path.write_text(text)
        command = [sys.executable, "-m", "nemoflow.cli.main", "submit", path, "--cluster", self.folder / "cluster.toml", "--run", run]
        command += ["--no-follow", "--set", json.dumps(sets)]
        environment = {**self.release.environment, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        print(f"run {run}: workflow {self.workflow(run)['metadata']['name']} UID {self.workflow(run)['metadata']['uid']}")  # noqa: T201

    def workflow(self, run: str) -> dict[str, Any]:
        return self.release.get("workflows", "-l", f"nemoflow/run={run}")[0]

    def phase(self, run: str, node: str = "") -> str:
        status = self.workflow(run).get("status") or {}
        if not node:
            return str(status.get("phase") or "")
        found = [each for each in (status.get("nodes") or {}).values() if each.get("displayName") == node]
        return str(found[-1].get("phase") or "") if found else ""

    @property
    def replicas(self) -> int:
        return int(self.release.get("deployments", "-l", "app.kubernetes.io/component=teacher")[0]["spec"]["replicas"])

    def pods(self) -> set[str]:
        """Uids of the teacher's pods that are not on their way out."""
        found = self.release.get("pods", "-l", "app.kubernetes.io/component=teacher")
        return {pod["metadata"]["uid"] for pod in found if not pod["metadata"].get("deletionTimestamp")}

    def holders(self) -> set[str]:
        """Names of the Workflows that have a lease."""
        found = self.release.get("leases", "-l", "nemoflow/teacher=nemoflow-teacher")
        return {lease["metadata"]["ownerReferences"][0]["name"] for lease in found}

    def name(self, run: str) -> str:
        return str(self.workflow(run)["metadata"]["name"])

    def end(self, run: str, how: str) -> None:
        """`Stop` runs the exit handler, `Terminate` does not."""
        self.release.kubectl("patch", "workflow", self.name(run), "--type=merge", "-p", json.dumps({"spec": {"shutdown": how}}))

    def until(self, what: str, is_so: Callable[[], bool], seconds: float = 300) -> float:
        """Seconds until something is so."""
        begun = time.monotonic()
        while not is_so():
            waited = time.monotonic() - begun
            assert waited < seconds, f"{what}: not within {seconds:g} s\n{self.release.kubectl('get', 'pods,workflows,leases').stdout}"
            time.sleep(0.5)
        return time.monotonic() - begun


@pytest.fixture(scope="module")
def release(cluster: "Cluster") -> Iterator[Release]:
    if "S3_ENDPOINT_IN_CLUSTER" not in cluster.environment:
        pytest.skip("THE TEACHER IS NOT TRIED ON A CLUSTER: S3_ENDPOINT, S3_ENDPOINT_IN_CLUSTER and the keys of AWS_... name an S3 server")
    if not IMAGES.exists() or not json.loads(IMAGES.read_text())["images"].get("solver-teacher"):
        pytest.skip("THE TEACHER IS NOT TRIED ON A CLUSTER: no images; `make images` builds and pushes them")
    made = Release(cluster.environment)
    keys = {name: made.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    environment = {**keys, "PYTHONPATH": "/etc/nemoflow-ca"}
    made.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nemoflow-s3"}, "stringData": environment})
    pipeline = {"teacher_pipeline.py": (HERE / "teacher_pipeline.py").read_text()}
    made.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nemoflow-ca"}, "data": pipeline})
    made.install(workflows__enabled=False)
    yield made
    server = Server.from_environment(made.environment)
    for entry in S3Store(server, made.bucket, "").list(""):
        server.client().remove_object(made.bucket, entry.key)
    server.client().remove_bucket(made.bucket)
    made.remove()


@pytest.fixture
def desk(release: Release, tmp_path: Path) -> Desk:
    return Desk(release, tmp_path)


def test_runs_share_a_teacher_and_whatever_becomes_of_them_it_sleeps_when_the_last_is_gone(desk: Desk) -> None:
    stopped, terminated, deleted = runs = [new_run() for _ in range(3)]
    for run in runs:
        desk.submit(NEEDING, run, **{"need.salt": run})
    names = {run: desk.name(run) for run in runs}
    desk.until("all three at work", lambda: all(desk.phase(run, "need") == "Running" for run in runs))
    assert desk.holders() == set(names.values())
    assert desk.replicas == 1
    pods = desk.pods()
    assert len(pods) == 1

    desk.end(stopped, "Stop")
    desk.until("its exit handler gave its lease back", lambda: names[stopped] not in desk.holders())
    desk.until("it is over", lambda: desk.phase(stopped) == "Failed")
    assert (desk.replicas, desk.pods()) == (1, pods)

    desk.end(terminated, "Terminate")
    desk.until("it is over", lambda: desk.phase(terminated) == "Failed")
    assert "release-teacher" not in json.dumps([node.get("displayName") for node in desk.workflow(terminated)["status"]["nodes"].values()])
    desk.release.kubectl("delete", "workflow", names[deleted], "--wait=false")
    seconds = desk.until("the teacher sleeps again", lambda: desk.replicas == 0 and not desk.holders(), GIVEN_BACK_S)
    print(f"given back after {seconds:.0f} s")  # noqa: T201


def test_a_teacher_whose_pod_is_killed_in_mid_harvest_costs_time_and_no_row(desk: Desk) -> None:
    run = new_run()
    desk.submit(ASKING, run)
    store = S3Store(Server.from_environment(desk.release.environment), desk.release.bucket, "results")
    desk.until("the first traces are kept", lambda: any(store.list("traces")))
    assert desk.phase(run, "harvest") != "Succeeded"
    (before,) = desk.pods()
    desk.release.kubectl("delete", "pods", "-l", "app.kubernetes.io/component=teacher", "--grace-period=0", "--force")
    desk.until("another pod", lambda: bool(desk.pods()) and before not in desk.pods())
    desk.until("it is over", lambda: desk.phase(run) in ("Succeeded", "Failed", "Error"), 420)
    assert desk.phase(run) == "Succeeded"
    manifest = json.loads(store.read_bytes(f"runs/{run}/harvest/manifest.json"))
    traces = manifest["outputs"]["traces"]
    rows = [row for file in traces["files"] for row in read_rows(store, f"{traces['address']}/{file['path']}", Trace)]
    assert len(rows) == 1600
    assert Counter(Counter((row.problem_id, row.sample) for row in rows).values()) == {1: 1600}
    assert not any(row.error for row in rows)
    desk.until("the teacher sleeps", lambda: desk.replicas == 0)
    print("harvest", manifest["metrics"], "attempts", len(desk.release.get("pods", "-l", f"nemoflow/run={run},nemoflow/step=harvest")))  # noqa: T201


@pytest.fixture
def as_teacher(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The teacher as the account of its steps reaches it."""
    config = yaml.safe_load(release.kubectl("config", "view", "--raw", "--minify").stdout)
    token = release.kubectl("create", "token", "nemoflow-teacher").stdout.strip()
    config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token}}]
    path = tmp_path / "teacher.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return connect("nemoflow-teacher", release.namespace)


def waiting_workflow(release: Release, name: str) -> WorkflowName:
    """A Workflow that runs without a pod."""
    template = {"name": "wait", "suspend": {}}
    spec = {"entrypoint": "wait", "templates": [template]}
    release.apply({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec})
    uid = release.kubectl("get", "workflow", name, "-o", "jsonpath={.metadata.uid}").stdout
    print(f"workflow {name} UID {uid}")  # noqa: T201
    return WorkflowName(name=name, uid=uid)


def test_wakes_releases_and_janitors_at_the_same_moment_leave_it_up_for_live_runs_and_down_without(
    release: Release, as_teacher: Deployment
) -> None:
    workflows = [waiting_workflow(release, f"waiting-{number}") for number in range(3)]
    leases = [Lease(f"nemoflow-teacher-{each.name}", each.name, 1, each) for each in workflows]
    begin = threading.Barrier(5)
    failures: list[BaseException] = []

    def participate(work: Callable[[random.Random], None], seed: int) -> None:
        begin.wait()
        try:
            work(random.Random(seed))
        except BaseException as error:
            failures.append(error)
            raise

    def run(lease: Lease, *, leaves: bool) -> Callable[[random.Random], None]:
        def work(dice: random.Random) -> None:
            for turn in range(5):
                as_teacher.hold(lease)
                settle(as_teacher)
                time.sleep(dice.random() / 5)
                if turn < 4 or leaves:
                    as_teacher.drop(lease.name)
                    settle(as_teacher)

        return work

    def janitor(dice: random.Random) -> None:
        for _ in range(15):
            tidy(as_teacher)
            time.sleep(dice.random() / 10)

    works = [run(leases[0], leaves=True), run(leases[1], leaves=True), run(leases[2], leaves=False), janitor, janitor]
    threads = [threading.Thread(target=participate, args=(work, seed)) for seed, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert as_teacher.scale().replicas == 1
    assert [lease.name for lease in as_teacher.leases()[0]] == [leases[2].name]
    release.kubectl("delete", "workflows", *(each.name for each in workflows))
    assert tidy(as_teacher).replicas == 0


@pytest.fixture
def full_queue(release: Release) -> Iterator[str]:
    """A queue of Kueue that has nothing to give."""
    name = f"full-{secrets.token_hex(3)}"
    api = {"apiVersion": "kueue.x-k8s.io/v1beta2"}
    nothing = [{"name": resource, "nominalQuota": 0} for resource in ("cpu", "memory")]
    groups = [{"coveredResources": ["cpu", "memory"], "flavors": [{"name": name, "resources": nothing}]}]
    release.apply({**api, "kind": "ResourceFlavor", "metadata": {"name": name}, "spec": {}})
    release.apply({**api, "kind": "ClusterQueue", "metadata": {"name": name}, "spec": {"namespaceSelector": {}, "resourceGroups": groups}})
    release.apply({**api, "kind": "LocalQueue", "metadata": {"name": name}, "spec": {"clusterQueue": name}})
    yield name
    release.kubectl("delete", f"localqueues.kueue.x-k8s.io/{name}", f"clusterqueues.kueue.x-k8s.io/{name}", "--wait=false")
    release.kubectl("delete", f"resourceflavors.kueue.x-k8s.io/{name}", "--wait=false")


def test_a_teacher_that_waits_for_quota_says_so_in_the_words_of_the_queue(
    release: Release, full_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = json.loads(release.kubectl("get", "deployment", "nemoflow-teacher", "-o", "json").stdout)
    metadata = {"name": "queued", "labels": {"kueue.x-k8s.io/queue-name": full_queue}}
    own = {"app": "queued"}
    spec = {**made["spec"], "replicas": 0, "selector": {"matchLabels": own}}
    spec["template"] = {"metadata": {"labels": own}, "spec": made["spec"]["template"]["spec"]}
    release.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    monkeypatch.setenv("KUBECONFIG", release.environment["KUBECONFIG"])
    queued = connect("queued", release.namespace)
    workflow = waiting_workflow(release, "waiting-for-quota")
    queued.hold(Lease("queued-lease", workflow.name, 2, workflow))
    assert settle(queued).replicas == 2
    wanted = r"0 of 2 ready; 2 pending for quota: .*insufficient quota for (cpu|memory)"
    said = [""]
    deadline = time.monotonic() + 300
    while not re.search(wanted, said[-1]) and time.monotonic() < deadline:
        said.append(queued.why_not_ready())
        time.sleep(0.5)
    assert re.search(wanted, said[-1]), said
    release.kubectl("delete", "workflow", workflow.name)
    assert tidy(queued).replicas == 0
    release.kubectl("delete", "deployment", "queued")
