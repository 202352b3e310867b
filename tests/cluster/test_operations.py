"""docs/operations.md as a platform engineer follows it: each command of it is typed, in its order, while a run is at work."""

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.cluster.pipeline_run import STORM, TEACHER, PipelineRun, cluster_file
from tests.cluster.release import HERE, IMAGES, Release
from tests.cluster.tool import disturb, life

from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

if TYPE_CHECKING:
    from tests.cluster.conftest import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.disruptive, pytest.mark.slow]

GUIDE = HERE / "docs" / "operations.md"
LEFT_OUT = re.compile(r"^(mc |nemoflow receiver |kubectl create namespace )")
"""No client of MinIO is at hand (test_gitops.py sets the same by MinIO's API), the receiver on a laptop needs no cluster
(tests/cli/test_receiver.py), and the namespace is there."""
SETS = '{"make-problems.train": {"numeral": 300, "unit": 300}, "train.epochs": 1}'


def blocks(section: str, language: str) -> list[str]:
    """Code of a section and of those below it."""
    parts = re.split(r"^## ", GUIDE.read_text(), flags=re.MULTILINE)
    text = next(part for part in parts if part.startswith(f"{section}\n"))
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(section: str) -> list[str]:
    """What the section says to type, comments off; a backslash or an open bracket never goes over a line's end in the guide."""
    lines = [line.partition("   #")[0].rstrip() for block in blocks(section, "sh") for line in block.splitlines()]
    return [line for line in lines if line and not LEFT_OUT.match(line)]


@dataclass
class Engineer:
    """Somebody at a shell, in a folder with the checkout's charts and workflows and with the files that the guide lets him write."""

    release: Release
    folder: Path
    names: dict[str, str]
    """Names in the guide, as patterns, and what they are here."""
    said: dict[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """The guide's words with this cluster's names."""
        for pattern, name in self.names.items():
            text = re.sub(pattern, name, text)
        return text

    def types(self, section: str) -> None:
        """Every command of a section."""
        for command in commands(section):
            self.type(command)

    def type(self, command: str) -> None:
        """It must succeed."""
        typed = self.here(command)
        environment = dict(self.release.environment)
        done = subprocess.run(["bash", "-c", typed], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=400)
        print(f"$ {typed}\n{done.stdout}{done.stderr}")  # noqa: T201
        assert done.returncode == 0, f"{typed}\n{done.stdout}\n{done.stderr}"
        self.said[command] = done.stdout

    def writes(self, name: str, *fragments: dict[str, Any]) -> None:
        merged: dict[str, Any] = {}
        for fragment in fragments:
            merged = merge(merged, fragment)
        (self.folder / name).write_text(yaml.safe_dump(merged))

    def values(self, section: str, number: int = 0) -> dict[str, Any]:
        """A fragment of values that a section shows."""
        return dict(yaml.safe_load(self.here(blocks(section, "yaml")[number])))


def merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {key: merge(one[key], other[key]) for key in one.keys() & other.keys() if isinstance(one[key], dict)}
    return {**one, **other, **both}


@pytest.fixture
def engineer(cluster: "Cluster", tmp_path: Path) -> Iterator[Engineer]:
    if cluster.environment.get("KUBECONFIG") != life.environment()["KUBECONFIG"]:
        pytest.skip("NO NODE IS DRAINED: the cluster of KUBECONFIG is not that of `make cluster`")
    if not IMAGES.exists() or not json.loads(IMAGES.read_text())["images"].get("train"):
        pytest.skip("THE GUIDE IS NOT FOLLOWED: no images; `make images` builds and pushes them")
    path = os.pathsep.join([str(HERE / ".venv" / "bin"), cluster.environment["PATH"]])
    release = Release({**cluster.environment, "PATH": path})
    other = f"{release.namespace}-other"
    release.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other, "labels": {"nemoflow/test": "true"}}})
    for name in ("helm", "workflows"):
        (tmp_path / name).symlink_to(HERE / name)
    node = json.loads(release.kubectl("get", "nodes", "-o", "json").stdout)["items"][0]["metadata"]["name"]
    flavor = f"flavor-{secrets.token_hex(3)}"
    names = {
        r"\bvision\b": release.namespace,
        r"\blanguage\b": other,
        r"-n nemoflow\b": f"-n {release.namespace}",
        r"s3://nemoflow/results": f"s3://{release.bucket}/results",
        r"workflows/cluster\.toml": str(tmp_path / "cluster.toml"),
        r"workflows/competition\.toml": str(STORM),
        r"nemoflow-nightly-\d+": "guided",
        r"nemoflow-data": f"s3://{release.bucket}/results",
        r"\bNODE\b": node,
        r"\bh100(?=\b|-spot)": flavor,
    }
    yield Engineer(release, tmp_path, names)
    release.kubectl("uncordon", node, check=False)
    disturb.wait_until_well()
    release.run("helm", "uninstall", "quotas", "--namespace", "kueue-system", check=False)
    server = Server.from_environment(release.environment)
    for entry in S3Store(server, release.bucket, "").list(""):
        server.client().remove_object(release.bucket, entry.key)
    server.client().remove_bucket(release.bucket)
    release.kubectl("delete", "namespace", other, release.namespace, "--wait=false", check=False)


