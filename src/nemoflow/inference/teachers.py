"""The life of a teacher: wake it, find it ready, release it; three kinds behind one interface.

- `url`: somebody else runs it; waking is waiting until it lists the model, releasing is nothing.
- `process`: a command on this machine under a guard (guard.py), which ends it when the run that holds it is gone.
- `deployment`: a Deployment of Kubernetes that sleeps with no replicas (deployment.py).

    teacher = Teacher(kind="process", model="solver-v2-e0-s0", command=("nemoflow", "puzzles", "serve", "--port", "{port}"))
    woken = wake(teacher, folder, os.getpid(), print, lambda: False)
    release(woken.endpoint)
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from nemoflow.errors import ConfigError, InputError, ProviderError
from nemoflow.inference import guard
from nemoflow.inference.deployment import SleepingDeployment, connect
from nemoflow.inference.readiness import base_url, look, read_key, wait_until_ready
from nemoflow.inference.tally import Price
from nemoflow.records import Record

PORT = "{port}"
ADOPTION_S = 3.0
"""How long a guard may take to accept a new holder; it looks every `guard.POLL_S`."""
LOG_LINES = 20


@dataclass(frozen=True)
class Teacher:
    """Which teacher is wanted, and how to come by it."""

    kind: Literal["url", "process", "deployment"]
    model: str
    revision: str = ""
    url: str = ""
    command: tuple[str, ...] = ()
    deployment: str = ""
    namespace: str = ""
    replicas: int = 1
    api_key_env: str = ""
    deadline_s: float = 600.0
    lifetime_s: float = 43200.0
    price: Price = field(default_factory=Price)
    more_urls: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0
    mixed: tuple["Teacher", ...] = ()
    """Further teachers, of kind `url`."""


class Process(Record):
    """A process, named so that a recycled pid is not mistaken for it."""

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs, on this machine."""
        return guard.is_alive(self.model_dump())


class GuardedProcess(Record):
    """A teacher on this machine and the guard above it; the teacher leads its process group."""

    guard: Process
    teacher: Process


class Endpoint(Record):
    """`endpoint.json`: where a model answers. Its identity is model and revision; the key's value is never in it."""

    url: str
    model: str
    revision: str = ""
    api_key_env: str = ""
    process: GuardedProcess | None = None
    deployment: SleepingDeployment | None = None
    price: Price = Price()
    more_urls: Mapping[str, float] = {}
    """Where the same model answers too, each with its share of the requests against 1 for `url`."""
    weight: float = 1.0
    """Share of the samples against that of the other teachers of a mix."""
    mixed: tuple["Endpoint", ...] = ()
    """Further teachers that take part of the samples."""

    @property
    def teachers(self) -> tuple["Endpoint", ...]:
        """This one and those mixed in."""
        return (self, *self.mixed)

    @property
    def places(self) -> list[tuple["Endpoint", float]]:
        """Every URL of this model, with its share."""
        return [(self, 1.0), *((self.model_copy(update={"url": url}), share) for url, share in self.more_urls.items())]


@dataclass(frozen=True)
class Woken:
    """An endpoint that is ready."""

    endpoint: Endpoint
    seconds: float
    adopted: bool = False
    """Whether it was still running from an earlier attempt."""


def could_wake(teacher: Teacher) -> str:
    """One look without waking anything: empty where the teacher answers or can be started, else why not yet.

    Raises ConfigError or ProviderRefused where waking it would.
    """
    read_key(teacher.api_key_env)
    if teacher.kind == "url":
        return look(base_url(teacher.url), teacher.model, teacher.api_key_env)
    if teacher.kind == "deployment":
        base_url(teacher.url)
        connect(teacher.deployment, teacher.namespace).replicas()
        return ""
    _program(teacher.command)
    return ""


