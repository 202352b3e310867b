"""Two teams on one cluster, and pods that nobody should trust: each claim of docs/security.md is tried."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException
from tests.cluster.kubectl import Kubectl, Refused
from tests.cluster.release import Release
from tests.cluster.team import SHORT, Team, made_team, new_run

pytestmark = pytest.mark.cluster
HERE = Path(__file__).parents[2]
POLICY = HERE / "docs" / "examples" / "team-bucket-policy.json"
ADMISSION = HERE / "helm" / "nemoflow-admission"
LOCKED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


@pytest.fixture(scope="module")
def admin(cluster) -> MinioAdmin:
    """Who may give keys of the cluster's S3."""
    server = cluster.s3
    keys = StaticProvider(server.access_key, server.secret_key)
    pool = urllib3.PoolManager(timeout=60, retries=False)
    made = MinioAdmin(endpoint=server.endpoint.partition("://")[2], credentials=keys, secure=False, http_client=pool)
    try:
        made.user_list()
    except (MinioAdminException, urllib3.exceptions.HTTPError) as error:
        pytest.skip(f"KEYS OF TEAMS ARE NOT TRIED: the cluster's S3 is no MinIO, or its key no admin's: {error}")
    return made


def keys_for(admin: MinioAdmin, team: Team) -> Team:
    """The team with a key of its own, which the documented policy holds to its bucket."""
    name, secret = f"key-{team.bucket}", secrets.token_hex(16)
    policy = json.loads(POLICY.read_text().replace("BUCKET", team.bucket))
    admin.user_add(name, secret)
    admin.policy_add(name, policy=policy)
    admin.attach_policy([name], user=name)
    keys = {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": secret}
    secret_object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nemoflow-s3"}, "stringData": keys}
    team.kubectl("replace", "-f", "-", text=json.dumps(secret_object))
    return replace(team, environment={**team.environment, **keys})


@pytest.fixture(scope="module")
def teams(cluster, image, admin, tmp_path_factory) -> Iterator[tuple[Team, Team]]:
    """Two teams, each with a namespace, a bucket, and a key."""

    def team() -> Any:
        return made_team(cluster.kubectl, cluster.environment, image("data"), tmp_path_factory.mktemp("team"))

    with team() as one, team() as other:
        yield keys_for(admin, one), keys_for(admin, other)
        for made in (one, other):
            with suppress(MinioAdminException):
                admin.user_remove(f"key-{made.bucket}")
                admin.policy_remove(f"key-{made.bucket}")


def test_a_teams_key_opens_its_bucket_and_no_other(teams):
    """From this machine and from a pod; a refusal is not tried again."""
    one, other = teams
    run = new_run()
    assert one.submit(run=run, workflow=SHORT).code == 0
    assert run in one.nemoflow("runs", "--root", f"s3://{one.bucket}/results").out
    refused = one.nemoflow("runs", "--root", f"s3://{other.bucket}/results")
    assert refused.code == 2
    assert "check AWS_ACCESS_KEY_ID" in refused.err
    template = "nemoflow-short"
    stray = one.start(template, f"{run}-stray", root=f"s3://{other.bucket}/results")
    assert stray.code == 2
    assert "refuses" in stray.err
    assert len(one.pods(f"{run}-stray")) == 1
    assert other.nemoflow("runs", "--root", f"s3://{other.bucket}/results").out == ""


WISHES = (
    ("get", "secrets"),
    ("get", "configmaps"),
    ("list", "pods"),
    ("get", "pods/log"),
    ("list", "events"),
    ("list", "workflows.argoproj.io"),
    ("create", "workflows.argoproj.io"),
    ("create", "workflowtaskresults.argoproj.io"),
    ("create", "pods"),
    ("create", "pods/exec"),
    ("patch", "deployments.apps/scale"),
    ("list", "leases.coordination.k8s.io"),
    ("list", "localqueues.kueue.x-k8s.io"),
    ("create", "serviceaccounts/token"),
)
BEYOND = (
    ("list", "namespaces"),
    ("patch", "namespaces"),
    ("list", "nodes"),
    ("patch", "clusterqueues.kueue.x-k8s.io"),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
    ("delete", "validatingadmissionpolicies.admissionregistration.k8s.io"),
)


def test_no_account_of_a_team_may_do_anything_in_anothers_namespace_or_to_the_cluster(cluster):
    one, other = Release(cluster.environment), Release(cluster.environment)
    try:
        for release in (one, other):
            release.give_keys()
            release.install(wait=False, s3__makeBuckets=False)
        accounts = sorted(account["metadata"]["name"] for account in one.get("serviceaccounts"))
        assert {"nemoflow-step", "nemoflow-teacher", "nemoflow-submit", "nemoflow-service"} <= set(accounts)
        asked = [(account, wish, other.namespace) for account in accounts for wish in WISHES]
        asked += [(account, wish, "") for account in accounts for wish in BEYOND]
        reviews = [review(one.namespace, *asking) for asking in asked]
        listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews})
        answers = one.kubectl("create", "-f", "-", "-o", 'jsonpath={.status.allowed}{" "}', stdin=listing).stdout.split()
        assert [asking for asking, answer in zip(asked, answers, strict=True) if answer != "false"] == []
        for wish in ("secrets", "pods", "workflows.argoproj.io"):
            who = f"--as=system:serviceaccount:{one.namespace}:nemoflow-submit"
            done = one.run("kubectl", "get", wish, f"--namespace={other.namespace}", who, check=False)
            assert "Forbidden" in done.stderr
    finally:
        one.remove()
        other.remove()


