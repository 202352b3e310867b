"""The demo at a fraction of its size, from the chart to a submission in the bucket, beside the same run on this machine."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.release import HERE, IMAGES, Release

from nemoflow.store.s3_server import Server

if TYPE_CHECKING:
    from tests.cluster.conftest import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]  # two runs on the cluster and one here, beside three others' tests

WORKFLOW = HERE / "tests" / "pipelines" / "reduced.toml"
RESULTS = {"mix": "corpus", "train": "adapter"}
"""Node to the output that must be the same to the byte wherever it was made."""
CHANGED = {"train", "evaluate-adapter", "gate", "report", "package", "notebook"}
"""Nodes that a change of the training makes anew."""
OF_THE_CLOCK = {"generation_s", "tokens_per_s"}
"""Figures of an evaluation that say how fast the machine was."""


def counted(record: dict) -> dict:
    """A manifest's metrics without those of the clock."""
    return {name: figure for name, figure in record["metrics"].items() if name not in OF_THE_CLOCK}


@pytest.fixture(scope="module")
def release(cluster: "Cluster") -> Iterator[Release]:
    if "S3_ENDPOINT_IN_CLUSTER" not in cluster.environment:
        pytest.skip("THE DEMO IS NOT TRIED ON A CLUSTER: S3_ENDPOINT, S3_ENDPOINT_IN_CLUSTER and the keys of AWS_... name an S3 server")
    if not IMAGES.exists() or not json.loads(IMAGES.read_text())["images"].get("train"):
        pytest.skip("THE DEMO IS NOT TRIED ON A CLUSTER: no images; `make images` builds and pushes them")
    made = Release(cluster.environment)
    made.give_keys()
    made.install(teacher__solver={"errorRate": 0.2, "seed": 3})
    yield made
    made.remove_bucket()
    made.remove()


@pytest.fixture(scope="module")
def cluster_file(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("team") / "cluster.toml"
    path.write_text(release.cluster_toml())
    return path


def nemoflow(environment: dict[str, str], *args: object) -> str:
    command = [sys.executable, "-m", "nemoflow.cli.main", *map(str, args)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    print(done.stdout)  # noqa: T201  the UID of the Workflow, for the log of the tests
    assert done.returncode == 0, f"{' '.join(map(str, args))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def manifest(release: Release, run: str, node: str) -> dict[str, Any]:
    client = Server.from_environment(release.environment).client()
    return dict(json.loads(client.get_object(release.bucket, f"results/runs/{run}/{node}/manifest.json").read()))


def digests(made: dict[str, Any], output: str) -> dict[str, str]:
    return {file["path"]: file["digest"] for file in made["outputs"][output]["files"]}


def members(content: bytes) -> list[tuple[str, int, int]]:
    """Names, check sums and sizes of what a submission holds; its own bytes depend on which zlib a Python was built with."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(member.filename, member.CRC, member.file_size) for member in archive.infolist()]


def test_a_cluster_and_a_laptop_make_the_same_submission_and_a_change_of_training_starts_there(
    release: Release, cluster_file: Path, tmp_path: Path
) -> None:
    environment = dict(release.environment)
    said = nemoflow(environment, "submit", WORKFLOW, "--cluster", cluster_file, "--run", "first")
    assert f"run first of {WORKFLOW}" in said
    assert release.get("deployments")[0]["spec"]["replicas"] == 0

    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    nemoflow(own, "run", WORKFLOW, "--root", tmp_path, "--run", "first")
    for node, output in RESULTS.items():
        local = json.loads((tmp_path / "runs" / "first" / node / "manifest.json").read_text())
        there = manifest(release, "first", node)
        assert digests(there, output) == digests(local, output), node
        assert there["fingerprint"] == local["fingerprint"], node
    for node in ("evaluate-base", "evaluate-adapter"):
        local = json.loads((tmp_path / "runs" / "first" / node / "manifest.json").read_text())
        assert counted(manifest(release, "first", node)) == counted(local)

    path = "runs/first/package/submission/submission.zip"
    stored = Server.from_environment(environment).client().get_object(release.bucket, f"results/{path}").read()
    assert members(stored) == members((tmp_path / path).read_bytes())

    change = '{"train.learning_rate": 4e-3}'
    nemoflow(environment, "submit", WORKFLOW, "--cluster", cluster_file, "--run", "second", "--set", change)
    nodes = json.loads(nemoflow(environment, "show", "second", "--root", release.root, "--json"))["nodes"]
    worked = {node["node"] for node in nodes if not node["reused_from"]}
    assert worked - {"wake-teacher", "release-teacher"} == CHANGED
