"""A namespace under PodSecurity `restricted` with what a run needs: accounts, S3 settings, a bucket, and a toy pipeline for its pods."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kubectl import Kubectl

from nemoflow.argo.api import Api, connect
from nemoflow.store.s3_server import Server

HERE = Path(__file__).parent
MODULES = ("toy_pipeline.py", "quota_pipeline.py", "slow_teacher.py")
"""What pods import."""
TOY = 'pipeline = "toy_pipeline:toy"\n[shards]\ncopy = 2\n[make]\nsalt = "{run}"\n'
SHORT = 'pipeline = "toy_pipeline:short"\n[page]\nsalt = "{run}"\n'
CLUSTER = """
registry = "{registry}"
tag = "{tag}"
namespace = "{namespace}"
root = "s3://{bucket}/results"
[pools.cpu]
cpu = "50m"
memory = "{memory}"
memory_after_oom = "512Mi"
disk = "{disk}"
grace_s = 20
deadline_s = {deadline_s}
retries = {retries}
"""


@dataclass(frozen=True)
class Done:
    """What a command ended with."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Team:
    """A namespace and a bucket of its own."""

    kubectl: Kubectl
    environment: dict[str, str]
    bucket: str
    image: str
    """Reference of the image `data`."""
    folder: Path

    @property
    def namespace(self) -> str:
        return self.kubectl.namespace

    @property
    def api(self) -> Api:
        return connect(self.namespace, self.kubectl.kubeconfig)

    def cluster_file(
        self, memory: str = "256Mi", retries: int = 3, tag: str = "", deadline_s: int = 600, disk: str = "8Gi", more: str = ""
    ) -> Path:
        """`more` is what else the pool has."""
        path = self.folder / "cluster.toml"
        registry, _, made = self.image.rpartition("/nemoflow/data:")
        values = {"registry": registry, "tag": tag or made, "namespace": self.namespace, "bucket": self.bucket}
        path.write_text(CLUSTER.format(**values, memory=memory, retries=retries, deadline_s=deadline_s, disk=disk) + more)
        return path

    def process(self, *args: object, **variables: str) -> subprocess.Popen[str]:
        """A command of nemoflow, as a person types it, at work."""
        path = os.pathsep.join([str(HERE), self.environment.get("PYTHONPATH", "")])
        environment = {**self.environment, "KUBECONFIG": self.kubectl.kubeconfig, "PYTHONPATH": path, **variables}
        command = [sys.executable, "-m", "nemoflow.cli.main", *map(str, args)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def nemoflow(self, *args: object, timeout: float = 300, **variables: str) -> Done:
        """A command of nemoflow to its end."""
        with self.process(*args, **variables) as command:
            try:
                out, err = command.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                command.kill()
                raise
        print(out, err, sep="\n")  # noqa: T201  the UID of the Workflow, for the log of the tests
        return Done(command.returncode, out, err)

    def submit(self, *args: object, workflow: str = TOY, run: str, timeout: float = 300, **cluster: Any) -> Done:
        """Submit the toy pipeline, or another workflow, and follow it."""
        path = self.folder / ("toy.toml" if workflow == TOY else "short.toml")
        path.write_text(workflow.format(run=run))
        return self.nemoflow("submit", path, "--cluster", self.cluster_file(**cluster), "--run", run, *args, timeout=timeout)

    def start(self, template: str, run: str, **parameters: str) -> Done:
        """Start a run as somebody does who has only the template, and follow it."""
        given = [{"name": name, "value": value} for name, value in {"run": run, **parameters}.items()]
        spec = {"workflowTemplateRef": {"name": template}, "arguments": {"parameters": given}}
        metadata = {"generateName": "by-hand-", "namespace": self.namespace, "labels": {"nemoflow/run": run}}
        self.api.create("workflows", {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec})
        return self.nemoflow("follow", run, "--namespace", self.namespace)

    def workflow(self, run: str) -> dict[str, Any]:
        from nemoflow.argo.submit import find_run

        return find_run(self.api, run)

    def pods(self, run: str, step: str = "") -> list[dict[str, Any]]:
        """A run's pods, first made first."""
        labels = {"nemoflow/run": run} | ({"nemoflow/step": step} if step else {})
        return sorted(self.api.items("pods", labels), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def stored(self, run: str, node: str) -> dict[str, Any]:
        """The manifest of a node."""
        client = Server.from_environment(self.environment).client()
        response = client.get_object(self.bucket, f"results/runs/{run}/{node}/manifest.json")
        return dict(json.loads(response.read()))


def new_run() -> str:
    return f"r{secrets.token_hex(3)}"


@contextmanager
def made_team(admin: Kubectl, environment: dict[str, str], image: str, folder: Path) -> Iterator[Team]:
    """A team's namespace and bucket, both of one random name; gone in the end."""
    name, client = f"nemoflow-test-{secrets.token_hex(4)}", Server.from_environment(environment).client()
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "nemoflow/test": "true"}
    admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    client.make_bucket(name)
    own = Kubectl(admin.program, admin.kubeconfig, name)
    for made in (*_accounts(name), *_settings(name, environment)):
        own.create(made)
    try:
        yield Team(own, environment, name, image, folder)
    finally:
        admin("delete", "namespace", name, "--wait=false")
        for entry in client.list_objects(name, recursive=True):
            client.remove_object(name, entry.object_name)
        client.remove_bucket(name)


def _accounts(namespace: str) -> list[dict[str, Any]]:
    """As the chart makes them: steps report to Argo; the pod that waits for a JobSet makes it, too."""
    report = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    jobsets = {"apiGroups": ["jobset.x-k8s.io"], "resources": ["jobsets"], "verbs": ["get", "create", "patch"]}
    return [*_account(namespace, "nemoflow-step", report), *_account(namespace, "nemoflow-gang", report, jobsets)]


def _account(namespace: str, name: str, *rules: dict[str, Any]) -> list[dict[str, Any]]:
    group, metadata = "rbac.authorization.k8s.io", {"name": name, "namespace": namespace}
    reference = {"apiGroup": group, "kind": "Role", "name": name}
    subjects = [{"kind": "ServiceAccount", **metadata}]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": list(rules)},
        {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": subjects},
    ]


def _settings(namespace: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    """The tests' own modules come by the ConfigMap that else holds certificates, which every pod mounts."""
    keys = {name: environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    where = {"AWS_ENDPOINT_URL": environment["S3_ENDPOINT_IN_CLUSTER"], "AWS_REGION": "us-east-1", "PYTHONPATH": "/etc/nemoflow-ca"}
    code = {name: (HERE / name).read_text() for name in MODULES}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nemoflow-s3", "namespace": namespace}, "stringData": keys},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nemoflow-s3", "namespace": namespace}, "data": where},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nemoflow-ca", "namespace": namespace}, "data": code},
    ]
