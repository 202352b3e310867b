"""A real pipeline on a release of the chart, for those who disturb it: its pods, its rows, its history."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.release import HERE, IMAGES, Release

from nemoflow.argo.api import Api, connect
from nemoflow.store import open_store, read_rows
from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

STORM = HERE / "tests" / "cluster" / "storm.toml"
TEACHER = {"errorRate": 0.1, "seed": 5}


@dataclass(frozen=True)
class PipelineRun:
    """One run of a workflow file in a release's namespace."""

    release: Release
    cluster_file: Path
    run: str
    workflow: Path = STORM
    prefix: str = "results"
    """Of the root in the release's bucket."""

    @property
    def api(self) -> Api:
        return connect(self.release.namespace, self.release.environment["KUBECONFIG"])

    @property
    def store(self) -> S3Store:
        return S3Store(Server.from_environment(self.release.environment), self.release.bucket, self.prefix)

    @property
    def root(self) -> str:
        return f"s3://{self.release.bucket}/{self.prefix}"

    def command(self, *args: object) -> list[str]:
        return [sys.executable, "-m", "nemoflow.cli.main", *map(str, args)]

    def submitting(self, *args: str) -> subprocess.Popen[str]:
        """A submitter that follows, as a process that can be killed."""
        return self._process("submit", self.workflow, "--cluster", self.cluster_file, "--run", self.run, "--root", self.root, *args)

    def following(self) -> subprocess.Popen[str]:
        """Somebody who looks on, as a process that can be killed."""
        return self._process("follow", self.run, "--namespace", self.release.namespace)

    def _process(self, *args: object) -> subprocess.Popen[str]:
        command = self.command(*args)
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def nemoflow(self, *args: object, timeout: float = 500) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*args), env=self.environment, capture_output=True, text=True, timeout=timeout)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.release.environment, "PYTHONUNBUFFERED": "1"}

    def pods(self, step: str) -> list[dict[str, Any]]:
        """Pods of a step that work."""
        found = self.api.items("pods", {"nemoflow/run": self.run, "nemoflow/step": step})
        return [pod for pod in found if pod["status"]["phase"] == "Running" and not pod["metadata"].get("deletionTimestamp")]

    def delete_pod(self, step: str, *, grace_s: int | None = None) -> str:
        """Delete a step's pod that works; its name."""
        name = str(self.pods(step)[0]["metadata"]["name"])
        grace = [] if grace_s is None else [f"--grace-period={grace_s}", *(["--force"] if grace_s == 0 else [])]
        self.release.kubectl("delete", "pod", name, "--wait=false", *grace)
        return name

    def wait_for(self, what: str, is_so: Callable[[], Any], seconds: float = 180) -> None:
        """Look until it is so."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s\n{self.release.kubectl('get', 'pods').stdout}"
            time.sleep(0.3)

    def keys(self, prefix: str) -> list[str]:
        return [entry.key for entry in self.store.list(prefix)]

    def has_checkpoint(self, node: str) -> bool:
        return any(key.endswith("/index.json") for key in self.keys(f"runs/{self.run}/{node}") if "/scratch" in key)

    def manifest(self, node: str) -> dict[str, Any]:
        return dict(json.loads(self.store.read_bytes(f"runs/{self.run}/{node}/manifest.json")))

    def rows(self, key: str) -> list[dict[str, Any]]:
        return list(read_rows(self.store, key, None))

    def output(self, node: str, output: str) -> list[dict[str, Any]]:
        """The rows of an output, as its manifest lists them."""
        record = self.manifest(node)["outputs"][output]
        return [row for file in record["files"] for row in self.rows(f"{record['address']}/{file['path']}")]

    def history(self) -> dict[str, Any]:
        """What `nemoflow show` tells."""
        done = self.nemoflow("show", self.run, "--cluster", self.cluster_file, "--root", self.root, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))


@dataclass(frozen=True)
class Balance:
    """What the harvest stored, beside what the same teacher gives when nobody disturbs it."""

    rows: int
    lost: int
    doubled: int
    altered: int

    @property
    def is_even(self) -> bool:
        return self.rows > 0 and not (self.lost or self.doubled or self.altered)


def undisturbed(workflow: Path, folder: Path, sets: str = "{}") -> dict[str, str]:
    """Responses by the ids of their traces, of the same harvest on this machine."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    for node in ("make-problems", "wake-teacher", "harvest", "release-teacher"):
        command = [sys.executable, "-m", "nemoflow.cli.main", "step", str(workflow), node, "--root", str(folder), "--run", "undisturbed"]
        command += ["--set", sets]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    store = open_store(str(folder))
    keys = [entry.key for entry in store.list("runs/undisturbed/harvest/traces")]
    return {row["id"]: row["response"] for key in keys for row in read_rows(store, key, None)}


def balance(run: PipelineRun, given: dict[str, str]) -> Balance:
    """Join the harvest's rows, and the parts in which they were kept, with what the teacher gives."""
    traces = run.output("harvest", "traces")
    kept = [row for key in run.keys("traces") if key.split("/")[1].startswith("harvest-") for row in run.rows(key)]
    found, stored = Counter(row["id"] for row in traces), Counter(row["id"] for row in kept)
    return Balance(
        rows=len(traces),
        lost=len(set(given) - set(found)) + len(set(given) - set(stored)),
        doubled=sum(count - 1 for count in found.values()) + sum(count - 1 for count in stored.values()),
        altered=sum(row["response"] != given.get(row["id"]) for row in (*traces, *kept)),
    )


def cluster_file(release: Release, folder: Path, workflow: Path = STORM) -> Path:
    """The committed one with a release's names."""
    built = json.loads(IMAGES.read_text())
    registry = built["images"]["data"]["reference"].partition("/nemoflow/")[0]
    root = f"s3://{release.bucket}/results"
    text = (HERE / "workflows" / "cluster.toml").read_text()
    for key, value in {"registry": registry, "tag": built["tag"], "namespace": release.namespace, "root": root}.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
        text = text.replace(line, f'{key} = "{value}"')
    text = text.replace("[workflows.demo]", f"[workflows.{workflow.stem}]")
    for before, after in (('cpu = "1"', 'cpu = "50m"'), ('memory = "2Gi"', 'memory = "512Mi"')):
        text = text.replace(before, after)
    path = folder / "cluster.toml"
    path.write_text(text)
    return path
