"""A process on this machine under a guard (guard.py): started or adopted, looked after, ended for certain."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nemoflow.errors import ConfigError, ProviderError
from nemoflow.inference import guard
from nemoflow.ports import free_port
from nemoflow.records import Record

PORT = "{port}"
ADOPTION_S = 3.0
"""How long a guard may take to accept a new holder; it looks every `guard.POLL_S`."""
LOG_LINES = 20


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


@dataclass(frozen=True)
class Charge:
    """What is to run under a guard."""

    label: str
    command: tuple[str, ...]
    """Program and arguments; `{port}` becomes a free port. The program is looked for beside nemoflow first."""
    folder: Path
    """Keeps the log, and what a later attempt needs to find the process."""
    holder_pid: int | None
    """Process whose end ends it."""
    lifetime_s: float


@dataclass(frozen=True)
class Running:
    """What runs under its guard."""

    process: GuardedProcess
    port: int
    adopted: bool
    """Whether an earlier attempt had started it."""


def start_or_adopt(charge: Charge, note: Callable[[str], None]) -> Running:
    """The process that an earlier attempt left, where it is the same command and its guard accepts this holder; else a new one."""
    state = guard.read_json(charge.folder / guard.STATE)
    if state is not None:
        process = GuardedProcess.model_validate({"guard": state["guard"], "teacher": state["teacher"]})
        wanted = state["template"] == list(charge.command)
        if wanted and process.guard.is_alive and process.teacher.is_alive and _is_held(process, charge.folder, _hold(charge)):
            note(f"{charge.label} still runs from an earlier attempt (process {process.teacher.pid})")
            return Running(process, state["port"], adopted=True)
        end(process)
    return _start(charge, note)


def _start(charge: Charge, note: Callable[[str], None]) -> Running:
    if guard.started_at(os.getpid()) is None:
        raise ConfigError('kind "process" needs Linux, whose /proc tells processes apart; start the teacher yourself and use kind "url"')
    port = free_port()
    command = [program(charge.command), *(word.replace(PORT, str(port)) for word in charge.command[1:])]
    (charge.folder / guard.STATE).unlink(missing_ok=True)
    (charge.folder / guard.LOG).unlink(missing_ok=True)
    _hold(charge)
    guarding = [sys.executable, "-P", "-m", guard.__name__, str(charge.folder), str(port), *command]
    started = subprocess.run(guarding, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    state = guard.read_json(charge.folder / guard.STATE)
    if started.returncode or state is None:
        raise ConfigError(f"command {' '.join(charge.command)!r}: cannot be started: {started.stderr.strip()}")
    process = GuardedProcess.model_validate({"guard": state["guard"], "teacher": state["teacher"]})
    note(f"started {charge.label} (process {process.teacher.pid}); its log is {charge.folder / guard.LOG}")
    return Running(process, port, adopted=False)


def _hold(charge: Charge) -> str:
    """Write down who holds the process from now on; the token by which the guard says that it has read it."""
    token = uuid.uuid4().hex
    pid = charge.holder_pid
    started = None if pid is None else guard.started_at(pid)
    hold = {"token": token, "pid": pid, "started": started, "lifetime_s": charge.lifetime_s, "template": list(charge.command)}
    guard.write_json(charge.folder / guard.HOLDER, hold)
    return token


def _is_held(process: GuardedProcess, folder: Path, token: str) -> bool:
    """Whether the guard accepts the holder; one that has just decided to end its teacher does not."""

    def accepted() -> bool:
        state = guard.read_json(folder / guard.STATE)
        return state is not None and state["token"] == token

    _wait(lambda: accepted() or not process.guard.is_alive, ADOPTION_S)
    return accepted() and process.guard.is_alive


def check(process: GuardedProcess, label: str, folder: Path) -> None:
    """While waiting: a process that is gone will not become ready. Raises ProviderError with the end of its log."""
    if not process.teacher.is_alive:
        _wait(lambda: not process.guard.is_alive, ADOPTION_S)  # it writes the last line of the log
        raise ProviderError(f"{label} ended while starting; the end of its log:\n{_tail(folder / guard.LOG)}")


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return f"(no log at {log})"
    return "\n".join(lines[-LOG_LINES:]) or "(empty)"


def end(process: GuardedProcess) -> bool:
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


def program(command: Sequence[str]) -> str:
    """The command's program: first beside the running interpreter, so that `nemoflow` and `python` are of this installation."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which(command[0], path=path)
    if found is None:
        raise ConfigError(f"command: no program {command[0]!r} on the PATH; install it, or give its full path")
    return found