def review(own: str, account: str, wish: tuple[str, str], namespace: str) -> dict[str, Any]:
    """Asks whether an account of one namespace may do this in another, or to the cluster."""
    verb, (resource, _, sub) = wish[0], wish[1].partition("/")
    plural, _, group = resource.partition(".")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": plural, "subresource": sub}
    spec = {"user": f"system:serviceaccount:{own}:{account}", "resourceAttributes": attributes}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


HOSTILE = r"""
import ctypes, json, os, pathlib, socket
def tries(act):
    try:
        return str(act())
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    return "did it" if getattr(libc, name)(*args) == 0 else os.strerror(ctypes.get_errno())
limits = lambda: pathlib.Path("/proc/self/status").read_text()
found = {
    "token": tries(lambda: pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/token").read_text()),
    "root": tries(lambda: pathlib.Path("/owned").write_text("x")),
    "packages": tries(lambda: pathlib.Path("/opt/nemoflow/owned").write_text("x")),
    "setuid": tries(lambda: os.setuid(0)),
    "chroot": tries(lambda: os.chroot("/tmp")),
    "mount": call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "unshare": call("unshare", 0x10000000),
    "keys": [name for name in os.environ if "SECRET" in name or "TOKEN" in name or name.startswith("AWS_")],
    "capabilities": [line for line in limits().splitlines() if line.startswith("CapEff")][0].split()[1],
    "seccomp": [line for line in limits().splitlines() if line.startswith("Seccomp:")][0].split()[1],
    "privileges": [line for line in limits().splitlines() if line.startswith("NoNewPrivs")][0].split()[1],
    "processes": [int(name) for name in os.listdir("/proc") if name.isdigit()],
    "user": os.getuid(),
}
print(json.dumps(found), flush=True)
taken = []
while True:
    taken.append(b"x" * 2**24)
"""


