"""What happens to clusters, one thing at a time, to runs of a toy pipeline: they end as they should, and tell what happened."""

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
import xxhash
from tests.cluster.kubectl import Kubectl
from tests.cluster.team import SHORT, Team, made_team, new_run
from tests.cluster.tool import disturb, life

from nemoflow.store.s3_server import Server

pytestmark = [pytest.mark.cluster, pytest.mark.disruptive]
BLOB_MIB = 400


@pytest.fixture(scope="module")
def team(cluster, image, tmp_path_factory):
    with made_team(cluster.kubectl, cluster.environment, image("data"), tmp_path_factory.mktemp("team")) as made:
        yield made


@pytest.fixture
def own_cluster(cluster) -> Iterator[None]:
    """Parts of the cluster can be disturbed where it is ours; well again when the test ends."""
    if cluster.environment.get("KUBECONFIG") != life.environment()["KUBECONFIG"]:
        pytest.skip("NOTHING IS DISTURBED: the cluster of KUBECONFIG is not that of `make cluster`")
    yield
    disturb.wait_until_well()


def told(team: Team, run: str) -> dict[str, Any]:
    """What `nemoflow show` says of a run on its cluster."""
    done = team.nemoflow("show", run, "--cluster", team.folder / "cluster.toml", "--json")
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def test_a_store_that_dies_in_mid_upload_costs_an_attempt_and_no_byte(team, own_cluster):
    run = new_run()
    sets = json.dumps({"page.blob_mib": BLOB_MIB})
    assert team.submit("--no-follow", "--set", sets, run=run, workflow=SHORT).code == 0
    client = Server.from_environment(team.environment).client()
    deadline = time.monotonic() + 90
    while not client._list_multipart_uploads(team.bucket).uploads:
        assert time.monotonic() < deadline, "no upload within 90 s"
        time.sleep(0.05)
    disturb.crash("minio")
    assert team.nemoflow("follow", run, "--namespace", team.namespace).code == 0
    [file] = team.stored(run, "page")["outputs"]["page"]["files"]
    digest = xxhash.xxh3_128()
    with client.get_object(team.bucket, f"results/runs/{run}/page/page/{file['path']}") as stream:
        size = sum(digest.update(block) or len(block) for block in stream.stream(2**20))
    assert (size, digest.hexdigest()) == (BLOB_MIB * 2**20, file["digest"])


def test_a_pod_that_fills_its_disk_is_told_of_with_what_to_change_and_not_tried_for_ever(team):
    run = new_run()
    sets = json.dumps({"page.disk_mib": 200, "page.end": "wait"})
    done = team.submit("--set", sets, run=run, workflow=SHORT, disk="100Mi", retries=0, memory="400Mi")
    assert done.code == 2
    assert 'Usage of EmptyDir volume "tmp" exceeds the limit "100Mi"' in done.err
    assert "raise disk of cpu in the cluster file" in done.err
    happened = told(team, run)
    assert happened["counts"]["evicted"] == happened["counts"]["attempts"] == 1
    assert "exceeds the limit" in next(each["what"] for each in happened["history"] if each["kind"] == "evicted")


@pytest.fixture
def queue(cluster, team) -> Iterator[str]:
    """A local queue with a quota of one GPU; what is cluster-wide of it goes when the test ends."""
    name = f"test-{secrets.token_hex(4)}"
    group = "kueue.x-k8s.io/v1beta1"
    flavor = {"name": name, "resources": [{"name": "nvidia.com/gpu", "nominalQuota": 1}]}
    quota = {"resourceGroups": [{"coveredResources": ["nvidia.com/gpu"], "flavors": [flavor]}], "namespaceSelector": {}}
    made = [
        {"apiVersion": group, "kind": "ResourceFlavor", "metadata": {"name": name}},
        {"apiVersion": group, "kind": "ClusterQueue", "metadata": {"name": name}, "spec": quota},
    ]
    for each in made:
        cluster.kubectl.create(each)
    team.kubectl.create({"apiVersion": group, "kind": "LocalQueue", "metadata": {"name": name}, "spec": {"clusterQueue": name}})
    yield name
    team.kubectl("delete", "pods", "-l", f"kueue.x-k8s.io/queue-name={name}", "--grace-period=0", "--force")
    team.kubectl("delete", "localqueue", name, "--wait=false")
    for each in reversed(made):
        cluster.kubectl("delete", each["kind"].lower(), name, "--wait=false")


def queued_pod(kubectl: Kubectl, queue: str, image: str, name: str) -> None:
    """A pod that asks for one GPU and waits to be ended."""
    locked = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    main = {
        "name": "main",
        "image": image,
        "command": ["sleep", "600"],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
        "securityContext": locked,
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [main], "securityContext": security, "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    kubectl.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"kueue.x-k8s.io/queue-name": queue}}, "spec": spec}
    )


def test_work_that_waits_for_quota_keeps_its_place_while_kueue_starts_anew(team, own_cluster, queue):
    def phase(name: str) -> str:
        return str(team.kubectl.get("pod", name)["status"]["phase"])

    def gates(name: str) -> list[Any]:
        return list(team.kubectl.get("pod", name)["spec"].get("schedulingGates") or ())

    queued_pod(team.kubectl, queue, team.image, "first")
    team.kubectl.wait_for("first", lambda: phase("first") == "Running")
    queued_pod(team.kubectl, queue, team.image, "second")
    time.sleep(1)
    assert gates("second")
    disturb.replace("kueue")
    disturb.wait_until_well()
    assert (phase("first"), bool(gates("second"))) == ("Running", True)
    team.kubectl("delete", "pod", "first", "--wait=false")
    team.kubectl.wait_for("second", lambda: phase("second") == "Running")