def test_every_command_of_the_guide_does_what_it_says_around_a_run_that_loses_its_node(engineer: Engineer, tmp_path: Path) -> None:
    assert shutil.which("openssl"), "the guide makes keys with openssl"
    release = engineer.release
    ours = yaml.safe_load(release.values(teacher__solver=TEACHER))
    run = PipelineRun(release, cluster_file(release, tmp_path), "guided")
    engineer.writes("ours.yaml", ours)
    engineer.types("Install")

    engineer.writes("quotas.yaml", engineer.values("Quotas"))
    engineer.types("Quotas")
    assert (
        "quota: no pool names a queue"
        in engineer.said["nemoflow plan workflows/competition.toml --cluster workflows/cluster.toml --root s3://nemoflow/results"]
    )
    assert f"{engineer.here('vision')}" in release.run("kubectl", "get", "clusterqueues").stdout

    submitter = run.submitting("--set", SETS)
    run.wait_for("kept traces", lambda: submitter.poll() is not None or len(run.keys("traces")) > 3)
    assert submitter.poll() is None, submitter.communicate()[0]
    engineer.types("Read the queue")
    engineer.types("The teacher")
    assert ", live" in engineer.said["nemoflow teacher list -n nemoflow"]
    engineer.types("Drain a node")
    said, _ = submitter.communicate(timeout=400)
    print(said)  # noqa: T201  the UID of the Workflow
    assert submitter.returncode == 0, said
    told = run.history()
    assert told["counts"]["evicted"] + told["counts"]["lost"] + told["counts"]["tried_again"] > 0

    more = [engineer.values(section) for section in ("Schedules", "Pushes and new data", "Metrics and alerts")]
    without_operator = {"metrics": {"serviceMonitor": {"enabled": False}, "rules": {"enabled": False}}}
    engineer.writes("ours.yaml", ours, *more, without_operator)
    make_keys, *look = commands("Pushes and new data")
    engineer.type(make_keys)
    engineer.types("Upgrade")
    engineer.types("Schedules")
    for command in look:
        engineer.type(command)
    engineer.types("Metrics and alerts")
    assert "nemoflow_run_phase{" in "".join(engineer.said.values())

    removal = commands("Remove")
    engineer.type(removal[0])
    left = {row["metadata"]["name"] for row in release.get("pods,deployments,cronworkflows,leases,services")}
    assert not {name for name in left if not name.startswith(("guided", "nemoflow-test-store"))}, left
    for command in removal[1:]:
        engineer.type(command)
    assert engineer.here("vision") not in release.run("kubectl", "get", "clusterqueues").stdout
