import pytest
from tests.argo.api_server import serving
from tests.argo.workflows import DONE, attempts, workflow

from nemoflow.argo.api import connect
from nemoflow.argo.history import counts, history, read_history


def at(second):
    return f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z"


def event(second, reason, uid, message="", name="one-abcde-count-0", kind="Pod", field=""):
    owner = {"kind": kind, "name": name, "uid": uid, "fieldPath": field}
    return {"metadata": {}, "lastTimestamp": at(second), "reason": reason, "message": message, "involvedObject": owner}


def started(second, uid, **more):
    return event(second, "Started", uid, field="spec.containers{main}", **more)


def killed(second, uid, **more):
    return event(second, "Killing", uid, field="spec.containers{main}", **more)


def told(*args, **more):
    return [(happening.kind, happening.step, happening.attempt, happening.what) for happening in history(*args, **more)]


LOST = ("Error", "", "pod deleted")


def test_each_attempt_begins_and_ends_in_order_with_what_its_exit_code_says():
    made = workflow("Succeeded", attempts("count", ("Failed", "75", "main: Error (exit code 75)"), ("Failed", "137", ""), DONE))
    found = history([made])
    assert [(each.attempt, each.kind) for each in found if each.step] == [
        *((1, "begin"), (2, "begin"), (3, "begin")),
        *((1, "again"), (2, "memory"), (3, "done")),
    ]
    assert list(found) == sorted(found, key=lambda each: each.at)
    assert [each.what for each in found if each.kind == "again"] == ["asks to be tried again (exit code 75)"]
    assert counts(found) == {
        "attempts": 3,
        "done": 1,
        "failed": 0,
        "tried_again": 1,
        "out_of_memory": 1,
        "lost": 0,
        "preempted": 0,
        "evicted": 0,
        "waited_s": 0.0,
    }


def test_a_pod_that_was_replaced_before_argo_saw_it_is_told_of_from_its_events():
    events = [event(0, "Scheduled", "a"), started(1, "a"), killed(2, "a"), event(3, "Scheduled", "b"), started(4, "b")]
    found = told([workflow("Succeeded", attempts("count", DONE))], events=events)
    assert found == [
        ("run", "", None, "workflow one-abcde was sent"),
        ("begin", "count", 1, "begins"),
        ("lost", "count", 1, "lost: its pod was deleted; made anew"),
        ("begin", "count", 1, "begins"),
        ("done", "count", 1, "done"),
    ]


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ([], "lost"),
        ([event(5, "EvictedDueToPreempted", "w", "to make room", "pod-one-abcde-count-0-77", "Workload")], "preempted"),
        ([event(5, "Preempted", "a", "by team b")], "preempted"),
        ([event(5, "TaintManagerEviction", "a", "node is lost")], "evicted"),
    ],
)
def test_a_pod_that_was_taken_away_is_told_with_who_took_it(loss, kind):
    events = [started(1, "a"), *loss, killed(5, "a")]
    found = told([workflow("Failed", attempts("count", LOST, DONE))], events=events)
    assert kind in [entry[0] for entry in found]
    assert {"lost", "preempted", "evicted"} & {entry[0] for entry in found} == {kind}


@pytest.mark.parametrize("end", [LOST, ("Failed", "75", "main: Error (exit code 75)"), ("Failed", "143", "main: Error (exit code 143)")])
def test_who_took_a_pod_away_is_told_whether_or_not_the_step_stopped_in_time(end):
    events = [started(1, "a"), event(5, "Evicted", "a", "the node is drained"), killed(5, "a")]
    found = history([workflow("Failed", attempts("count", end))], events=events)
    assert [each.kind for each in found if each.kind in ("again", "lost", "evicted", "event")] == ["evicted"]
    assert counts(found)["evicted"] == counts(found)["attempts"] == 1


def test_a_disk_that_is_full_is_an_eviction_with_the_kubelets_words():
    said = 'Usage of EmptyDir volume "tmp" exceeds the limit "1Mi".'
    status = {"reason": "Evicted", "message": said}
    pod = {"metadata": {"name": "one-abcde-count-0", "uid": "a", "creationTimestamp": at(0)}, "status": status}
    found = told([workflow("Failed", attempts("count", ("Failed", "", said)))], [pod])
    assert ("evicted", "count", 1, f"evicted: {said}") in found


def test_a_wait_for_a_place_has_its_length_and_its_reason():
    events = [event(0, "FailedScheduling", "a", "0/1 nodes are available"), started(8, "a")]
    found = history([workflow("Succeeded", attempts("count", DONE))], events=events)
    assert [(each.what, each.seconds) for each in found if each.kind == "wait"] == [
        ("waits 8 s for its place: 0/1 nodes are available", 8.0)
    ]
    assert counts(found)["waited_s"] == 8.0
    assert "event" not in {each.kind for each in found}


def test_other_workflows_events_and_the_usual_ones_are_left_out():
    events = [event(1, "Pulled", "a"), event(1, "Preempted", "z", name="other-count-0"), event(1, "BackOff", "y", name="two-abcde-count-0")]
    assert len(told([workflow("Succeeded", attempts("count", DONE))], events=events)) == 3


def test_the_teachers_pods_are_told_of_while_the_run_was_there():
    made = workflow("Succeeded")
    made["status"]["finishedAt"] = at(30)
    events = [killed(at_s, "t", name=f"nemoflow-teacher-{pod}") for at_s, pod in ((20, "7d-x"), (40, "7d-x"), (20, "janitor-1-x"))]
    assert [entry[3] for entry in told([made], events=events) if entry[1] == "teacher"] == ["7d-x: is asked to stop"]


def test_the_last_words_of_an_attempt_are_read_from_its_log(tmp_path, monkeypatch):
    pytest.importorskip("kubernetes", reason="READING A RUN'S HISTORY IS NOT TESTED: the extra [argo] is not installed")
    with serving(tmp_path) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        server.put("workflows", "one-abcde", **workflow("Running", attempts("count", ("Failed", "75", "main: Error (exit code 75)"), DONE)))
        ended = [{"name": "main", "state": {"terminated": {"exitCode": 75, "startedAt": at(0), "finishedAt": at(10)}}}]
        labels = {"nemoflow/run": "one"}
        server.put("pods", "one-abcde-count-0", metadata={"labels": labels}, status={"phase": "Failed", "containerStatuses": ended})
        server.logs["one-abcde-count-0"] = "at work\nnemoflow: StoreError: the bucket is away\n"
        found = read_history(connect("nemoflow"), "one")
        assert read_history(connect("nemoflow"), "two") == ()
    assert [each.what for each in found if each.kind == "again"] == [
        "asks to be tried again (exit code 75): StoreError: the bucket is away"
    ]


def test_nothing_is_said_of_a_run_that_the_controller_has_not_seen():
    made = workflow("")
    made["status"] = {}
    assert told([made]) == [("run", "", None, "workflow one-abcde was sent")]
