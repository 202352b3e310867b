import pytest

from nemoflow.inference.pods import why_none_ready, why_pending


def pod(*containers, conditions=(), uid="p", **metadata):
    return {"metadata": {"uid": uid, **metadata}, "status": {"conditions": list(conditions), "containerStatuses": list(containers)}}


def container(waiting=None, ended=None, ready=False, restarts=0):
    state = {"waiting": waiting} if waiting else {"running": {}}
    return {"state": state, "ready": ready, "restartCount": restarts, "lastState": {"terminated": ended} if ended else {}}


def unscheduled(reason, message=""):
    return {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}


READY = container(ready=True)
GATED = unscheduled("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (pod(READY), ""),
        (pod(), "starting"),
        (pod(container()), "loading"),
        (pod(container(restarts=2)), "loading, restarted 2 times"),
        (pod(conditions=[unscheduled("Unschedulable", "0/4 nodes")]), "unschedulable: 0/4 nodes"),
        (pod(container(waiting={"reason": "ContainerCreating"})), "pulling its image, or attaching its volumes"),
        (pod(container(waiting={"reason": "ErrImagePull", "message": "no such\ntag"})), "ErrImagePull: no such tag"),
        (
            pod(container(waiting={"reason": "CrashLoopBackOff", "message": "back-off"}, ended={"exitCode": 1, "reason": "Error"})),
            "CrashLoopBackOff, it ended with 1 (Error): back-off",
        ),
    ],
)
def test_a_pod_says_what_it_waits_for(value, said):
    assert why_pending(value) == said


def test_of_several_replicas_it_is_counted_what_each_waits_for():
    pods = [pod(READY), pod(container()), pod(container()), pod(conditions=[GATED], uid="held"), pod(conditions=[GATED], uid="too")]
    message = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor large, 1 more needed"
    quota = {"type": "QuotaReserved", "status": "False", "message": message}
    workload = {"metadata": {"ownerReferences": [{"uid": "held"}]}, "status": {"conditions": [quota]}}
    elses = {"metadata": {"ownerReferences": [{"uid": "else"}]}, "status": {"conditions": [{**quota, "message": "no"}]}}
    said = why_none_ready({"spec": {"replicas": 6}}, pods, lambda: [elses, workload])
    assert said == f"1 of 6 ready; 2 loading; 2 pending for quota: {message}; 1 waiting for its pod to be made"


def test_pods_that_are_held_back_by_nobody_who_says_why_wait_for_quota():
    assert why_none_ready({"spec": {"replicas": 1}}, [pod(conditions=[GATED])], list) == "pending for quota"


def test_a_pod_that_is_not_admitted_at_all_is_told_in_the_servers_words():
    failing = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: gpus"}
    deployment = {"spec": {"replicas": 1}, "status": {"conditions": [failing]}}
    assert why_none_ready(deployment, [pod(READY, deletionTimestamp="now")], list) == "without a pod: exceeded quota: gpus"


def test_where_all_are_ready_there_is_nothing_to_say():
    assert why_none_ready({"spec": {"replicas": 2}}, [pod(READY), pod(READY)], list) == ""
