import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.argo.api_server import kubeconfig
from tests.inference.lease_server import CORE, LEASES, WORKFLOWS, serving_leases
from tests.inference.stub_teacher import listing, serving

from nemoflow.errors import ConfigError, ProviderError, ProviderRefused, Stopped
from nemoflow.inference.deployment import SleepingDeployment, connect
from nemoflow.inference.leases import look_at, settle, tidy
from nemoflow.inference.sleeping import HOLDER, LEASE_S, give_back, workflow_here
from nemoflow.inference.teachers import Teacher, await_return, could_wake, read_endpoint, release, wake
from nemoflow.ports import free_port

pytest.importorskip("kubernetes", reason="SLEEPING TEACHERS ARE NOT TESTED: the extra [argo] is not installed")


@contextmanager
def sleeping(folder, monkeypatch, replicas=0):
    with serving_leases(folder, replicas) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        yield server


@pytest.fixture
def in_workflow(monkeypatch):
    """Makes this process one of a Workflow's pods."""

    def make(name="w1", namespace="team"):
        monkeypatch.setenv(HOLDER, f"{namespace}/{name}/uid-{name}/wake-teacher")

    return make


def teacher(url, **fields):
    return Teacher(**{"kind": "deployment", "model": "stub", "url": url, "deployment": "teacher", "deadline_s": 5, **fields})


def woken(wanted, folder, notes=None, stopping=lambda: False):
    return wake(wanted, folder, os.getpid(), (notes if notes is not None else []).append, stopping)


