from pathlib import Path

import pytest
from tests.argo.api_server import serving
from tests.argo.made import cluster, nothing
from tests.argo.quotas import CELL, GPU, cluster_queue, workload
from tests.flow.toy import CountConfig, line

from nemoflow.argo.admit import check_quota
from nemoflow.argo.api import connect
from nemoflow.argo.outlook import ends, lets_in
from nemoflow.argo.queues import explain, is_held, named, read_claim, read_queues, waits
from nemoflow.argo.share import share, to_svg
from nemoflow.artifacts import Problems
from nemoflow.errors import ClusterRefused, ConfigError
from nemoflow.flow.pipeline import Node, Pipeline
from nemoflow.flow.step import Step

pytest.importorskip("kubernetes", reason="QUEUES ARE NOT TESTED: the extra [argo] is not installed")

T0 = "2026-01-01T00:00:00Z"
HOUR = 3600.0
SHORT = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor h100, 2 more needed"
NEVER = (
    "couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu in flavor h100, "
    "previously considered podsets requests (0) + current podset request (9) > maximum capacity (3)"
)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two teams: `vision` is this namespace's, has 2 of its own and holds 3; `language` has 2 and holds 1."""
    with serving(tmp_path) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        server.serve_queues()
        server.put("localqueues", "gpu", spec={"clusterQueue": "vision"})
        server.put("clusterqueues", "vision", **cluster_queue(2, used=3, borrowingLimit=2))
        server.put("clusterqueues", "language", **cluster_queue(2, used=1))
        server.put("clusterqueues", "strangers", **cluster_queue(8, cohort="theirs"))
        server.put("workloadpriorityclasses", "training", value=0)
        server.put("workloads", "w-old", **workload(1, "old", since="2026-01-01T00:00:00Z", ended="2026-01-01T01:00:00Z", team="language"))
        server.put("workloads", "w-far", "language", **workload(1, "far", since="2026-01-01T01:30:00Z", team="language"))
        server.put("workloads", "w-one", **workload(3, "one", since="2026-01-01T01:00:00Z"))
        server.put("workloads", "w-two", **workload(2, "two", says=SHORT))
        server.put("workloads", "w-six", **workload(9, "six", says=NEVER, priority=5))
        yield server, connect("nemoflow")


def test_who_holds_and_who_waits_is_read_with_team_run_and_step(there):
    _, api = there
    queues = read_queues(api)
    assert [(claim.team, claim.what, claim.held) for claim in queues.holding] == [
        ("vision", "one/train", {CELL: 3}),
        ("language", "far/train", {CELL: 1}),
    ]
    assert [(claim.what, claim.place, claim.wants) for claim in queues.waiting] == [
        ("six/train", 1, f"9 {GPU}"),
        ("two/train", 2, f"2 {GPU}"),
    ]
    assert set(queues.quotas.teams) == {"vision", "language"}
    assert queues.unseen == ()


def test_places_are_kueues_own_where_it_tells_them(there):
    server, api = there
    server.tell_places("gpu", "w-two", "w-six")
    assert {claim.run: claim.place for claim in read_queues(api).waiting} == {"two": 1, "six": 2}


def test_what_one_may_not_see_of_others_is_said_and_the_rest_is_told(there):
    server, api = there
    server.refused["GET", "v1beta2/workloads"] = (403, "forbidden")
    server.objects = {key: made for key, made in server.objects.items() if "/namespaces/language/" not in key}
    queues = read_queues(api)
    assert queues.unseen == ("which runs of other teams hold or want GPUs",)
    assert [claim.run for claim in queues.holding] == ["one"]
    server.refused["GET", "/clusterqueues"] = (403, "forbidden")
    assert "clusterqueues of the cluster" in read_queues(api).unseen
    assert len(waits(read_queues(api))) == 2


def test_a_cluster_without_kueue_is_told(there):
    server, api = there
    server.objects.pop("/apis/kueue.x-k8s.io/v1beta2")
    with pytest.raises(ClusterRefused, match="Kueue is not installed there"):
        read_queues(api)


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (SHORT, "2 nvidia.com/gpu of h100 too few are free"),
        (NEVER, "it can never be had: h100 has at most 3 nvidia.com/gpu for this queue"),
        ("something\n new", "something new"),
        ("", ""),
    ],
)
def test_kueues_reasons_are_put_in_words(says, said):
    assert explain(says) == said


