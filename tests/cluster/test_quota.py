"""Quotas on a real cluster with Kueue: real steps that are sent away, evicted, and go on; what people are told meanwhile."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.quotas import GPUS, Quotas, bare, make_quotas
from tests.cluster.team import Done, Team, made_team, new_run
from tests.cluster.workflows import container
from tests.steps.alone import write_lines
from tests.training.tiny import QUICK
from urllib3.exceptions import HTTPError

from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

if TYPE_CHECKING:
    from tests.cluster.conftest import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TRAIN = {**QUICK, "epochs": 40, "checkpoint_every": 20}
"""160 steps."""
LOST = "-1"
"""What Argo has for an exit code where the pod was gone before it looked."""
PROBLEMS, SHARDS, DELAY_S = 200, 2, 1.0
WORKFLOW = """pipeline = "quota_pipeline:both"
run = "{run}"
[inputs]
corpus = "s3://{bucket}/in/corpus.jsonl"
model = "s3://{bucket}/in/model"
problems = "s3://{bucket}/in/problems.jsonl"
[shards]
harvest = {shards}
[train]
{train}
[wake-teacher]
kind = "url"
model = "slow"
url = "http://{address}:8000/v1"
[harvest]
samples = 1
max_tokens = 64
concurrency = 2
commit_rows = 10
commit_s = 1
"""
POOLS = """
[gpu_classes.large]
price_per_hour = 3.0
[pools.teacher]
cpu = "50m"
memory = "256Mi"
[pools.train]
cpu = "50m"
memory = "2Gi"
gpus = {gpus}
gpu_class = "large"
queue = "gpu"
priority = "{low}"
grace_s = 30
retries = 0
[pools.asking]
cpu = "50m"
memory = "256Mi"
gpus = 1
gpu_class = "large"
queue = "gpu"
priority = "{low}"
grace_s = 20
retries = 0
[workflows.both]
pools = {{ cpu = "asking" }}
"""


@pytest.fixture(scope="module")
def team(cluster: "Cluster", image: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The team that borrows, with a bucket."""
    if "S3_ENDPOINT_IN_CLUSTER" not in cluster.environment:
        pytest.skip("QUOTAS ARE NOT TRIED: S3_ENDPOINT, S3_ENDPOINT_IN_CLUSTER and the keys of AWS_... name an S3 server")
    image("train")
    with made_team(cluster.kubectl, cluster.environment, image("data"), tmp_path_factory.mktemp("poor")) as made:
        yield made


@pytest.fixture(scope="module")
def quotas(cluster: "Cluster", team: Team) -> Iterator[Quotas]:
    made = make_quotas(cluster, team.kubectl)
    yield made
    made.remove()


