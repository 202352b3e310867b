"""From a `git push` to a run on a real cluster: each commit once, nothing twice, at set times too; and what Prometheus is told of it."""

import json
import re
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tests.cluster.kubectl import Json
from tests.cluster.release import CHART
from tests.cluster.team import TOY, Team, made_team
from tests.cluster.test_chart import review

from nemoflow.ports import free_port

pytestmark = pytest.mark.cluster
HOOK = CHART.parents[1] / "docs" / "gitops" / "post-receive"
SECRET = secrets.token_hex(32)
READY_S = 300.0


@pytest.fixture(scope="module")
def team(cluster, image, tmp_path_factory) -> Iterator[Team]:
    with made_team(cluster.kubectl, cluster.environment, image("data"), tmp_path_factory.mktemp("team")) as made:
        yield made


@pytest.fixture(scope="module")
def servers(team: Team) -> Json:
    """Receiver, schedule and exporter of the chart, in the team's namespace."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nemoflow-receiver"}, "stringData": {"secret": SECRET}}
    team.kubectl.create(secret)
    registry, _, tag = team.image.rpartition("/nemoflow/data:")
    pushes = {"toy": {"repository": "team/flows", "branch": "main", "paths": ["workflows/*"], "template": "nemoflow-toy"}}
    values = {
        "image": {"registry": registry, "tag": tag},
        "s3": {"endpoint": team.environment["S3_ENDPOINT_IN_CLUSTER"], "buckets": [team.bucket]},
        "receiver": {"enabled": True, "pushes": pushes, "startsPerHour": 60},
        "metrics": {"enabled": True, "everySeconds": 2},
        "schedules": {"often": {"template": "nemoflow-toy", "schedules": ["* * * * *"], "suspend": True}},
    }
    helm = shutil.which("helm", path=team.environment["PATH"])
    if helm is None:
        pytest.skip("GITOPS IS NOT TRIED: no helm on PATH")
    parts = [part for name in ("receiver", "metrics", "schedules") for part in ("-s", f"templates/{name}.yaml")]
    command = [helm, "template", "nemoflow", str(CHART), "--namespace", team.namespace, "--values", "-", *parts]
    done = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    team.kubectl("apply", "--server-side", "-f", "-", text=done.stdout)
    for name in ("receiver", "metrics"):
        team.kubectl("rollout", "status", f"deployment/nemoflow-{name}", "--timeout=300s")
    return values


@contextmanager
def forwarded(team: Team) -> Iterator[str]:
    """The receiver's Service, on a port of this machine."""
    port = free_port()
    command = [team.kubectl.program, f"--kubeconfig={team.kubectl.kubeconfig}", f"--namespace={team.namespace}", "port-forward"]
    process = subprocess.Popen([*command, "service/nemoflow-receiver", f"{port}:8080"], stdout=subprocess.DEVNULL)
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + READY_S
        while not _answers(f"{url}/healthz"):
            assert time.monotonic() < deadline, "the receiver is not reached"
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Repository:
    """A clone, and the bare repository that it pushes to, whose hook is the one of the docs."""

    def __init__(self, team: Team, url: str) -> None:
        self.team, self.bare, self.clone = team, team.folder / "flows.git", team.folder / "flows"
        self.environment = {**team.environment, "KUBECONFIG": team.kubectl.kubeconfig, "GIT_CONFIG_GLOBAL": "/dev/null"}
        self._run("git", "init", "-q", "--bare", "-b", "main", self.bare, at=team.folder)
        shutil.copy(HOOK, self.bare / "hooks" / "post-receive")
        (team.folder / "secret").write_text(SECRET)
        settings = {"url": f"{url}/hooks/git", "repository": "team/flows", "secretfile": team.folder / "secret"}
        for name, value in {**settings, "apply": "workflows/*.yaml", "namespace": team.namespace}.items():
            self._run("git", "config", f"nemoflow.{name}", value, at=self.bare)
        self._run("git", "clone", "-q", self.bare, self.clone, at=team.folder)
        for name, value in (("user.name", "Somebody"), ("user.email", "somebody@example.com")):
            self._run("git", "config", name, value)

    def _run(self, *command: object, at: Path | None = None, text: str | None = None) -> str:
        done = subprocess.run(
            list(map(str, command)), cwd=at or self.clone, env=self.environment, capture_output=True, text=True, input=text, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def write(self, path: str, text: str) -> None:
        file = self.clone / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        if path.endswith(".toml"):
            command = ["render", file, "--cluster", self.team.cluster_file()]
            assert self.team.nemoflow(*command).code == 0

    def push(self) -> tuple[str, str]:
        """Commit and push everything; the commit, and what the hook said."""
        self._run("git", "add", "-A")
        self._run("git", "commit", "-qm", "change")
        said = self._run("git", "push", "-q", "origin", "HEAD:main")
        print(said)  # noqa: T201
        return self._run("git", "rev-parse", "HEAD").strip(), said

    def again(self) -> str:
        """The same push told once more, as by a Git server that heard no answer."""
        new, old = self._run("git", "rev-parse", "HEAD", "HEAD~").split()
        return self._run(self.bare / "hooks" / "post-receive", at=self.bare, text=f"{old} {new} refs/heads/main\n")


def answer(said: str) -> dict[str, list[str]]:
    found = re.search(r"nemoflow: (\{.*\})", said)
    assert found, said
    return dict(json.loads(found[1]))


def summary(team: Team, run: str) -> str:
    return team.nemoflow("show", run, "--cluster", team.cluster_file()).out.splitlines()[-1]


def test_a_push_starts_a_run_once_and_one_that_changes_nothing_reuses_all(team: Team, servers: Json) -> None:
    with forwarded(team) as url:
        repository = Repository(team, url)
        repository.write("README.md", "flows\n")
        assert answer(repository.push()[1])["started"] == []

        repository.write("workflows/toy.toml", TOY.format(run="gitops"))
        commit, said = repository.push()
        run = f"toy-{commit[:12]}"
        assert answer(said)["started"] == [run]
        print("workflow", team.workflow(run)["metadata"]["uid"])  # noqa: T201
        assert answer(repository.again())["known"] == [run]
        assert team.nemoflow("follow", run, "--namespace", team.namespace).code == 0
        assert answer(repository.again())["known"] == [run]
        assert len(team.api.items("workflows", {"nemoflow/trigger": "toy"})) == 1
        assert team.stored(run, "page")["rows_in"] == 12
        team.kubectl("patch", "cronworkflow", "nemoflow-often", "--type=merge", "-p", '{"spec": {"suspend": false}}')

        repository.write("workflows/toy.toml", f"# the same in other words\n{TOY.format(run='gitops')}")
        commit, said = repository.push()
        again = f"toy-{commit[:12]}"
        assert answer(said)["started"] == [again]
        print("workflow", team.workflow(again)["metadata"]["uid"])  # noqa: T201
        assert team.nemoflow("follow", again, "--namespace", team.namespace).code == 0
        assert summary(team, again) == "nothing changed: all 3 steps reused"
        nobody_else_starts_anything(team, url)


def nobody_else_starts_anything(team: Team, url: str) -> None:
    before = len(team.api.get("workflows")["items"])
    body = json.dumps({"ref": "refs/heads/main", "after": "a" * 40, "repository": {"full_name": "team/flows"}}).encode()
    for headers in ({}, {"X-Hub-Signature-256": "sha256=00"}, {"Authorization": f"Bearer {SECRET}"}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{url}/hooks/git", body, headers), timeout=20)
        assert refused.value.code == 401
        refused.value.close()
    assert len([found for found in team.api.get("workflows")["items"] if "often" not in found["metadata"]["name"]]) <= before
    log = team.kubectl("logs", "deployment/nemoflow-receiver")
    assert "401 refused" in log
    assert SECRET not in log


def test_a_schedule_starts_runs_of_their_own_names_that_wait_for_nobody_else(team: Team, servers: Json) -> None:
    if not team.api.items("workflows", {"nemoflow/trigger": "toy"}):
        pytest.skip("A SCHEDULE IS NOT TRIED: no push has applied its template")
    team.kubectl.wait_for("a scheduled run", lambda: bool(team.api.items("workflows", {"nemoflow/trigger": "often"})))
    team.kubectl("patch", "cronworkflow", "nemoflow-often", "--type=merge", "-p", '{"spec": {"suspend": true}}')
    name = team.api.items("workflows", {"nemoflow/trigger": "often"})[0]["metadata"]["name"]
    print("workflow", team.api.get("workflows", name)["metadata"]["uid"])  # noqa: T201
    mutexes = team.kubectl("get", "workflow", name, "-o", "jsonpath={.status.synchronization.mutex.holding[*].mutex}")
    assert mutexes in ("", f"{team.namespace}/Mutex/nemoflow-run-{name}")
    assert team.nemoflow("follow", name, "--namespace", team.namespace).code == 0
    assert summary(team, name) == "nothing changed: all 3 steps reused"


def test_the_exporter_tells_of_these_runs(team: Team, servers: Json) -> None:
    path = f"/api/v1/namespaces/{team.namespace}/services/nemoflow-metrics:metrics/proxy/metrics"

    def told() -> str:
        return team.kubectl("get", "--raw", path)

    team.kubectl.wait_for("rows of a run", lambda: 'nemoflow_step_rows{direction="in",run="toy-' in told())
    assert re.search(r'nemoflow_run_phase\{phase="done",pipeline="toy",run="toy-\w+",team="default"\} 1.0', told())
    assert re.search(r'nemoflow_step_reused\{run="toy-\w+",step="page"\} 1.0', told())
    assert re.search(r'nemoflow_queue_wait_seconds_count\{pool="cpu",team="default"\} [1-9]', told())
    assert "could not look" not in team.kubectl("logs", "deployment/nemoflow-metrics")


MAY = {
    "receiver": {"create workflows.argoproj.io", "get workflowtemplates.argoproj.io"},
    "metrics": {"list workflows.argoproj.io", "list pods", "list deployments.apps", "list leases.coordination.k8s.io"},
}
ASKED = sorted(
    {question for questions in MAY.values() for question in questions}
    | {"get secrets", "create pods", "patch workflows.argoproj.io", "delete workflows.argoproj.io", "create workflowtemplates.argoproj.io"}
    | {
        "patch workflowtemplates.argoproj.io",
        "get configmaps",
        "patch deployments.apps",
        "patch leases.coordination.k8s.io",
        "get pods log",
    }
)


def test_each_server_may_do_its_own_and_nothing_else(team: Team, servers: Json) -> None:
    asked = [(account, question) for account in MAY for question in ASKED]
    listing = {"apiVersion": "v1", "kind": "List", "items": [review(team.namespace, *asking) for asking in asked]}
    answers = team.kubectl("create", "-f", "-", "-o", 'jsonpath={.status.allowed}{" "}', text=json.dumps(listing)).split()
    may: dict[str, set[str]] = {account: set() for account in MAY}
    for (account, question), allowed in zip(asked, answers, strict=True):
        if allowed == "true":
            may[account].add(question)
    assert may == MAY
