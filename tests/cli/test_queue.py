"""`nemoflow queue` and `nemoflow plan --cluster` against a small API server and a real bucket."""

import json
import shutil
from pathlib import Path

import pytest
from tests.argo.api_server import serving
from tests.argo.quotas import GPU, cluster_queue, workload
from tests.cli.test_submit import says

from nemoflow import __version__

pytest.importorskip("kubernetes", reason="QUEUES ARE NOT TESTED: the extra [argo] is not installed")
pytest.importorskip("hera.workflows", reason="QUEUES ARE NOT TESTED: the extra [argo] is not installed")

ROOT = Path(__file__).parents[2]
TOY = 'pipeline = "tests.flow.toy:toy"\nrun = "one"\n[shards]\ncopy = 2\n'
CLUSTER = f"""
registry = "r.example"
tag = "{__version__}"
root = "ROOT"
[gpu_classes.large]
price_per_hour = 2.5
[pools.cpu]
gpus = GPUS
gpu_class = "large"
queue = "gpu"
price_per_hour = 0.5
deadline_s = 7200
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_root: str):
    (tmp_path / "toy.toml").write_text(TOY)
    (tmp_path / "cluster.toml").write_text(CLUSTER.replace("ROOT", s3_root).replace("GPUS", "2"))
    (tmp_path / "large.toml").write_text(CLUSTER.replace("ROOT", s3_root).replace("GPUS", "9"))
    with serving(tmp_path) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        server.serve_queues()
        server.put("localqueues", "gpu", spec={"clusterQueue": "vision"})
        server.put("clusterqueues", "vision", **cluster_queue(2, used=3, borrowingLimit=2))
        server.put("clusterqueues", "language", **cluster_queue(2))
        server.put("workloads", "w-one", **workload(3, "one", "copy", since="2026-01-01T00:00:00Z"))
        server.put(
            "workloads", "w-two", **workload(2, "two", says="insufficient unused quota for nvidia.com/gpu in flavor h100, 1 more needed")
        )
        yield server, tmp_path


def test_who_holds_who_waits_and_what_would_let_them_in_is_told(there, capsys):
    _, folder = there
    code, out, _ = says(capsys, "queue", "--cluster", folder / "cluster.toml", "--chart", folder / "share.svg")
    assert code == 0
    assert "namespace nemoflow: queues gpu (quota of vision)" in out
    assert f"2 {GPU} of its own; holds 3, 1 of it borrowed; free for it now 1, at the most it could have 4" in out
    assert "3 h100         one/copy since" in out
    assert "place 1: two/train for 2 nvidia.com/gpu since" in out
    assert "why: 1 nvidia.com/gpu of h100 too few are free" in out
    assert "what would let it in: the end of one/copy (vision, no telling when: nothing like it has ended here)" in out
    assert (folder / "share.svg").read_text().startswith("<svg")


def test_ends_are_told_from_what_the_bucket_says_of_the_same_step(there, capsys, s3_root):
    _, folder = there
    assert says(capsys, "run", folder / "toy.toml", "--root", s3_root)[0] == 0
    out = says(capsys, "queue", "--cluster", folder / "cluster.toml")[1]
    assert "(copy took 0 s before)" in out
    told = json.loads(says(capsys, "queue", "--cluster", folder / "cluster.toml", "--json")[1])
    assert told["holding"][0]["ends"] is not None
    assert told["waiting"][0]["run"] == "two"


def test_one_run_may_be_asked_for_alone(there, capsys):
    _, folder = there
    assert "place 1: two/train" in says(capsys, "queue", "two", "--cluster", folder / "cluster.toml")[1]
    assert "nothing of run one waits for quota" in says(capsys, "queue", "one", "--cluster", folder / "cluster.toml")[1]


def test_a_cluster_without_kueue_is_bad_input(there, capsys):
    server, folder = there
    server.objects.pop("/apis/kueue.x-k8s.io/v1beta2")
    code, _, err = says(capsys, "queue", "--cluster", folder / "cluster.toml")
    assert code == 2
    assert "Kueue is not installed there" in err


def test_a_plan_for_a_cluster_says_hours_and_cost_and_that_they_are_bounds_where_nothing_was_done_before(there, capsys):
    _, folder = there
    code, out, _ = says(capsys, "plan", folder / "toy.toml", "--cluster", folder / "cluster.toml")
    assert code == 0
    assert "copy                 at most 2 pods of 2.0 h on cpu, 2 large each: 8.00 GPU hours (never done; at most its deadline" in out
    assert "class large: 0.00 GPU hours, and at most 24.00 of what was never done, at 2.5 each" in out
    assert "cost: 0.00, and at most 66.00 of what was never done" in out
    assert "quota: it can be admitted (cpu in gpu); 1 pods wait there now" in out


def test_a_plan_for_a_cluster_estimates_from_earlier_runs(there, capsys, s3_root):
    _, folder = there
    assert says(capsys, "run", folder / "toy.toml", "--root", s3_root)[0] == 0
    out = says(capsys, "plan", folder / "toy.toml", "--cluster", folder / "cluster.toml", "--run", "again", "--fresh")[1]
    assert "copy                 2 pods of 0 s on cpu, 2 large each: 0.00 GPU hours (1 earlier)" in out
    assert "at most" not in out.partition("estimates")[2].partition("quota")[0]


TAUGHT = f"""
registry = "r.example"
tag = "{__version__}"
root = "ROOT"
[set]
"wake-teacher.kind" = "deployment"
"wake-teacher.deployment" = "nemoflow-teacher"
"wake-teacher.url" = "http://nemoflow-teacher:8000/v1"
"wake-teacher.command" = []
"wake-teacher.replicas" = 3
[gpu_classes.any]
price_per_hour = 1.0
[gpu_classes.large]
node_selector = {{ size = "large" }}
price_per_hour = 2.0
[pools.cpu]
deadline_s = 7200
[workflows.taught]
pools = {{ teacher = "cpu", train = "cpu", eval = "cpu" }}
"""


@pytest.fixture
def taught(there, s3_root):
    server, folder = there
    shutil.copy(ROOT / "workflows" / "demo.toml", folder / "taught.toml")
    (folder / "cluster.toml").write_text(TAUGHT.replace("ROOT", s3_root))
    resources = {"limits": {GPU: "2"}}
    pod = {"nodeSelector": {"size": "large", "zone": "a"}, "containers": [{"name": "vllm", "resources": resources}]}
    return server, folder, pod


def test_a_plan_counts_the_teachers_gpus_for_as_long_as_steps_wake_and_ask_it(taught, capsys):
    server, folder, pod = taught
    server.put("deployments", "nemoflow-teacher", spec={"template": {"spec": pod}})
    code, out, err = says(capsys, "plan", folder / "taught.toml", "--cluster", folder / "cluster.toml")
    assert code == 0, err
    # wake-teacher, harvest and rationalize, two hours each at the most; three copies of two GPUs
    assert "teacher nemoflow-teacher at most 3 pods of 6.0 h on nemoflow-teacher, 2 large each: 36.00 GPU hours" in out
    assert "(awake for wake-teacher, harvest, rationalize)" in out
    assert "class large: 0.00 GPU hours, and at most 36.00 of what was never done, at 2 each" in out
    assert "cost: 0.00, and at most 72.00 of what was never done" in out


def test_a_plan_says_where_the_teachers_gpus_are_of_no_class_or_not_to_be_seen(taught, capsys):
    server, folder, pod = taught
    file = folder / "cluster.toml"
    file.write_text(file.read_text().replace("[gpu_classes.any]", '[gpu_classes.any]\nnode_selector = { size = "small" }'))
    server.put("deployments", "nemoflow-teacher", spec={"template": {"spec": {**pod, "nodeSelector": {}}}})
    assert "of no class in gpu_classes" in says(capsys, "plan", folder / "taught.toml", "--cluster", file)[1]
    server.refused["GET", "deployments/nemoflow-teacher"] = (403, "no")
    code, out, _ = says(capsys, "plan", folder / "taught.toml", "--cluster", file)
    assert code == 0
    assert "what deployments/nemoflow-teacher takes is not in it" in out


@pytest.mark.parametrize("command", ["plan", "submit"])
def test_what_can_never_be_admitted_is_refused_and_nothing_is_sent(there, capsys, command):
    server, folder = there
    more = ("--no-follow",) if command == "submit" else ()
    code, _, err = says(capsys, command, folder / "toy.toml", "--cluster", folder / "large.toml", *more)
    assert code == 2
    assert "gpus = 9 of class 'large': nvidia.com/gpu: 9 can never be had by vision at once (h100: at most 4, 2 of it borrowed)" in err
    assert "at most 4 is right" in err
    assert server.sent("workflows") == []
    assert server.sent("workflowtemplates") == []


def test_a_plan_without_queues_needs_no_kueue(there, capsys):
    server, folder = there
    server.objects.pop("/apis/kueue.x-k8s.io/v1beta2")
    text = (folder / "cluster.toml").read_text().replace('queue = "gpu"\n', "")
    (folder / "cluster.toml").write_text(text)
    code, out, _ = says(capsys, "plan", folder / "toy.toml", "--cluster", folder / "cluster.toml")
    assert code == 0
    assert "quota: no pool names a queue, so nothing waits for quota" in out
