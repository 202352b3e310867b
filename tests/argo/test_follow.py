import io
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest
from tests.argo.api_server import serving
from tests.argo.workflows import DONE, attempts, workflow

from nemoflow.argo.api import connect
from nemoflow.argo.follow import LineView, ended, follow, logs, view_for
from nemoflow.argo.state import read_state
from nemoflow.errors import ClusterError, InputError, RunFailed

pytest.importorskip("kubernetes", reason="FOLLOWING IS NOT TESTED: the extra [argo] is not installed")

RUNNING = workflow("Running", attempts("count", ("Running", "", "")))
FAILED = workflow("Failed", attempts("count", ("Failed", "2", "main: Error (exit code 2)")))


@pytest.fixture
def api(tmp_path, monkeypatch):
    with serving(tmp_path) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        yield server, connect("nemoflow")


def test_a_run_is_shown_until_it_is_over(api):
    server, client = api
    server.put("workflows", "one-abcde", **RUNNING)
    later = threading.Timer(0.3, lambda: server.put("workflows", "one-abcde", **workflow("Succeeded", attempts("count", DONE))))
    later.start()
    stream = io.StringIO()
    with view_for(stream) as view:
        state = follow(client, "one-abcde", view, look_s=0.05)
    assert state.exit_code == 0
    assert [line.split()[:2] for line in stream.getvalue().splitlines()] == [["count", "running"], ["count", "done"]]


def test_a_change_is_told_once():
    stream = io.StringIO()
    view = LineView(stream)
    for _ in range(3):
        view.show(read_state(RUNNING))
    assert stream.getvalue().count("running") == 1


def test_a_terminal_gets_a_table_with_every_step():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with view_for(stream) as view:
        view.show(read_state(RUNNING))
    for word in ("count", "copy", "page", "close", "running", "waiting", "0/2"):
        assert word in stream.getvalue()


def test_a_failed_run_ends_with_its_steps_code_and_the_end_of_its_log(api):
    server, client = api
    server.put("workflows", "one-abcde", **FAILED)
    labels = {"workflows.argoproj.io/workflow": "one-abcde", "nemoflow/step": "count"}
    server.put("pods", "p", metadata={"labels": labels, "annotations": {"workflows.argoproj.io/node-id": "count-0"}})
    server.logs["p"] = "nemoflow: ConfigError: train.epochs\n"
    with pytest.raises(RunFailed, match=r"run 'one' failed as workflow one-abcde: count\(0\): main: Error \(exit code 2\)") as told:
        ended(client, read_state(FAILED))
    assert told.value.exit_code == 2
    assert told.value.__notes__ == ["count | nemoflow: ConfigError: train.epochs"]


def test_a_run_that_was_stopped_may_be_tried_again(api):
    server, client = api
    stopped = workflow("Failed", attempts("count", ("Failed", "75", "")), shutdown="Stop")
    server.put("workflows", "one-abcde", **stopped)
    with pytest.raises(RunFailed, match="was stopped; submit it again") as told:
        ended(client, read_state(stopped))
    assert told.value.exit_code == 75


def test_an_image_that_never_comes_stops_the_run_as_bad_input(api):
    server, client = api
    server.put("workflows", "one-abcde", **workflow("Running", attempts("count", ("Pending", "", ""))))
    waiting = {"name": "main", "image": "r/data:9", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    labels = {"workflows.argoproj.io/workflow": "one-abcde", "nemoflow/step": "count"}
    server.put("pods", "p", metadata={"labels": labels}, status={"phase": "Pending", "containerStatuses": [waiting]})
    with pytest.raises(RunFailed, match=r"waits for what does not come: r/data:9: ImagePullBackOff: not found") as told:
        follow(client, "one-abcde", LineView(io.StringIO()), look_s=0.02, hope_s=0.1)
    assert told.value.exit_code == 2
    assert server.sent("workflows")[-1] == {"spec": {"shutdown": "Stop"}}


def test_a_workflow_that_was_deleted_is_an_error_at_once(api):
    _, client = api
    begun = time.monotonic()
    with pytest.raises(ClusterError, match="404"):
        follow(client, "gone", LineView(io.StringIO()))
    assert time.monotonic() - begun < 2


def test_a_workflow_that_somebody_deletes_under_a_follower_may_be_submitted_again(api):
    server, client = api
    server.put("workflows", "one-abcde", **RUNNING)

    class Deleting(LineView):
        def show(self, state):
            server.objects.pop(next(path for path in server.objects if path.endswith("/workflows/one-abcde")))

    with pytest.raises(RunFailed, match="run 'one': somebody deleted its workflow one-abcde; submit it again") as told:
        follow(client, "one-abcde", Deleting(io.StringIO()), look_s=0.02)
    assert told.value.exit_code == 75


def test_logs_of_several_pods_say_whose_they_are(api):
    server, client = api
    made = server.put("workflows", "one-abcde", **RUNNING)
    for index in range(2):
        labels = {"workflows.argoproj.io/workflow": "one-abcde", "nemoflow/step": "copy"}
        annotations = {"workflows.argoproj.io/node-name": f"one-abcde.copy({index}:{index})(0)"}
        server.put("pods", f"p{index}", metadata={"labels": labels, "annotations": annotations}, status={"phase": "Succeeded"})
        server.logs[f"p{index}"] = f"line of {index}"
    assert list(logs(client, made, "copy", follow_on=True)) == ["copy(0:0)(0): line of 0", "copy(1:1)(0): line of 1"]


def test_logs_of_a_step_without_pods_name_the_steps_there_are(api):
    server, client = api
    made = server.put("workflows", "one-abcde", **RUNNING)
    with pytest.raises(InputError, match=r"step 'nope': no pods in workflow one-abcde .*; its steps: count, copy, page, close"):
        list(logs(client, made, "nope", follow_on=False))


def test_ctrl_c_leaves_the_run_at_work(tmp_path):
    with serving(tmp_path) as (server, config):
        server.put("workflows", "one-abcde", **RUNNING)
        command = [sys.executable, "-m", "nemoflow.cli.main", "follow", "one", "--namespace", "nemoflow"]
        # A runner in the background hands down an ignored SIGINT, as a shell gives it to what it starts with `&`.
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        environment = {**os.environ, "KUBECONFIG": str(config)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=heard) as process:
            assert process.stdout is not None
            assert process.stdout.readline().split()[:2] == ["count", "running"]
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        assert "run one goes on; `nemoflow follow one` comes back to it, `nemoflow stop one` ends it" in out
        assert server.seen == []