def until(is_so, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


def hears_sigterm(pid):
    """Whether a process that was just started has come to listen."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def test_a_workflow_wakes_a_teacher_by_a_lease_that_names_it_and_gives_both_back(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server, serving(listing(), listing("stub")) as (url, _):
        server.workflow("w1")
        found = woken(teacher(url, replicas=2), tmp_path)
        assert (server.replicas, found.adopted, found.endpoint.url) == (2, False, f"{url}/v1")
        (lease,) = server.leases().values()
        assert lease["metadata"]["name"] == "teacher-wake-teacher-uid-w1"
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w1", "uid": "uid-w1"}
        assert lease["metadata"]["ownerReferences"] == [owner]
        assert found.endpoint.process is None
        again = read_endpoint(found.endpoint.model_dump(), "here")
        assert release(again) is True
        assert (server.replicas, server.leases()) == (0, {})
        assert release(again) is False


def test_a_second_attempt_of_the_same_node_has_the_same_lease(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        server.workflow("w1")
        assert [woken(teacher(url), tmp_path).adopted for _ in range(2)] == [False, True]
        assert len(server.leases()) == 1


def test_two_workflows_share_a_teacher_until_the_last_gives_it_back(tmp_path, monkeypatch, in_workflow):
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        endpoints, notes = [], []
        for name, replicas in (("w1", 2), ("w2", 1)):
            in_workflow(name)
            server.workflow(name)
            endpoints.append(woken(teacher(url, replicas=replicas), tmp_path, notes).endpoint)
        assert any("awake already with 2 replicas, shared with 1 other" in note for note in notes)
        assert release(endpoints[0]) is True
        assert server.replicas == 1
        assert release(endpoints[1]) is True
        assert server.replicas == 0


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda server: server.workflow("w1", completed=True), "workflow w1 is over (Failed)"),
        (lambda server: server.objects.pop(f"{WORKFLOWS}/w1"), "workflow w1 is gone"),
        (lambda server: server.workflow("w1", uid="another"), "workflow w1 is gone, and another has its name"),
        (lambda server: server.workflow("w1", deletionTimestamp="2026-01-01T00:00:00Z"), "workflow w1 is being deleted"),
    ],
    ids=["terminated", "deleted", "made anew", "being deleted"],
)
def test_the_janitor_gives_back_what_no_live_workflow_holds(tmp_path, monkeypatch, in_workflow, end, why):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        server.workflow("w1")
        woken(teacher(url), tmp_path)
        assert tidy(connect("teacher")).replicas == 1
        end(server)
        settled = tidy(connect("teacher"))
        assert ([seen.why_dead for seen in settled.dead], settled.before, settled.replicas) == ([why], 1, 0)
        assert server.leases() == {}


def test_the_janitor_wakes_what_a_live_workflow_needs(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        server.workflow("w1")
        woken(teacher(url), tmp_path)
        connect("teacher").set_scale(0, connect("teacher").scale().version)
        assert tidy(connect("teacher")).replicas == 1
        assert server.replicas == 1


def test_whether_a_workflow_runs_is_not_guessed_where_the_server_fails(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        server.workflow("w1")
        woken(teacher(url), tmp_path)
        server.refused["GET", "/workflows/w1"] = 503
        with pytest.raises(ProviderError, match=r"look at workflow w1: the API server failed with 503"):
            tidy(connect("teacher"))
        assert (server.replicas, len(server.leases())) == (1, 1)


def test_a_run_outside_of_a_workflow_keeps_its_lease_alive_whatever_this_machines_clock_says(tmp_path, monkeypatch):
    monkeypatch.delenv(HOLDER, raising=False)
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        server.ahead_s = 86400.0
        endpoint = woken(teacher(url), tmp_path).endpoint
        (lease,) = server.leases().values()
        assert lease["spec"]["leaseDurationSeconds"] == LEASE_S
        assert all(seen.is_live for seen in look_at(connect("teacher")))
        assert endpoint.process.teacher.is_alive
        assert release(endpoint) is True
        assert (server.replicas, server.leases()) == (0, {})
        assert not endpoint.process.guard.is_alive


def test_a_run_outside_of_a_workflow_that_is_killed_gives_its_lease_back(tmp_path, monkeypatch):
    monkeypatch.delenv(HOLDER, raising=False)
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        holding = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        woken = wake(teacher(url), tmp_path, holding.pid, lambda line: None, lambda: False)
        assert server.replicas == 1
        assert until(lambda: hears_sigterm(woken.endpoint.process.teacher.pid))
        holding.send_signal(signal.SIGKILL)
        holding.wait()
        assert until(lambda: server.leases() == {} and server.replicas == 0)


def test_a_lease_that_nobody_renews_any_more_is_given_back_by_the_janitor(tmp_path, monkeypatch):
    with sleeping(tmp_path, monkeypatch, replicas=1) as server:
        metadata = {"labels": {"nemoflow/teacher": "teacher"}, "annotations": {"nemoflow/replicas": "1"}}
        spec = {"holderIdentity": "me@laptop", "leaseDurationSeconds": 120, "renewTime": "2026-01-01T00:00:00.000000Z"}
        server.put(f"{LEASES}/teacher-laptop", {"metadata": metadata, "spec": spec})
        assert tidy(connect("teacher")).dead[0].why_dead.endswith("120 s are allowed")
        assert (server.replicas, server.leases()) == (0, {})


def test_a_teacher_that_does_not_get_ready_is_put_to_sleep_and_the_pods_say_why(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server:
        server.workflow("w1")
        full = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/4 nodes: 4 Insufficient nvidia.com/gpu.",
        }
        server.put(
            f"{CORE}/pods/teacher-1", {"metadata": {"labels": {"app": "teacher"}}, "status": {"phase": "Pending", "conditions": [full]}}
        )
        notes = []
        with pytest.raises(ProviderError, match=r"not ready after 0\.5 s: unschedulable: 0/4 nodes: 4 Insufficient nvidia"):
            woken(teacher(f"http://127.0.0.1:{free_port()}", deadline_s=0.5), tmp_path, notes)
        assert (server.replicas, server.leases()) == (0, {})
        assert any("Insufficient nvidia.com/gpu" in note for note in notes)


def test_a_stop_or_a_wrong_model_gives_the_lease_back_and_leaves_the_teacher_to_others(tmp_path, monkeypatch, in_workflow):
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        in_workflow("w1")
        server.workflow("w1")
        woken(teacher(url), tmp_path)
        in_workflow("w2")
        server.workflow("w2")
        with pytest.raises(ConfigError, match="serves 'stub'"):
            woken(teacher(url, model="another"), tmp_path)
        with pytest.raises(Stopped):
            woken(teacher(url), tmp_path, stopping=lambda: True)
        assert server.replicas == 1
        assert len(server.leases()) == 1


def test_a_teacher_that_somebody_else_puts_to_sleep_while_it_loads_is_woken_again(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server, serving(listing(), listing(), listing("stub")) as (url, _):
        server.workflow("w1")

        def meddle(note):
            if "waiting for" in note and not meddled:
                meddled.append(note)
                deployment = connect("teacher")
                deployment.set_scale(0, deployment.scale().version)

        meddled = []
        wake(teacher(url), tmp_path, os.getpid(), meddle, lambda: False)
        assert meddled
        assert server.replicas == 1


def test_an_api_server_that_is_away_while_the_teacher_loads_is_a_reason_and_no_end(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server, serving(listing(), listing(), listing("stub")) as (url, _):
        server.workflow("w1")
        notes = []

        def note(line):
            notes.append(line)
            server.refused["GET", "/scale"] = 503

        wake(teacher(url), tmp_path, os.getpid(), note, lambda: False)
        assert any("get its scale: the API server failed with 503" in line for line in notes)


def test_a_lease_that_cannot_be_given_back_is_told_beside_the_first_error(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server, serving(listing("stub")) as (url, _):
        server.workflow("w1")
        server.refused["DELETE", "uid-w1"] = 503
        with pytest.raises(ConfigError, match="serves 'stub'") as caught:
            woken(teacher(url, model="another"), tmp_path)
        assert "could not be given back" in caught.value.__notes__[0]
        assert "the janitor does" in caught.value.__notes__[0]


def test_a_teacher_on_a_cluster_that_died_is_waited_for_before_it_is_asked_and_no_other_kind_is(tmp_path):
    with serving((503, b""), listing("stub")) as (url, seen):
        endpoint = read_endpoint({"url": f"{url}/v1", "model": "stub"}, "here")
        await_return(endpoint, 5, print, lambda: False)
        assert seen == []
        asleep = endpoint.model_copy(update={"deployment": SleepingDeployment(name="teacher", namespace="team")})
        await_return(asleep, 5, print, lambda: False)
        assert len(seen) == 2


def test_what_this_process_may_not_do_is_told_in_the_servers_words(tmp_path, monkeypatch, in_workflow):
    in_workflow()
    with sleeping(tmp_path, monkeypatch) as server:
        server.workflow("w1")
        server.refused["PUT", "/scale"] = 403
        with pytest.raises(ProviderRefused, match=r"Deployment team/teacher: scale it to 1: not allowed: cannot put /scale"):
            woken(teacher("http://127.0.0.1:1"), tmp_path)
        assert server.leases() == {}


def test_a_deployment_that_is_not_there_is_a_mistake_and_an_api_server_that_is_away_is_not(tmp_path, monkeypatch):
    with sleeping(tmp_path, monkeypatch), pytest.raises(ConfigError, match=r"Deployment team/nobody: there is none; correct `deployment`"):
        could_wake(teacher("http://127.0.0.1:1", deployment="nobody"))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, free_port(), "team")))
    with pytest.raises(ProviderError, match=r"the API server http://127.0.0.1.* is away"):
        could_wake(teacher("http://127.0.0.1:1"))


def test_without_a_cluster_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert "KUBERNETES_SERVICE_HOST" not in os.environ
    with pytest.raises(ConfigError, match=r"no cluster to speak to: .*set KUBECONFIG"):
        connect("teacher")


def test_a_lease_that_somebody_broke_is_named(tmp_path, monkeypatch):
    with sleeping(tmp_path, monkeypatch) as server:
        server.put(f"{LEASES}/odd", {"metadata": {"labels": {"nemoflow/teacher": "teacher"}, "annotations": {"nemoflow/replicas": "two"}}})
        with pytest.raises(ProviderError, match=r"Lease odd: annotation nemoflow/replicas is 'two'; a whole number is right"):
            settle(connect("teacher"))


def test_an_endpoint_of_an_older_run_holds_no_lease_and_is_settled(tmp_path, monkeypatch):
    with sleeping(tmp_path, monkeypatch, replicas=2) as server:
        record = read_endpoint({"url": "u", "model": "m", "deployment": {"name": "teacher", "namespace": "team"}}, "here").deployment
        assert give_back(record) is True
        assert server.replicas == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({HOLDER: "team/w1"}, "NAMESPACE/WORKFLOW/UID/NODE is right"),
        ({HOLDER: "other/w1/uid/wake"}, r"namespace 'team': the teacher's; this workflow runs in 'other'"),
        ({"ARGO_NODE_ID": "x"}, "its template is of an older nemoflow"),
    ],
)
def test_a_pod_that_cannot_say_whose_it_is_wakes_nobody(environment, message):
    with pytest.raises(ConfigError, match=message):
        workflow_here(environment, "team")