def sandbox(image: str, script: str, **changes: Any) -> dict[str, Any]:
    """A pod that the policy for sandboxes takes."""
    container = {
        "name": "main",
        "image": image,
        "command": ["python3", "-c", script],
        "securityContext": LOCKED,
        "resources": {"limits": {"cpu": "500m", "memory": "96Mi", "ephemeral-storage": "16Mi"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        **changes.pop("container", {}),
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": 300,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}],
        **changes,
    }
    labels = {"app.kubernetes.io/part-of": "nemoflow", "app.kubernetes.io/component": "sandbox"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "sandbox-", "labels": labels}, "spec": spec}


def test_a_hostile_program_in_a_sandbox_pod_gets_no_token_key_right_or_root_and_dies_of_its_hunger(kubectl, image):
    """Its network is not looked at: this cluster's enforces no policies."""
    name = kubectl.create(sandbox(image("sandbox"), HOSTILE))["metadata"]["name"]
    kubectl.wait_for("its end", lambda: kubectl.get("pod", name)["status"]["phase"] in ("Failed", "Succeeded"))
    found = json.loads(kubectl("logs", name).splitlines()[0])
    assert "FileNotFoundError" in found["token"]
    assert "Read-only file system" in found["root"]
    assert "Read-only file system" in found["packages"]
    assert "PermissionError" in found["setuid"]
    assert "PermissionError" in found["chroot"]
    assert found["mount"] == found["unshare"] == "Operation not permitted"
    assert found["keys"] == []
    assert (int(found["capabilities"], 16), found["seccomp"], found["privileges"]) == (0, "2", "1")
    assert found["processes"] == [1]
    assert found["user"] == 65532
    ended = kubectl.get("pod", name)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_a_sandbox_pod_that_never_ends_is_ended(kubectl, image):
    name = kubectl.create(sandbox(image("sandbox"), "while True: pass", activeDeadlineSeconds=3))["metadata"]["name"]
    kubectl.wait_for("its end", lambda: kubectl.get("pod", name)["status"]["phase"] == "Failed")
    assert kubectl.get("pod", name)["status"]["reason"] == "DeadlineExceeded"


@pytest.fixture(scope="module")
def guarded(cluster, image, tmp_path_factory) -> Iterator[Team]:
    """A team whose namespace is under the admission chart; the chart's objects are cluster-wide and go in the end."""
    name = f"guard-{secrets.token_hex(4)}"
    program = shutil.which("helm", path=cluster.environment["PATH"])
    if program is None:
        pytest.skip("ADMISSION IS NOT TRIED: no helm on the PATH")
    registry = image("data").partition("/nemoflow/")[0]
    values = {"namespaceLabel": {"key": f"nemoflow/{name}", "value": "true"}, "images": {"registries": [registry]}}

    def helm(*args: str, stdin: str = "") -> None:
        subprocess.run([program, *args], env=cluster.environment, input=stdin, text=True, check=True, capture_output=True, timeout=120)

    with made_team(cluster.kubectl, cluster.environment, image("data"), tmp_path_factory.mktemp("guarded")) as team:
        helm("install", name, str(ADMISSION), "--namespace", team.namespace, "--values", "-", stdin=json.dumps(values))
        cluster.kubectl("label", "namespace", team.namespace, f"nemoflow/{name}=true")
        try:
            team.kubectl.wait_for("the policies", lambda: _act(team.kubectl))
            yield team
        finally:
            helm("uninstall", name, "--namespace", team.namespace)


def _act(kubectl: Kubectl) -> bool:
    """Whether both policies do: the API server takes some seconds to hear of them."""
    said = []
    for pod in (sandbox("elsewhere.example/x:1", ""), sandbox("registry.local/x:1", "", automountServiceAccountToken=True)):
        try:
            kubectl.create(pod, "--dry-run=server")
        except Refused as refused:
            said.append(str(refused))
    return "allowed registry" in "".join(said) and "holds no token" in "".join(said)


def test_the_api_server_refuses_images_from_elsewhere_however_they_come_into_a_pod(guarded, image):
    kubectl = guarded.kubectl
    own, strange = image("data"), "elsewhere.example/nemoflow/data:1"
    registry = own.partition("/nemoflow/")[0]
    kubectl.create(sandbox(own, "pass"), "--dry-run=server")
    extra = {"name": "more", "image": strange, "securityContext": LOCKED, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    others = [
        sandbox(strange, "pass"),
        sandbox("data:1", "pass"),
        sandbox(f"{registry}-evil/nemoflow/data:1", "pass"),
        sandbox(f"docker.io/{registry}/data:1", "pass"),
        sandbox(own, "pass", initContainers=[extra]),
        sandbox(own, "pass", initContainers=[{**extra, "restartPolicy": "Always"}]),
    ]
    for pod in others:
        with pytest.raises(Refused, match="does not come from an allowed registry"):
            kubectl.create(pod, "--dry-run=server")

    labels = {"app.kubernetes.io/component": "step"}
    made = kubectl.create({**sandbox(own, "import time; time.sleep(600)"), "metadata": {"name": "there", "labels": labels}})["metadata"]
    ephemeral = {"spec": {"ephemeralContainers": [{"name": "debug", "image": strange, "securityContext": LOCKED}]}}
    with pytest.raises(Refused, match="does not come from an allowed registry"):
        kubectl("patch", "pod", made["name"], "--subresource=ephemeralcontainers", "--type=strategic", "-p", json.dumps(ephemeral))
    with pytest.raises(Refused, match="does not come from an allowed registry"):
        kubectl("set", "image", f"pod/{made['name']}", f"main={strange}")


def test_a_run_whose_images_the_api_server_refuses_ends_with_2_and_its_words(guarded):
    strange = replace(guarded, image=guarded.image.replace(guarded.image.partition("/nemoflow/")[0], "elsewhere.example"))
    done = strange.submit(run=new_run(), workflow=SHORT)
    assert done.code == 2
    assert "image elsewhere.example/nemoflow/data" in done.err
    assert "does not come from an allowed registry" in done.err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"automountServiceAccountToken": True}, "a sandbox holds no token"),
        ({"container": {"securityContext": {**LOCKED, "readOnlyRootFilesystem": False}}}, "cannot write its root"),
        ({"container": {"resources": {"limits": {"memory": "1Gi"}}}}, "a sandbox has limits"),
        ({"container": {"envFrom": [{"secretRef": {"name": "nemoflow-s3"}}]}}, "nothing from Secrets"),
        ({"volumes": [{"name": "tmp", "secret": {"secretName": "nemoflow-s3"}}]}, "nothing from Secrets"),
        ({"shareProcessNamespace": True}, "a sandbox is alone"),
    ],
)
def test_the_api_server_refuses_a_sandbox_that_is_not_locked(guarded, image, changes, said):
    with pytest.raises(Refused, match=said):
        guarded.kubectl.create(sandbox(image("sandbox"), "pass", **changes), "--dry-run=server")
