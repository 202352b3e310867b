import pytest
from tests.argo.api_server import serving
from tests.argo.quotas import cluster_queue, workload
from tests.argo.workflows import DONE, gang, member

from nemoflow.argo.api import connect
from nemoflow.argo.follow import ended, logs, look
from nemoflow.argo.history import history
from nemoflow.argo.members import jobset_of
from nemoflow.argo.state import read_state
from nemoflow.argo.submit import stop
from nemoflow.errors import RunFailed

pytest.importorskip("kubernetes", reason="FOLLOWING IS NOT TESTED: the extra [argo] is not installed")

WAITING = ("Running", "", "")
JUDGED = ("Failed", "64", "failure condition '{status.terminalState == [Failed]}' evaluated true")
BROKEN = [member(0, "Failed", 75, "Stopped: asked to"), member(1, "Failed", 2, "InputError: row 3: bad")]


@pytest.fixture
def api(tmp_path, monkeypatch):
    with serving(tmp_path) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        yield server, connect("nemoflow")


def row(made, *pods, **known):
    (only,) = read_state(made, pods, **known).rows
    return only


def test_a_gang_is_at_work_once_all_its_pods_are():
    made = gang("Running", WAITING)
    assert (row(made).phase, row(made).why) == ("pending", "waiting for its pods")
    half = row(made, member(0, "Running"), member(1, "Pending"))
    assert (half.phase, half.why) == ("pending", "waiting for a node")
    assert row(made, member(0, "Running"), member(1, "Running")).phase == "running"


def test_its_attempts_are_how_often_all_began_and_what_is_left_of_earlier_ones_does_not_count():
    found = row(gang("Running", WAITING), member(0, "Failed", 75), member(0, "Running", attempt=2), member(1, "Running", attempt=2))
    assert (found.phase, found.attempts) == ("running", 3)


def test_a_pod_that_waited_and_was_lost_is_no_attempt():
    assert row(gang("Running", ("Failed", "143", ""), WAITING), member(0, "Running")).attempts == 1


@pytest.mark.parametrize(
    ("ends", "code"),
    [((75, 2), 2), ((1, 143), 1), ((75, 69), 75), ((75, 75), 75), ((137, 75), 137), ((75, 137), 137), ((75, 128), 75), ((143, 128), 128)],
)
def test_a_run_ends_with_the_exit_code_of_the_pod_that_ended_the_gang(ends, code):
    pods = [member(index, "Failed", end) for index, end in enumerate(ends)]
    assert read_state(gang("Failed", JUDGED), pods).exit_code == code
    assert read_state(gang("Failed", JUDGED)).exit_code == 75


