"""The guard: a small process between a run and its teacher, so that a run that is killed with -9 does not leak a model server.

    python -P -m nemoflow.inference.guard FOLDER PORT COMMAND...

It detaches itself, starts the command in a session of its own and ends that whole process group once the holder (the process
that FOLDER/holder.json names) is gone, the lifetime is over, or SIGTERM asks for it. What runs is told in FOLDER/teacher.json, what
it prints goes to FOLDER/teacher.log. A new holder takes over by replacing holder.json and waiting until its token shows in
teacher.json: the guard reads before it decides, so a teacher is either handed over or ended, never half of both.

Only the standard library is imported: the guard lives as long as the teacher and costs about 10 MB. It needs Linux's /proc.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

POLL_S = 0.1
GRACE_S = 5.0
"""What a teacher gets between SIGTERM and SIGKILL."""
HOLDER, STATE, LOG = "holder.json", "teacher.json", "teacher.log"
PR_SET_PDEATHSIG = 1


def started_at(pid: int) -> str | None:
    """When a process started, as boot and clock ticks; None where it has ended. With the pid it names a process for good."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def is_alive(process: dict[str, Any]) -> bool:
    """Whether {pid, started} is still the same running process."""
    started = started_at(int(process["pid"]))
    return started is not None and started == process["started"]


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace a small file whole."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """A small file that the other side replaces whole; None where there is none, or none that can be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


class Guard:
    """One teacher under guard."""

    def __init__(self, folder: Path, port: int, command: Sequence[str]) -> None:
        self._folder, self._port, self._command = folder, port, list(command)
        self._hold: dict[str, Any] = {}
        self._until = 0.0
        self._asked = False
        self._pid = 0

    def start(self) -> None:
        """Start the teacher and say so in the state file."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        die_with_guard = _death_signal()
        # Not reaped before `end`: until then neither the pid nor the process group can be anyone else's.
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_guard)  # noqa: S603
        self._pid = self._process.pid
        self._started = started_at(self._pid) or ""
        self._take_hold()

    def watch(self) -> str:
        """Return why the teacher's time is over."""
        while True:
            self._take_hold()
            if self._has_ended():
                return "the teacher ended by itself"
            if self._asked:
                return "asked to end"
            if self._hold.get("pid") is not None and not is_alive(self._hold):
                return f"its holder, process {self._hold['pid']}, is gone"
            if time.monotonic() > self._until:
                return f"its lifetime of {self._hold['lifetime_s']:g} s is over"
            time.sleep(POLL_S)

    def end(self) -> int:
        """End the whole process group; the teacher's exit code."""
        self._signal_group(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while not self._has_ended() and time.monotonic() < deadline:
            time.sleep(POLL_S / 4)
        self._signal_group(signal.SIGKILL)
        return self._process.wait()

    def _ask(self, signum: int, frame: object) -> None:
        self._asked = True

    def _take_hold(self) -> None:
        hold = read_json(self._folder / HOLDER)
        if hold is None or hold["token"] == self._hold.get("token"):
            return
        self._hold, self._until = hold, time.monotonic() + hold["lifetime_s"]
        guard = {"pid": os.getpid(), "started": started_at(os.getpid())}
        teacher = {"pid": self._pid, "started": self._started}
        state = {"guard": guard, "teacher": teacher, "port": self._port, "template": hold["template"], "token": hold["token"]}
        write_json(self._folder / STATE, state)

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._pid, number)
        except ProcessLookupError:
            return


def _death_signal() -> Callable[[], None]:
    """For the child: be killed when the guard is. The library is loaded before the fork, where it is safe."""
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _detach(folder: Path) -> None:
    """Leave the caller's session and its pipes."""
    os.setsid()
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _note(message: str) -> None:
    sys.stderr.write(f"[guard] {message}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> int:
    """Start the teacher under a detached guard; 0 once it runs, 1 with the reason on stderr where it cannot be started."""
    folder, port, command = Path(arguments[0]), int(arguments[1]), arguments[2:]
    hear, say = os.pipe()
    if os.fork():
        os.close(say)
        with os.fdopen(hear) as stream:
            said = stream.read()
        if said != "started":
            sys.stderr.write(said or "the guard ended before it could start the teacher")
        return int(said != "started")
    os.close(hear)
    _detach(folder)
    guard = Guard(folder, port, command)
    with os.fdopen(say, "w") as stream:
        try:
            guard.start()
        except OSError as error:
            stream.write(f"{command[0]}: {error.strerror}")
            return 1
        stream.write("started")
    why = guard.watch()
    code = guard.end()
    _note(f"{why}; exit code {code}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