def wake(teacher: Teacher, folder: Path, holder_pid: int | None, note: Callable[[str], None], stopping: Callable[[], bool]) -> Woken:
    """Make a teacher ready; whatever was started is ended again where that fails.

    `folder` keeps the log and what a later attempt needs to find the process; `holder_pid` is the process whose end ends it.
    Raises ConfigError (wrong model, no such command), ProviderRefused (401, 404), ProviderError (not ready in time, died), Stopped.
    """
    for each in (teacher, *teacher.mixed):
        read_key(each.api_key_env)
    if teacher.kind == "deployment":
        return _wake_deployment(teacher, note, stopping)
    if teacher.kind == "url":
        endpoint, adopted = _endpoint(teacher, base_url(teacher.url), None), False
    else:
        endpoint, adopted = _start_or_adopt(teacher, folder, holder_pid, note)
    try:
        seconds = wait_until_ready(
            endpoint.url, teacher.model, teacher.api_key_env, teacher.deadline_s, note, lambda: _check(endpoint, folder), stopping
        )
        for other in _others(endpoint):
            seconds += wait_until_ready(other.url, other.model, other.api_key_env, teacher.deadline_s, note, lambda: None, stopping)
    except BaseException:
        release(endpoint)
        raise
    return Woken(endpoint, seconds, adopted)


def _others(endpoint: Endpoint) -> list[Endpoint]:
    """Every further place where the step will ask."""
    return [place for teacher in endpoint.teachers for place, _ in teacher.places][1:]


def _wake_deployment(teacher: Teacher, note: Callable[[str], None], stopping: Callable[[], bool]) -> Woken:
    """Scale it up and wait; one that was up before is left up where the wait fails, for it is somebody else's."""
    url = base_url(teacher.url)
    sleeping = connect(teacher.deployment, teacher.namespace)
    is_ours = sleeping.wake(teacher.replicas)
    note(f"{sleeping.namespace}/{sleeping.name}: {f'woken to {teacher.replicas} replicas' if is_ours else 'is awake already'}")
    arguments = (url, teacher.model, teacher.api_key_env, teacher.deadline_s, note, lambda: None, stopping)
    try:
        seconds = wait_until_ready(*arguments, explain=sleeping.why_not_ready)
    except BaseException:
        if is_ours:
            sleeping.sleep()
        raise
    return Woken(_endpoint(teacher, url, None).model_copy(update={"deployment": sleeping.record}), seconds, adopted=not is_ours)


def release(endpoint: Endpoint) -> bool:
    """End what stands behind an endpoint: its process, or the replicas of its Deployment; False where there is nothing (any more)."""
    if endpoint.deployment is not None:
        return connect(endpoint.deployment.name, endpoint.deployment.namespace).sleep()
    return endpoint.process is not None and _end(endpoint.process)


def read_endpoint(values: Mapping[str, Any], where: str) -> Endpoint:
    """Parse `endpoint.json`; InputError names the file and the field."""
    try:
        return Endpoint.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise InputError(f"{where}: endpoint.json: {field}: {problem['msg']}, got {problem['input']!r}") from None


def _endpoint(teacher: Teacher, url: str, process: GuardedProcess | None) -> Endpoint:
    return Endpoint(
        url=url,
        model=teacher.model,
        revision=teacher.revision,
        api_key_env=teacher.api_key_env,
        process=process,
        price=teacher.price,
        more_urls={base_url(more): share for more, share in teacher.more_urls.items()},
        weight=teacher.weight,
        mixed=tuple(_endpoint(other, base_url(other.url), None) for other in teacher.mixed),
    )


def _start_or_adopt(teacher: Teacher, folder: Path, holder_pid: int | None, note: Callable[[str], None]) -> tuple[Endpoint, bool]:
    """The process that an earlier attempt left, where it is the same command and its guard accepts this holder; else a new one."""
    state = guard.read_json(folder / guard.STATE)
    if state is not None:
        process = GuardedProcess.model_validate({"guard": state["guard"], "teacher": state["teacher"]})
        wanted = state["template"] == list(teacher.command)
        if wanted and process.guard.is_alive and process.teacher.is_alive and _is_held(process, folder, _hold(teacher, folder, holder_pid)):
            note(f"{teacher.model} still runs from an earlier attempt (process {process.teacher.pid})")
            return _endpoint(teacher, _local_url(state["port"]), process), True
        _end(process)
    return _start(teacher, folder, holder_pid, note), False


