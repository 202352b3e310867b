"""The cluster itself: what the other tests stand on."""

from pathlib import Path

import pytest
import yaml
from tests.cluster.kubectl import Refused
from tests.cluster.workflows import LOCKED, USER, container, workflow

pytestmark = pytest.mark.cluster
WORKFLOWS = Path(__file__).parents[2] / "workflows"


def pod(spec, **more):
    security = {"runAsUser": USER, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    base = {"restartPolicy": "Never", "automountServiceAccountToken": False, "securityContext": security}
    volumes = [{"name": "tmp", "emptyDir": {}}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "try"},
        "spec": {**base, "volumes": volumes, "containers": [{"name": "main", **spec}], **more},
    }


def phase(kubectl):
    return kubectl.get("pod", "try")["status"]["phase"]


def test_a_pod_that_asks_for_root_is_refused(kubectl, image):
    spec = container(image("data"), ["--version"]) | {"securityContext": {**LOCKED, "runAsNonRoot": False, "runAsUser": 0}}
    with pytest.raises(Refused, match="violates PodSecurity"):
        kubectl.create(pod(spec))


def test_a_tag_that_is_not_there_is_named_within_seconds(kubectl, image):
    kubectl.create(pod(container(f"{image('data').rpartition(':')[0]}:no-such-tag", ["--version"])))

    def waiting():
        statuses = kubectl.get("pod", "try")["status"].get("containerStatuses", [{}])
        return statuses[0].get("state", {}).get("waiting", {})

    kubectl.wait_for("a refusal", lambda: waiting().get("reason") in ("ErrImagePull", "ImagePullBackOff"), 30)
    kubectl.wait_for("its reason", lambda: "no-such-tag" in waiting().get("message", ""), 30)


def test_a_service_is_found_by_its_name_in_a_pod(kubectl, image, cluster, bucket):
    script = "import os, urllib.request; print(urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/minio/health/ready').status)"
    kubectl.create(pod(container(image("data"), ["-c", script], cluster.pod_environment, ["python"])))
    kubectl.wait_for("the pod", lambda: phase(kubectl) in ("Succeeded", "Failed"))
    assert kubectl("logs", "try").strip() == "200"


def test_there_is_no_way_out_of_the_cluster(kubectl, image):
    script = "import socket; socket.create_connection(('192.0.2.1', 443), 3)"
    kubectl.create(pod(container(image("data"), ["-c", script], command=["python"])))
    kubectl.wait_for("the pod", lambda: phase(kubectl) in ("Succeeded", "Failed"))
    assert phase(kubectl) == "Failed"


@pytest.fixture(params=["installed", "3.7"])
def argo_api(request):
    return "argoproj.io/v1alpha1" if request.param == "installed" else request.getfixturevalue("argo_3_7")


def test_argos_full_definitions_are_served(kubectl, argo_api):
    good = workflow({"one": container("x:1", [])}) | {"apiVersion": argo_api}
    kubectl.validate(good)
    with pytest.raises(Refused, match="noSuchField"):
        kubectl.validate({**good, "spec": {**good["spec"], "noSuchField": 1}})


@pytest.mark.parametrize("name", ["demo", "competition"])
def test_the_committed_templates_are_valid_to_argo_3_7(kubectl, argo_3_7, name):
    made = yaml.safe_load((WORKFLOWS / f"{name}.yaml").read_text())
    made["metadata"]["namespace"] = kubectl.namespace
    kubectl.validate({**made, "apiVersion": argo_3_7})
