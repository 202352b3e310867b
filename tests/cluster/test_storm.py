"""One short pipeline through everything that happens to clusters: it completes, and its rows are those of a quiet day."""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.cluster.pipeline_run import STORM, TEACHER, PipelineRun, balance, cluster_file, undisturbed
from tests.cluster.release import IMAGES, Release
from tests.cluster.tool import disturb, life

from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

pytestmark = [pytest.mark.cluster, pytest.mark.disruptive, pytest.mark.slow]
AWAY_S = 30


@pytest.fixture
def release(cluster) -> Iterator[Release]:
    if cluster.environment.get("KUBECONFIG") != life.environment()["KUBECONFIG"]:
        pytest.skip("NOTHING IS DISTURBED: the cluster of KUBECONFIG is not that of `make cluster`")
    if not IMAGES.exists() or not json.loads(IMAGES.read_text())["images"].get("train"):
        pytest.skip("NOTHING IS DISTURBED: no images; `make images` builds and pushes them")
    made = Release(cluster.environment)
    made.give_keys()
    made.install(teacher__solver=TEACHER)
    yield made
    disturb.wait_until_well()
    server = Server.from_environment(made.environment)
    for entry in S3Store(server, made.bucket, "").list(""):
        server.client().remove_object(made.bucket, entry.key)
    server.client().remove_bucket(made.bucket)
    made.remove()


def test_a_pipeline_comes_through_a_storm_with_every_row_once_and_tells_what_happened(release, tmp_path):
    run = PipelineRun(release, cluster_file(release, tmp_path), "storm")
    quiet = ThreadPoolExecutor(1).submit(undisturbed, STORM, tmp_path / "here")
    first = run.submitting()
    run.wait_for("wake-teacher at work", lambda: run.pods("wake-teacher"))
    with disturb.api_server_away():
        time.sleep(AWAY_S)
    first.send_signal(signal.SIGKILL)
    said, _ = first.communicate(timeout=30)
    print(said)  # noqa: T201  the UID of the Workflow
    disturb.wait_until_well()

    run.wait_for("kept traces", lambda: len(run.keys("traces")) > 5)
    run.delete_pod("harvest")
    disturb.replace("argo")
    run.wait_for("more kept traces", lambda: len(run.keys("traces")) > 15)
    disturb.crash("minio")
    run.wait_for("a checkpoint", lambda: run.pods("train") and run.has_checkpoint("train"), 300)
    run.delete_pod("train", grace_s=0)

    followed = run.nemoflow("follow", "storm", "--namespace", release.namespace)
    print(followed.stdout, followed.stderr)  # noqa: T201
    assert followed.returncode == 0
    even = balance(run, quiet.result())
    assert even.is_even, even
    told = run.history()
    print(run.nemoflow("show", "storm", "--cluster", run.cluster_file).stdout)  # noqa: T201
    assert told["counts"]["lost"] + told["counts"]["tried_again"] >= 2
    disturbed = {each["step"] for each in told["history"] if each["kind"] in ("lost", "again", "stop")}
    assert {"harvest", "train"} <= disturbed
    assert release.get("deployments")[0]["spec"]["replicas"] == 0