def _start(teacher: Teacher, folder: Path, holder_pid: int | None, note: Callable[[str], None]) -> Endpoint:
    if guard.started_at(os.getpid()) is None:
        raise ConfigError('kind "process" needs Linux, whose /proc tells processes apart; start the teacher yourself and use kind "url"')
    port = _free_port()
    command = [_program(teacher.command), *(word.replace(PORT, str(port)) for word in teacher.command[1:])]
    (folder / guard.STATE).unlink(missing_ok=True)
    (folder / guard.LOG).unlink(missing_ok=True)
    _hold(teacher, folder, holder_pid)
    guarding = [sys.executable, "-P", "-m", guard.__name__, str(folder), str(port), *command]
    started = subprocess.run(guarding, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    state = guard.read_json(folder / guard.STATE)
    if started.returncode or state is None:
        raise ConfigError(f"command {' '.join(teacher.command)!r}: cannot be started: {started.stderr.strip()}")
    process = GuardedProcess.model_validate({"guard": state["guard"], "teacher": state["teacher"]})
    note(f"started {teacher.model} (process {process.teacher.pid}); its log is {folder / guard.LOG}")
    return _endpoint(teacher, _local_url(port), process)


def _hold(teacher: Teacher, folder: Path, holder_pid: int | None) -> str:
    """Write down who holds the teacher from now on; the token by which the guard says that it has read it."""
    token = uuid.uuid4().hex
    started = None if holder_pid is None else guard.started_at(holder_pid)
    hold = {"token": token, "pid": holder_pid, "started": started, "lifetime_s": teacher.lifetime_s, "template": list(teacher.command)}
    guard.write_json(folder / guard.HOLDER, hold)
    return token


def _is_held(process: GuardedProcess, folder: Path, token: str) -> bool:
    """Whether the guard accepts the holder; one that has just decided to end its teacher does not."""

    def accepted() -> bool:
        state = guard.read_json(folder / guard.STATE)
        return state is not None and state["token"] == token

    _wait(lambda: accepted() or not process.guard.is_alive, ADOPTION_S)
    return accepted() and process.guard.is_alive


def _check(endpoint: Endpoint, folder: Path) -> None:
    """While waiting: a process that is gone will not become ready."""
    if endpoint.process is not None and not endpoint.process.teacher.is_alive:
        _wait(lambda: endpoint.process is None or not endpoint.process.guard.is_alive, ADOPTION_S)  # it writes the last line of the log
        raise ProviderError(f"{endpoint.model} ended while starting; the end of its log:\n{_tail(folder / guard.LOG)}")


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return f"(no log at {log})"
    return "\n".join(lines[-LOG_LINES:]) or "(empty)"


def _end(process: GuardedProcess) -> bool:
    """Ask the guard, which knows the group; without a guard, end the group whose leader is verified to be the same process."""
    if not (process.guard.is_alive or process.teacher.is_alive):
        return False
    if process.guard.is_alive:
        _signal(os.kill, process.guard.pid, signal.SIGTERM)
        _wait(lambda: not process.guard.is_alive, guard.GRACE_S + ADOPTION_S)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.teacher.is_alive:
            _signal(os.killpg, process.teacher.pid, number)
            _wait(lambda: not process.teacher.is_alive, guard.GRACE_S)
    if process.guard.is_alive:
        _signal(os.kill, process.guard.pid, signal.SIGKILL)
    return True


def _signal(send: Callable[[int, int], None], pid: int, number: signal.Signals) -> None:
    try:
        send(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        raise ProviderError(f"process {pid} belongs to another user; end it as that user") from None


def _wait(is_so: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _program(command: Sequence[str]) -> str:
    """The command's program: first beside the running interpreter, so that `nemoflow` and `python` are of this installation."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which(command[0], path=path)
    if found is None:
        raise ConfigError(f"command: no program {command[0]!r} on the PATH; install it, or give its full path")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _local_url(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1"
