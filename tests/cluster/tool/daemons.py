"""Long-running processes: each with a log `logs/NAME` and the id of its process group in `pids/NAME`."""

import os
import signal
import subprocess
import time
from pathlib import Path

from .place import BIN, LOGS, NETNS, PIDS, STATE


def start(name: str, *args: object, inside: bool = True) -> None:
    """Start one, by default in the cluster's network namespace."""
    entered = ["nsenter", f"--net=/var/run/netns/{NETNS}"] if inside else []
    path = f"{BIN}:{os.environ['PATH']}:/usr/sbin"
    with log_of(name).open("ab") as log:
        process = subprocess.Popen(
            [*entered, *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=STATE,
            env={**os.environ, "PATH": path},
        )
    (PIDS / name).write_text(str(process.pid))


def log_of(name: str) -> Path:
    """The log of one."""
    return LOGS / name


def is_alive(name: str) -> bool:
    """Whether it still runs; a zombie of ours does not."""
    try:
        pid = pid_of(name)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return False
    return state != "Z"


def pid_of(name: str) -> int:
    """Of its first process and its group."""
    return int((PIDS / name).read_text())


def names() -> list[str]:
    """All that were started and not stopped."""
    return sorted(path.name for path in PIDS.iterdir()) if PIDS.exists() else []


def stop(name: str) -> None:
    """Ask its group to end, for two seconds, then insist."""
    if not (PIDS / name).exists():
        return
    pid = pid_of(name)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(20):
            try:
                os.killpg(pid, number)
            except OSError:
                break
            time.sleep(0.1)
    (PIDS / name).unlink()
