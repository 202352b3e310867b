"""A real cluster for every test marked `cluster`: that of KUBECONFIG, else the one that `make cluster` brought up."""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cluster.kubectl import Json, Kubectl
from tests.cluster.tool import life, machine
from tests.cluster.tool.modules import argo_definitions
from tests.cluster.workflows import Run, allow_steps, submit

from nemoflow.store.s3_server import Server

IMAGES = Path(__file__).resolve().parents[2] / "build/images/images.json"


@dataclass(frozen=True)
class Cluster:
    """How to reach it from here, and its S3 from its pods."""

    kubectl: Kubectl
    environment: dict[str, str]

    @property
    def s3(self) -> Server:
        """From this machine."""
        return Server.from_environment(self.environment)

    @property
    def pod_environment(self) -> dict[str, str]:
        """For a step's container."""
        keys = {name: self.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return {"AWS_ENDPOINT_URL": self.environment["S3_ENDPOINT_IN_CLUSTER"], "AWS_REGION": "us-east-1", "HOME": "/tmp", **keys}


def _environment() -> dict[str, str]:
    """What `cluster env` says, with what is set here before it."""
    if os.environ.get("KUBECONFIG"):
        return dict(os.environ)
    reasons = machine.obstacles()
    if reasons:
        pytest.skip(f"NOTHING IS TESTED ON A CLUSTER: {'; '.join(reasons)}; KUBECONFIG may name one")
    if not life.is_up():
        pytest.skip("NOTHING IS TESTED ON A CLUSTER: none is up; `make cluster` brings one up, or KUBECONFIG names one")
    known = life.environment()
    return {**known, **os.environ, "PATH": known["PATH"].replace("$PATH", os.environ["PATH"])}


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    environment = _environment()
    program = shutil.which("kubectl", path=environment["PATH"])
    if program is None:
        pytest.skip("NOTHING IS TESTED ON A CLUSTER: no kubectl on the PATH")
    return Cluster(Kubectl(program, environment["KUBECONFIG"]), environment)


@pytest.fixture
def kubectl(cluster: Cluster) -> Iterator[Kubectl]:
    """A client in a namespace of the test's own, where `restricted` is enforced and a step's account is there."""
    name = f"nemoflow-test-{secrets.token_hex(4)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "nemoflow/test": "true"}
    cluster.kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    own = Kubectl(cluster.kubectl.program, cluster.kubectl.kubeconfig, name)
    allow_steps(own)
    yield own
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def bucket(cluster: Cluster) -> Iterator[str]:
    """An empty bucket of the test's own."""
    if "S3_ENDPOINT_IN_CLUSTER" not in cluster.environment:
        pytest.skip("S3 IN THE CLUSTER IS NOT TESTED: S3_ENDPOINT, S3_ENDPOINT_IN_CLUSTER and the keys of AWS_... name it")
    client, name = cluster.s3.client(), f"nemoflow-test-{secrets.token_hex(4)}"
    client.make_bucket(name)
    yield name
    for entry in client.list_objects(name, recursive=True):
        client.remove_object(name, entry.object_name)
    client.remove_bucket(name)


@pytest.fixture(scope="session")
def image() -> Callable[[str], str]:
    """Reference of an image by its name."""
    built: Json = json.loads(IMAGES.read_text())["images"] if IMAGES.exists() else {}

    def reference(name: str) -> str:
        if not built.get(name):
            pytest.skip(f"IMAGE {name} IS NOT TESTED: it is in no registry; `make images` builds and pushes it")
        return str(built[name]["reference"])

    return reference


@pytest.fixture(scope="session")
def argo_3_7(cluster: Cluster) -> Iterator[str]:
    """API version under which Argo 3.7's full definitions are served beside the installed ones, for validation only."""
    if not shutil.which("go"):
        pytest.skip("ARGO 3.7 IS NOT TESTED: its definitions come from its Go module, and there is no Go")
    kinds = ("workflows", "workflowtemplates", "cronworkflows")
    text = "---\n".join((argo_definitions("3.7") / f"argoproj.io_{kind}.yaml").read_text() for kind in kinds)
    text = text.replace("argoproj.io", "v37.argoproj.io")
    cluster.kubectl("apply", "--server-side", "-f", "-", text=text)
    names = [f"{kind}.v37.argoproj.io" for kind in kinds]

    def are_served() -> bool:
        found: list[Json] = json.loads(cluster.kubectl("get", "crd", *names, "-o", "json"))["items"]
        conditions = [each for definition in found for each in definition.get("status", {}).get("conditions") or ()]
        return sum(each["type"] == "Established" and each["status"] == "True" for each in conditions) == len(kinds)

    cluster.kubectl.wait_for("Argo 3.7's definitions", are_served)
    yield "v37.argoproj.io/v1alpha1"
    cluster.kubectl("delete", "-f", "-", "--wait=false", text=text)


@pytest.fixture
def run(kubectl: Kubectl) -> Callable[[Json], Run]:
    """Hands a workflow to Argo."""
    return lambda value: submit(kubectl, value)