def test_what_a_live_table_says_of_a_pod_that_waits(there):
    _, api = there
    assert waits(read_queues(api)) == {
        "w-six": "place 1 of 2 in queue gpu for 9 nvidia.com/gpu: it can never be had: h100 has at most 3 nvidia.com/gpu for this queue",
        "w-two": "place 2 of 2 in queue gpu for 2 nvidia.com/gpu: 2 nvidia.com/gpu of h100 too few are free",
    }
    assert is_held({"spec": {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}})
    assert not is_held({"spec": {}})


def test_ends_are_expected_from_earlier_times_of_ones_own_and_of_others(there):
    _, api = there
    queues = read_queues(api)
    mine, theirs = queues.holding
    expected = ends(queues, {"train": 2 * HOUR})
    assert expected[mine.name].at == mine.since + 2 * HOUR
    assert expected[theirs.name].at == theirs.since + HOUR
    assert "1 of language took 60 min before" in expected[theirs.name].basis
    assert ends(queues, {})[mine.name].at is None


def test_what_would_let_one_in_is_the_first_ends_that_give_enough(there):
    _, api = there
    queues = read_queues(api)
    never, two = queues.waiting
    expected = ends(queues, {"train": 2 * HOUR})
    now = queues.holding[0].since + HOUR
    assert lets_in(queues, never, expected, now).startswith(f"nothing: {GPU}: 9 can never be had by vision")
    assert lets_in(queues, two, expected, now) == (
        "the end of far/train (language, in about 30 min: 1 of language took 60 min before), "
        "and of one/train (vision, in about 60 min: train took 2.0 h before)"
    )


def test_a_queue_that_lets_nobody_in_says_why(there):
    server, api = there
    stopped = cluster_queue(2)
    stopped["status"]["conditions"] = [{"type": "Active", "status": "False", "message": "is stopped"}]
    server.put("clusterqueues", "vision", **stopped)
    queues = read_queues(api)
    assert lets_in(queues, queues.waiting[0], {}, 0.0) == "its queue lets nobody in: is stopped"


def test_shares_add_up_to_the_hours_that_were_held(there):
    _, api = there
    queues = read_queues(api)
    begin = queues.holding[0].since - HOUR
    shared = share(queues.claims, queues.quotas.teams, begin, begin + 2 * HOUR, 40)
    assert shared.hours("vision") == pytest.approx(3.0)
    assert shared.hours("language") == pytest.approx(1.5)
    assert [line.count("|") for line in shared.lines(4)] == [2, 2]
    assert all(len(line.split("|")[1]) == 40 for line in shared.lines(4))
    picture = to_svg(shared, 4)
    assert picture.count("<path") == 2
    assert "vision 3.0 GPU hours" in picture


def test_run_and_step_are_those_of_the_command_line_that_argo_gives_a_pod():
    emissary = {"name": "main", "command": ["/var/run/argo/argoexec", "emissary", "--", "nemoflow"]}
    pod = {"containers": [{"name": "wait"}, {**emissary, "args": ["step", "/etc/x.toml", "harvest", "--run", "mine", "--wait", "120"]}]}
    assert named(pod) == ("mine", "harvest")
    assert named({"containers": [{"name": "teacher", "args": ["serve"]}]}) == ("", "teacher")
    assert named({"containers": [{"name": "main", "args": ["step"]}]}) == ("", "")


def test_a_workload_without_admission_or_pods_is_read_too():
    claim = read_claim({"metadata": {"name": "w", "namespace": "n", "creationTimestamp": T0}, "spec": {}}, {})
    assert (claim.is_waiting, claim.what, claim.wants, claim.team) == (True, "w", "nothing", "")


POOL = {"gpus": 2, "gpu_class": "large", "queue": "gpu", "priority": "training", "memory": "1Gi"}


