import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.inference.stub_teacher import COMMAND, listing, serving

from nemoflow.errors import ConfigError, InputError, ProviderError, ProviderRefused, Stopped
from nemoflow.inference import guard
from nemoflow.inference.process import GuardedProcess, Process
from nemoflow.inference.readiness import base_url, look
from nemoflow.inference.teachers import Endpoint, Teacher, read_endpoint, release, wake

HERE = Path(__file__).parent


def local(*options, **fields):
    return Teacher(**{"kind": "process", "model": "stub", "command": (*COMMAND, *options), "deadline_s": 30, **fields})


def remote(url, **fields):
    return Teacher(**{"kind": "url", "model": "stub", "url": url, "deadline_s": 10, **fields})


def woken_in(folder, teacher, holder=None, notes=None, stopping=lambda: False):
    return wake(teacher, folder, holder, (notes if notes is not None else []).append, stopping)


def until(is_so, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def is_gone(pid):
    return guard.started_at(pid) is None


def all_gone(process):
    return not process.guard.is_alive and not process.teacher.is_alive


@pytest.fixture
def awake(tmp_path):
    """Wakes teachers in the test's folder and releases what is left of them."""
    endpoints = []

    def make(teacher, **options):
        woken = woken_in(tmp_path, teacher, **options)
        endpoints.append(woken.endpoint)
        return woken

    yield make
    for endpoint in endpoints:
        release(endpoint)


@contextmanager
def a_run(folder, *options):
    """Another process that holds the stub teacher; it is killed with -9 at the end, if not before."""
    command = [sys.executable, str(HERE / "holder.py"), str(folder), *COMMAND, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent.parent) as process:
        try:
            said = json.loads(process.stdout.readline())
            yield process, Endpoint.model_validate(said["endpoint"])
        finally:
            process.kill()


def test_a_woken_process_answers_and_a_release_ends_it_once(awake):
    endpoint = awake(local(revision="main")).endpoint
    assert (endpoint.model, endpoint.revision) == ("stub", "main")
    assert look(endpoint.url, "stub") == ""
    assert release(endpoint) is True
    assert all_gone(endpoint.process)
    assert release(endpoint) is False


def test_release_ends_the_whole_group_and_waits_for_no_stubborn_child(awake, tmp_path):
    endpoint = awake(local("--child", str(tmp_path / "child"))).endpoint
    child = int((tmp_path / "child").read_text())
    assert not is_gone(child)
    begun = time.monotonic()
    assert release(endpoint)
    assert time.monotonic() - begun < guard.GRACE_S
    assert until(lambda: is_gone(child))


def test_a_teacher_that_ignores_sigterm_is_killed_after_the_grace(awake):
    endpoint = awake(local("--stubborn")).endpoint
    assert release(endpoint)
    assert all_gone(endpoint.process)


def test_a_run_that_is_killed_with_9_leaks_neither_teacher_nor_its_children(tmp_path):
    with a_run(tmp_path, "--child", str(tmp_path / "child")) as (run, endpoint):
        child = int((tmp_path / "child").read_text())
        time.sleep(3 * guard.POLL_S)
        assert endpoint.process.teacher.is_alive
        run.kill()
        assert until(lambda: all_gone(endpoint.process) and is_gone(child))
    assert "is gone" in (tmp_path / guard.LOG).read_text()


def test_a_guard_that_is_killed_takes_its_teacher_along(awake):
    endpoint = awake(local()).endpoint
    os.kill(endpoint.process.guard.pid, signal.SIGKILL)
    assert until(lambda: all_gone(endpoint.process))


def test_without_a_guard_release_ends_the_teacher_itself():
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True) as teacher:
        gone = Process(pid=2**22 + 1, started="never")
        process = GuardedProcess(guard=gone, teacher=Process(pid=teacher.pid, started=guard.started_at(teacher.pid)))
        assert release(Endpoint(url="http://127.0.0.1:1/v1", model="stub", process=process))
        assert teacher.wait(5) == -signal.SIGTERM


def test_the_lifetime_ends_a_teacher_that_nobody_holds(awake, tmp_path):
    endpoint = awake(local(lifetime_s=1.0)).endpoint
    assert until(lambda: all_gone(endpoint.process))
    assert "lifetime of 1 s is over" in (tmp_path / guard.LOG).read_text()