@pytest.fixture(scope="module")
def inputs(team: Team) -> Path:
    """A base, a corpus and problems, here and in the bucket."""
    from tests.training.tiny import example, puzzles, untaught

    folder = team.folder / "in"
    untaught(folder / "model")
    write_lines(folder / "corpus.jsonl", [example(problem) for problem in puzzles(8)])
    write_lines(folder / "problems.jsonl", puzzles(PROBLEMS // 2))
    client = Server.from_environment(team.environment).client()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        client.fput_object(team.bucket, f"in/{path.relative_to(folder)}", str(path))
    return folder


@pytest.fixture(scope="module")
def teacher(team: Team) -> str:
    """Address of a teacher that takes its time."""
    code = {"name": "code", "configMap": {"name": "nemoflow-ca"}}
    main = container(team.image, ["-m", "slow_teacher", "8000", str(DELAY_S)], {"PYTHONPATH": "/code"}, ["python"])
    main["volumeMounts"].append({"name": "code", "mountPath": "/code"})
    team.kubectl.create(bare("slow-teacher", main, volumes=[code]))
    team.kubectl.wait_for("the teacher", lambda: team.kubectl.get("pod", "slow-teacher")["status"]["phase"] == "Running")
    return str(team.kubectl.get("pod", "slow-teacher")["status"]["podIP"])


def cluster_file(team: Team, quotas: Quotas, gpus: int = 2) -> Path:
    text = team.cluster_file(retries=0).read_text() + POOLS.format(gpus=gpus, low=quotas.low)
    path = team.folder / f"cluster-{gpus}.toml"
    path.write_text(text)
    return path


def workflow_file(team: Team, run: str, address: str) -> Path:
    train = "\n".join(f"{key} = {json.dumps(value)}" for key, value in TRAIN.items())
    path = team.folder / "both.toml"
    path.write_text(WORKFLOW.format(run=run, bucket=team.bucket, shards=SHARDS, train=train, address=address))
    return path


def keys(team: Team, prefix: str) -> list[Any]:
    try:
        return list(Server.from_environment(team.environment).client().list_objects(team.bucket, f"results/{prefix}", recursive=True))
    except HTTPError:  # a busy machine: the caller looks again
        return []


def wait_for(what: str, is_so: Any, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)


def checkpoint(team: Team, run: str) -> datetime | None:
    """When the training last saved one."""
    found = [entry.last_modified for entry in keys(team, f"runs/{run}/train/scratch") if entry.object_name.endswith("index.json")]
    return max(found, default=None)


def gated(team: Team, run: str) -> list[str]:
    """Steps whose pods wait for quota."""
    pods = team.pods(run)
    return sorted(pod["metadata"]["labels"]["nemoflow/step"] for pod in pods if pod["spec"].get("schedulingGates"))


def running(team: Team, run: str, step: str) -> dict[str, Any] | None:
    """The pod of a step that is at work and not on its way out."""
    at_work = [pod for pod in team.pods(run, step) if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]]
    return at_work[0] if at_work else None


def resumed(team: Team, pod: str) -> tuple[float, int, int] | None:
    """When a training said that it goes on, at which step of how many."""
    text = team.kubectl("logs", pod, "-c", "main", "--timestamps")
    found = re.search(r"^(\S+) +resumed at step (\d+) of (\d+)", text, re.MULTILINE)
    return (datetime.fromisoformat(found[1]).timestamp(), int(found[2]), int(found[3])) if found else None


def ends(team: Team, run: str, step: str) -> list[list[str]]:
    """For each shard of a step, the exit codes of its attempts, in order."""
    nodes = team.workflow(run)["status"]["nodes"]
    heads = [node for node in nodes.values() if node["type"] == "Retry" and node["templateName"] == step]
    return [[nodes[child].get("outputs", {}).get("exitCode", "-1") for child in head["children"] if child in nodes] for head in heads]


def undisturbed(team: Team, inputs: Path) -> subprocess.Popen[str]:
    """The same training on this machine."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    sets = json.dumps(TRAIN)
    command = ["step", "train", "--input", f"corpus={inputs}/corpus.jsonl", "--input", f"model={inputs}/model", "--set", sets]
    command += ["--root", str(team.folder / "own"), "--run", "alone"]
    return subprocess.Popen([sys.executable, "-m", "nemoflow.cli.main", *command], env=own, text=True, stdout=subprocess.DEVNULL)


def told(done: Done) -> str:
    assert done.code == 0, done.err
    return done.out


def test_what_is_sent_away_and_evicted_goes_on_where_it_was_and_nothing_is_lost_or_done_twice(
    quotas: Quotas, team: Team, inputs: Path, teacher: str
) -> None:
    run, file = new_run(), cluster_file(team, quotas)
    workflow = workflow_file(team, run, teacher)
    told(team.nemoflow("submit", workflow, "--cluster", file, "--run", run, "--no-follow"))
    wait_for("a checkpoint", lambda: checkpoint(team, run))
    first = running(team, run, "train")
    assert first is not None

    # whose the GPUs are wants them back: all three pods have to go
    quotas.take(team.image)
    asked_at = time.time()
    waiting = ["harvest"] * SHARDS + ["train"]
    wait_for("all pods to wait for quota", lambda: gated(team, run) == waiting)
    saved = checkpoint(team, run)
    assert saved is not None
    said = told(team.nemoflow("queue", "--cluster", file))
    assert f"rich-{quotas.mark}  4 {quotas.flavor}" in re.sub(" +", "  ", said).replace(f"4  {quotas.flavor}", f"4 {quotas.flavor}")
    assert {f"place {place}: {run}/" for place in (1, 2, 3)} <= set(re.findall(rf"place \d: {run}/", said))
    assert re.search(rf"what would let it in: the end of boss \(rich-{quotas.mark}, no telling when", said)
    shown = told(team.nemoflow("show", run, "--cluster", file))
    assert re.search(r"place \d of 3 in queue gpu for 2 nvidia.com/gpu: 2 nvidia.com/gpu of h100-\w+ too few are free", shown)

    quotas.give_back()
    wait_for("the training at work again", lambda: running(team, run, "train"))
    second = running(team, run, "train")
    assert second is not None
    wait_for("it to go on", lambda: resumed(team, second["metadata"]["name"]))
    again = resumed(team, second["metadata"]["name"])
    assert again is not None
    began = next(each for each in second["status"]["conditions"] if each["type"] == "PodScheduled")["lastTransitionTime"]
    restart = again[0] - datetime.fromisoformat(began).timestamp()
    took = f"saved {saved.timestamp() - asked_at:.1f} s after the wish, went on at step {again[1]} {restart:.1f} s after there was room"
    sys.stdout.write(f"sent away: {took}\n")

    # somebody drains the node
    before = checkpoint(team, run)
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": second["metadata"]["name"], "namespace": team.namespace},
    }
    path = f"/api/v1/namespaces/{team.namespace}/pods/{second['metadata']['name']}/eviction"
    evicted_at = time.time()
    team.kubectl("create", "--raw", path, "-f", "-", text=json.dumps(eviction))
    wait_for("a third attempt", lambda: (pod := running(team, run, "train")) and pod["metadata"]["uid"] != second["metadata"]["uid"])
    third = running(team, run, "train")
    assert third is not None
    wait_for("it to go on", lambda: resumed(team, third["metadata"]["name"]))
    last = resumed(team, third["metadata"]["name"])
    assert last is not None
    assert last[1] >= again[1]
    assert before is not None
    sys.stdout.write(f"evicted: went on at step {last[1]} {last[0] - evicted_at:.1f} s after the eviction, all in all\n")

    alone = undisturbed(team, inputs)
    assert told(team.nemoflow("follow", run, "--cluster", file))
    assert alone.wait(300) == 0
    (training,) = ends(team, run, "train")
    assert training[-1] == "0"
    assert len(training) == 3
    harvests = ends(team, run, "harvest")
    assert [(len(codes), codes[-1]) for codes in harvests] == [(2, "0")] * SHARDS
    assert {code for codes in (training, *harvests) for code in codes[:-1]} <= {"75", LOST}
    same_training(team, run)
    every_row_once(team, run)


def same_training(team: Team, run: str) -> None:
    """Loss by step and the adapter are those of a training that nobody disturbed."""
    there = S3Store(Server.from_environment(team.environment), team.bucket, "results")
    own = team.folder / "own" / "runs" / "alone" / "train" / "adapter"
    rows = there.read_bytes(f"runs/{run}/train/adapter/log.jsonl").decode().splitlines()
    assert len(rows) == 160
    assert rows == (own / "log.jsonl").read_text().splitlines()
    weights = "adapter_model.safetensors"
    assert there.read_bytes(f"runs/{run}/train/adapter/{weights}") == (own / weights).read_bytes()


def every_row_once(team: Team, run: str) -> None:
    """Each problem has one trace, and what was finished before was not asked again: at most what was in flight was asked twice."""
    from nemoflow.store import read_rows

    there = S3Store(Server.from_environment(team.environment), team.bucket, "results")
    parts = [entry.key for entry in there.list(f"runs/{run}/harvest/traces")]
    problems = [row["problem_id"] for part in parts for row in read_rows(there, part, None)]
    assert len(problems) == len(set(problems)) == PROBLEMS
    kept = [row["id"] for entry in there.list("traces") for row in read_rows(there, entry.key, None)]
    assert len(kept) == len(set(kept)) == PROBLEMS
    answered = team.kubectl("logs", "slow-teacher").count("answered ")
    assert PROBLEMS <= answered <= PROBLEMS + SHARDS * 2
    reused = [there_shard(there, run, index)["metrics"]["reused"] for index in range(SHARDS)]
    assert all(count > 0 for count in reused)


def there_shard(store: S3Store, run: str, index: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.read_bytes(f"runs/{run}/harvest/manifest-{index:05d}-of-{SHARDS:05d}.json"))
    return found


def test_what_can_never_be_admitted_is_refused_before_anything_is_sent(quotas: Quotas, team: Team, inputs: Path, teacher: str) -> None:
    run, file = new_run(), cluster_file(team, quotas, gpus=GPUS + 1)
    workflow = workflow_file(team, run, teacher)
    for command in (("plan", workflow, "--run", run), ("submit", workflow, "--run", run)):
        done = team.nemoflow(*command, "--cluster", file)
        assert done.code == 2
        assert f"pools.train (for train): gpus = {GPUS + 1} of class 'large': nvidia.com/gpu: {GPUS + 1} can never be had by" in done.err
        assert f"{quotas.flavor}: at most {GPUS}, {GPUS} of it borrowed); at most {GPUS} is right" in done.err
    assert team.api.items("workflows", {"nemoflow/run": run}) == []
    said = told(team.nemoflow("plan", workflow, "--run", run, "--fresh", "--cluster", cluster_file(team, quotas)))
    assert "quota: it can be admitted (train in gpu, asking in gpu)" in said
    assert "GPU hours" in said


def test_a_member_of_a_team_sees_its_own_queue_and_of_others_how_much_they_hold(quotas: Quotas, team: Team) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nemoflow-submit"}}
    team.kubectl.create(account)
    token = team.kubectl("create", "token", "nemoflow-submit", "--duration=10m").strip()
    config = json.loads(team.kubectl("config", "view", "--raw", "-o", "json"))
    config["users"] = [{"name": "member", "user": {"token": token}}]
    for context in config["contexts"]:
        context["context"]["user"] = "member"
    path = team.folder / "member.json"
    path.write_text(json.dumps(config))
    quotas.take(team.image, 3)
    held = lambda: quotas.rich.get("pod", "boss")["status"]["phase"] == "Running"  # noqa: E731
    wait_for("the other team's pod", held)
    said = told(team.nemoflow("queue", "--namespace", team.namespace, KUBECONFIG=str(path)))
    quotas.give_back()
    assert "4 nvidia.com/gpu of its own; holds 3; free for it now 1" in said
    assert "boss" not in said
    assert "not looked at, for want of the right to: which runs of other teams hold or want GPUs" in said