@pytest.mark.parametrize("words", ["Stopped: train: asked to stop", "PeerLost: the line broke", "asked to stop"])
def test_the_pod_that_ended_once_too_often_is_told_and_not_those_that_ended_because_of_it(words):
    made, other = gang("Failed", JUDGED), member(0, "Failed", 75, words)
    hungry = member(1, "Failed", 137)
    hungry["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = "OOMKilled"
    found = read_state(made, [other, hungry])
    assert (found.exit_code, found.rows[0].why) == (137, "pod 1 ended with exit code 137: OOMKilled")
    away = read_state(made, [other, member(1, "Failed", 75, "StoreError: s3://b is away")])
    assert (away.exit_code, away.rows[0].why) == (75, "pod 1 ended with exit code 75: StoreError: s3://b is away")
    assert read_state(made, [other]).rows[0].why == JUDGED[2]


def test_want_of_memory_says_what_to_raise(api):
    server, client = api
    server.put("workflows", "one-abcde", **gang("Failed", JUDGED))
    for pod in (member(0, "Failed", 137), member(1, "Failed", 75, "PeerLost: gone")):
        server.put("pods", pod["metadata"]["name"], metadata=pod["metadata"], status=pod["status"])
    state, _ = look(client, "one-abcde")
    with pytest.raises(RunFailed, match=r"pod 0 ended with exit code 137") as told:
        ended(client, state)
    assert told.value.exit_code == 137
    assert told.value.__notes__[0] == "a pod ran out of memory, each time: raise memory of train in the cluster file"


@pytest.mark.parametrize("said", ["jobsets.jobset.x-k8s.io is forbidden: User x cannot patch", 'no matches for kind "JobSet"'])
def test_a_jobset_that_the_api_server_does_not_take_is_bad_input(said):
    made = gang("Failed", ("Failed", "64", f"main: Error (exit code 64): no more retries 1: {said}"))
    assert read_state(made).exit_code == 2


def test_a_gang_that_is_done_is_done_without_its_pods():
    made = gang("Succeeded", DONE)
    assert (row(made).phase, read_state(made).exit_code) == ("done", 0)


def test_a_failed_run_says_which_pod_ended_it_and_how_and_shows_the_end_of_its_log(api):
    server, client = api
    server.put("workflows", "one-abcde", **gang("Failed", JUDGED))
    for index, pod in enumerate(BROKEN):
        server.put("pods", f"p{index}", metadata=pod["metadata"], status=pod["status"])
        server.logs[f"p{index}"] = f"line of {index}\n"
    state, _ = look(client, "one-abcde")
    assert state.rows[0].why == "pod 1 ended with exit code 2: InputError: row 3: bad"
    with pytest.raises(RunFailed, match=r"train\(0\): pod 1 ended with exit code 2: InputError: row 3: bad") as told:
        ended(client, state)
    assert told.value.exit_code == 2
    assert told.value.__notes__ == ["train | line of 1"]


def test_logs_are_those_of_the_pods_that_work_by_their_places(api):
    server, client = api
    made = server.put("workflows", "one-abcde", **gang("Running", WAITING))
    waiting = {"workflows.argoproj.io/workflow": "one-abcde", "nemoflow/step": "train"}
    server.put("pods", "waiting", metadata={"labels": waiting}, status={"phase": "Running"})
    for index in (1, 0):
        pod = member(index, "Succeeded", 0)
        server.put("pods", f"p{index}", metadata=pod["metadata"], status=pod["status"])
        server.logs[f"p{index}"] = f"line of {index}"
    assert list(logs(client, made, "train", follow_on=True)) == ["pod 0: line of 0", "pod 1: line of 1"]


def test_a_jobset_that_waits_for_quota_says_why_though_it_has_no_pods_yet(api):
    server, client = api
    made = gang("Running", WAITING)
    server.put("workflows", "one-abcde", **made)
    server.serve_queues()
    server.put("localqueues", "gpu", spec={"clusterQueue": "vision"})
    server.put("clusterqueues", "vision", **cluster_queue(8, used=8))
    says = "couldn't assign flavors to pod set node: insufficient unused quota for nvidia.com/gpu in flavor h100, 4 more needed"
    waiting = workload(2, says=says)
    waiting["spec"]["podSets"][0]["count"] = 2
    server.put("workloads", "w", metadata={"ownerReferences": [{"name": jobset_of(made, "train")}]}, **waiting)
    state, _ = look(client, "one-abcde")
    assert state.rows[0].phase == "pending"
    assert state.rows[0].why == "place 1 of 1 in queue gpu for 4 nvidia.com/gpu: 4 nvidia.com/gpu of h100 too few are free"


def test_stopping_a_run_deletes_its_jobset_whose_pods_then_save(api):
    server, client = api
    server.put("workflows", "one-abcde", **gang("Running", WAITING))
    for workflow in ("one-abcde", "other"):
        server.put("jobsets", f"of-{workflow}", metadata={"labels": {"nemoflow/workflow": workflow}})
    assert stop(client, "one")["spec"] == {"shutdown": "Stop"}
    assert [path.rpartition("/")[2] for path in server.objects if "/jobsets/" in path] == ["of-other"]


def test_what_happened_tells_when_all_began_anew_and_that_the_jobset_failed():
    made = gang("Failed", JUDGED)
    events = [
        {"involvedObject": {"kind": "JobSet", "name": name}, "reason": reason, "lastTimestamp": f"2026-01-01T00:00:0{second}Z"}
        for second, (name, reason) in enumerate(
            [
                (jobset_of(made, "train"), "RestartJobSetFailurePolicyAction"),
                (jobset_of(made, "train"), "RestartJobSetAndIgnoreMaxRestartsFailurePolicyAction"),
                ("train-of-another", "RestartJobSetFailurePolicyAction"),
                (jobset_of(made, "train"), "JobsReady"),
            ]
        )
    ]
    told = [(each.step, each.kind, each.what) for each in history([made], events=events)]
    assert told.count(("train", "again", "a pod was lost or asks to be tried again: all pods begin anew")) == 1
    assert told.count(("train", "again", "a pod was sent away: all pods begin anew")) == 1
    assert ("train", "failed", "its JobSet failed") in told
    assert not [each for each in told if each[1] == "lost"]