def test_a_teacher_outlives_the_folder_it_was_woken_in(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    endpoint = woken_in(folder, local(), holder=os.getpid()).endpoint
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    time.sleep(3 * guard.POLL_S)
    assert look(endpoint.url, "stub") == ""
    assert release(endpoint)


def test_a_recycled_pid_is_never_killed():
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True) as innocent:
        boot, ticks = guard.started_at(innocent.pid).split(":")
        for started in (f"{boot}:{int(ticks) - 1}", f"another-boot:{ticks}"):
            impostor = Process(pid=innocent.pid, started=started)
            endpoint = Endpoint(url="http://127.0.0.1:1/v1", model="stub", process=GuardedProcess(guard=impostor, teacher=impostor))
            assert release(endpoint) is False
        assert innocent.poll() is None
        innocent.kill()


def test_a_process_that_waits_to_be_reaped_counts_as_ended():
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        assert until(lambda: is_gone(process.pid))
        assert Path(f"/proc/{process.pid}").exists()


def test_a_teacher_that_dies_at_start_shows_the_end_of_its_log(tmp_path):
    with pytest.raises(ProviderError, match=r"(?s)stub ended while starting.*CUDA out of memory.*exit code 1"):
        woken_in(tmp_path, local("--die", "CUDA out of memory"))


def test_a_teacher_with_the_wrong_model_is_named_and_ended(tmp_path):
    with pytest.raises(ConfigError, match=r"model 'stub': .* serves 'other'"):
        woken_in(tmp_path, local("--model", "other"))
    state = guard.read_json(tmp_path / guard.STATE)
    assert not guard.is_alive(state["teacher"])


def test_a_teacher_that_is_not_ready_in_time_is_ended(tmp_path):
    with pytest.raises(ProviderError, match=r"not ready after 0.5 s: nothing answers"):
        woken_in(tmp_path, local("--delay", "60", deadline_s=0.5))
    state = guard.read_json(tmp_path / guard.STATE)
    assert not guard.is_alive(state["teacher"])


def test_a_stop_while_waiting_ends_what_was_started(tmp_path):
    with pytest.raises(Stopped):
        woken_in(tmp_path, local("--delay", "60"), stopping=(tmp_path / guard.STATE).exists)
    state = guard.read_json(tmp_path / guard.STATE)
    assert not guard.is_alive(state["teacher"])


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no program 'no-such-server'"):
        woken_in(tmp_path, local(command=("no-such-server", "{port}")))


def test_a_program_that_cannot_run_is_named(tmp_path):
    script = tmp_path / "broken"
    script.write_bytes(b"\x7fELF not really")
    script.chmod(0o755)
    with pytest.raises(ConfigError, match=r"cannot be started: .*Exec format error"):
        woken_in(tmp_path, local(command=(str(script), "{port}")))


def test_a_live_teacher_of_an_earlier_attempt_is_adopted(awake):
    first = awake(local(), holder=os.getpid())
    second = awake(local(), holder=os.getpid())
    assert (first.adopted, second.adopted) == (False, True)
    assert second.endpoint == first.endpoint


def test_a_teacher_of_another_command_is_ended_not_adopted(awake):
    first = awake(local())
    second = awake(local("--delay", "0"))
    assert not second.adopted
    assert all_gone(first.endpoint.process)
    assert second.endpoint.process.teacher.is_alive


def test_an_adopted_teacher_follows_its_new_holder(awake, tmp_path):
    with a_run(tmp_path) as (run, endpoint):
        adopted = awake(local(), holder=os.getpid())
        assert (adopted.adopted, adopted.endpoint) == (True, endpoint)
        run.kill()
        run.wait()
        time.sleep(3 * guard.POLL_S)
        assert adopted.endpoint.process.teacher.is_alive
        with a_run(tmp_path) as (next_run, same):
            assert same == endpoint
            next_run.kill()
            assert until(lambda: all_gone(endpoint.process))


@pytest.mark.parametrize("seed", range(4))
def test_a_teacher_is_handed_over_or_ended_never_half_of_both(awake, tmp_path, seed):
    with a_run(tmp_path) as (run, endpoint):
        run.kill()
        run.wait()
        time.sleep(random.Random(seed).uniform(0, 2 * guard.POLL_S))
        woken = awake(local(), holder=os.getpid())
    time.sleep(3 * guard.POLL_S)
    assert woken.endpoint.process.teacher.is_alive
    assert woken.adopted == endpoint.process.teacher.is_alive == (woken.endpoint == endpoint)


