"""Training in two pods, from the chart to the adapter, beside the same training by two processes of this machine."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cluster.release import IMAGES, Release
from tests.cluster.test_demo import WORKFLOW, digests, manifest, nemoflow

from nemoflow.argo.api import connect

if TYPE_CHECKING:
    from tests.cluster.conftest import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]

TOGETHER = {"train.processes": 2, "train.accumulation": 2, "train.micro_batch": 4}
POOL = '\n[pools.pair]\ncpu = "250m"\nmemory = "3Gi"\nprocesses_per_pod = 1\n'


@pytest.fixture(scope="module")
def release(cluster: "Cluster") -> Iterator[Release]:
    if not IMAGES.exists() or not json.loads(IMAGES.read_text())["images"].get("train"):
        pytest.skip("TRAINING IN TWO PODS IS NOT TRIED: no images; `make images` builds and pushes them")
    if not connect("default", cluster.kubectl.kubeconfig).serves("jobsets"):
        pytest.skip("TRAINING IN TWO PODS IS NOT TRIED: JobSet is not installed on this cluster")
    made = Release(cluster.environment)
    made.give_keys()
    made.install(teacher__solver={"errorRate": 0.2, "seed": 3}, gangs__enabled=True)
    yield made
    made.remove_bucket()
    made.remove()


def cluster_file(release: Release, folder: Path) -> Path:
    """With a pool whose pods hold one process each."""
    text = release.cluster_toml().replace('pools = { train = "small"', 'pools = { train = "pair"')
    text = text.replace("[set]\n", "[set]\n" + "".join(f'"{name}" = {value}\n' for name, value in TOGETHER.items()))
    text = text.replace("[service_accounts]\n", '[service_accounts]\ngang = "nemoflow-gang"\n')
    path = folder / "cluster.toml"
    path.write_text(text + POOL)
    return path


def test_two_pods_make_the_adapter_that_two_processes_of_a_laptop_make(release: Release, tmp_path: Path) -> None:
    said = nemoflow(dict(release.environment), "submit", WORKFLOW, "--cluster", cluster_file(release, tmp_path), "--run", "pair")
    assert f"run pair of {WORKFLOW}" in said
    sets = release.get("jobsets")
    assert [made["metadata"]["labels"]["nemoflow/step"] for made in sets] == ["train"]
    assert sets[0]["spec"]["replicatedJobs"][0]["template"]["spec"]["completions"] == 2

    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    nemoflow(own, "run", WORKFLOW, "--root", tmp_path, "--run", "pair", "--set", json.dumps(TOGETHER))
    local = json.loads((tmp_path / "runs" / "pair" / "train" / "manifest.json").read_text())
    there = manifest(release, "pair", "train")
    assert there["fingerprint"] == local["fingerprint"]
    assert digests(there, "adapter") == digests(local, "adapter")