def admitted(api, **pool):
    return check_quota(api, cluster(pools={"cpu": {**POOL, **pool}}), line(), "mine")


def test_a_run_that_can_be_admitted_is(there):
    _, api = there
    queues, unseen = admitted(api)
    assert queues is not None
    assert unseen == []
    assert check_quota(api, cluster(pools={"cpu": {}}), line(), "mine") == (None, [])


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        (
            {"gpus": 9},
            r"pools\.cpu \(for count, copy, open, page, close\): gpus = 9 of class 'large': nvidia\.com/gpu: 9 can never be had by vision",
        ),
        ({"queue": "big"}, r"queue = 'big': namespace nemoflow has no such LocalQueue; there are: gpu"),
        ({"priority": "first"}, r"priority = 'first': there is no such WorkloadPriorityClass; there are: training"),
        ({"memory": "80Gi"}, r"memory_after_oom = '163840Mi': memory: 160Gi can never be had by vision .*any: at most 128Gi"),
    ],
)
def test_what_can_never_be_admitted_is_refused_with_field_value_and_what_would_be_right(there, pool, said):
    _, api = there
    with pytest.raises(ConfigError, match=said) as told:
        admitted(api, **pool)
    assert told.value.exit_code == 2


def test_all_pods_of_a_node_together_must_find_room(there):
    _, api = there
    step = Step("wide", 1, CountConfig, nothing, outputs={"problems": Problems}, processes=lambda config: config.count)
    pools = {"cpu": {"gpus": 2, "gpu_class": "large", "queue": "gpu"}}
    wide, wider = (Pipeline("wide", (Node("wide", step, CountConfig(count=processes)),)) for processes in (4, 8))
    assert check_quota(api, cluster(pools=pools), wide, "mine")[1] == []
    with pytest.raises(ConfigError, match=r"4 pods for 8 processes: nvidia\.com/gpu: 8 can never be had by vision"):
        check_quota(api, cluster(pools=pools), wider, "mine")


def test_a_queue_on_a_cluster_without_kueue_is_refused(there):
    server, api = there
    server.objects.pop("/apis/kueue.x-k8s.io/v1beta2")
    with pytest.raises(
        ConfigError, match=r"pools\.cpu\.queue = 'gpu': .*Kueue is not installed there.*; install Kueue, or leave the queue out"
    ):
        admitted(api)


def deployment(gpus, queue="gpu"):
    labels = {"kueue.x-k8s.io/queue-name": queue} if queue else {}
    pod = {"containers": [{"name": "teacher", "resources": {"limits": {GPU: str(gpus)}}}]}
    return {"metadata": {"labels": labels}, "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize(
    ("made", "replicas", "said"),
    [
        (deployment(9), 1, r"Deployment nemoflow-teacher: one copy: nvidia\.com/gpu: 9 can never be had by vision"),
        (
            deployment(2),
            3,
            r"replicas = 3 of 2 nvidia\.com/gpu each are more than the 4 that vision could ever have; at most 2 replicas are right",
        ),
        (deployment(1, "none"), 1, r"teacher\.queue = 'none': namespace nemoflow has no such LocalQueue; there are: gpu"),
    ],
)
def test_a_teacher_that_can_never_be_admitted_is_refused(there, made, replicas, said):
    server, api = there
    server.put("deployments", "nemoflow-teacher", **made)
    with pytest.raises(ConfigError, match=said):
        check_quota(api, cluster(pools={"cpu": {}}), line(), "mine", {"nemoflow-teacher": replicas})


def test_a_teacher_that_is_not_queued_or_may_not_be_looked_at_stops_nothing(there):
    server, api = there
    server.put("deployments", "nemoflow-teacher", **deployment(9, ""))
    pools = {"cpu": {}}
    assert check_quota(api, cluster(pools=pools), line(), "mine", {"nemoflow-teacher": 1}) == (None, [])
    server.refused["GET", "/nemoflow-teacher"] = (403, "forbidden")
    assert check_quota(api, cluster(pools=pools), line(), "mine", {"nemoflow-teacher": 1}) == (None, ["deployments/nemoflow-teacher"])