def test_a_url_becomes_ready_and_each_reason_is_told_once(tmp_path):
    notes = []
    answers = [(503, b""), (503, b""), (200, b"<html>"), listing(), (429, b""), listing("other", "stub")]
    with serving(*answers) as (url, seen):
        woken = woken_in(tmp_path, remote(url), notes=notes)
    assert woken.endpoint == Endpoint(url=f"{url}/v1", model="stub")
    assert [path for path, _ in seen] == ["/v1/models"] * 6
    told = [note.partition(": ")[2] for note in notes]
    assert told == ["answers 503", "answers 200, but not with a list of models", "lists no model yet", "answers 429"]
    assert release(woken.endpoint) is False


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301])
def test_a_url_that_says_no_for_good_is_refused_at_once(tmp_path, status):
    with (
        serving((status, b'{"error": "no"}')) as (url, seen),
        pytest.raises(ProviderRefused, match=f'/v1/models: answers {status}: .*"no"'),
    ):
        woken_in(tmp_path, remote(url))
    assert len(seen) == 1


def test_the_key_is_sent_and_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("STUB_KEY", "s3cret")
    with serving(listing("stub"), (401, b"wrong key s3cret")) as (url, seen):
        endpoint = woken_in(tmp_path, remote(url, api_key_env="STUB_KEY")).endpoint
        with pytest.raises(ProviderRefused, match=r"wrong key \*\*\*.*check the key in STUB_KEY") as refused:
            woken_in(tmp_path, remote(url, api_key_env="STUB_KEY"))
    assert seen[0][1] == "Bearer s3cret"
    assert "s3cret" not in f"{endpoint.model_dump_json()}{refused.value}"


def test_a_key_that_is_not_set_is_named(tmp_path):
    with pytest.raises(ConfigError, match="NEMOFLOW_NO_SUCH_KEY is not set"):
        woken_in(tmp_path, remote("http://127.0.0.1:1", api_key_env="NEMOFLOW_NO_SUCH_KEY"))


def test_a_url_with_other_models_names_them(tmp_path):
    with serving(listing("b", "a")) as (url, _), pytest.raises(ConfigError, match=r"model 'stub': .* serves 'a', 'b'"):
        woken_in(tmp_path, remote(url))


def test_nothing_listening_ends_at_the_deadline(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(ProviderError, match=r"not ready after 0.4 s: nothing answers") as error:
            woken_in(tmp_path, remote(url, deadline_s=0.4))
    assert not isinstance(error.value, ProviderRefused)
    assert 0.4 <= time.monotonic() - begun < 2


def test_a_server_that_hangs_or_speaks_something_else_is_waited_for(tmp_path):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(ProviderError, match="no answer within"):
            woken_in(tmp_path, remote(url, deadline_s=0.3))


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/v1/", "http://host:8000/v1"),
        ("https://host/openai/v1beta", "https://host/openai/v1beta"),
        ("https://host/proxy", "https://host/proxy/v1"),
    ],
)
def test_the_base_of_a_url_ends_with_its_version(url, base):
    assert base_url(url) == base_url(base) == base


@pytest.mark.parametrize("url", ["", "host:8000", "ftp://host/v1", "http://", "http://host:port/v1", "http://host:99999", "http://[::1/v1"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ConfigError, match="not a URL"):
        base_url(url)


def test_a_url_with_a_password_is_refused_without_showing_it():
    with pytest.raises(ConfigError, match="api_key_env") as error:
        base_url("http://me:s3cret@host/v1")
    assert "s3cret" not in str(error.value)


def test_a_broken_endpoint_json_names_file_and_field():
    process = {"guard": {"pid": "x", "started": "y"}, "teacher": {"pid": 1, "started": "y"}}
    with pytest.raises(InputError, match=r"here: endpoint.json: process.guard.pid: .*'x'"):
        read_endpoint({"url": "http://h/v1", "model": "m", "process": process}, "here")


def test_the_guard_imports_the_standard_library_only():
    code = "import sys, nemoflow.inference.guard; print(*{name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}, cwd=HERE.parent.parent
    )
    assert set(done.stdout.split()) <= {"__main__", "nemoflow"}
