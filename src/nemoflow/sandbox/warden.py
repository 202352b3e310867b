"""The process that makes sessions: it has imported what models use, and forks, so that a session starts in milliseconds.

    python -P -m nemoflow.sandbox.warden        (standard input is a socket to the owner)

It is started with an empty environment: no key of the owner's is in its memory or in that of a session. It ends when its owner does.
"""

import gc
import json
import os
import socket
import sys
from contextlib import suppress
from importlib import import_module

from nemoflow.sandbox import cell, kernel, seccomp, wire
from nemoflow.sandbox.limits import Limits
from nemoflow.sandbox.walls import Walls

PRELOADED = (
    "array", "bisect", "cmath", "collections", "contextlib", "copy", "csv", "datetime", "decimal", "fractions", "functools", "gzip",
    "heapq", "io", "itertools", "json", "math", "operator", "pprint", "random", "re", "statistics", "string", "textwrap", "threading",
    "time", "typing", "numpy", "mpmath", "sympy",
)  # fmt: skip
_ORDER_BYTES = 65536


def main() -> None:
    """Say what holds here, then make a session for each order."""
    owner = socket.socket(fileno=os.dup(0))
    _preload()
    walls = _find_walls()
    owner.send(walls.model_dump_json().encode())
    if walls.refusal:
        return
    while order := owner.recv(_ORDER_BYTES):
        _reap()
        wanted = json.loads(order)
        ours, keeper = _start(Limits(**wanted["limits"]), wanted["seed"], walls.namespaces)
        with ours:
            socket.send_fds(owner, [b"ok"], [ours.fileno(), keeper])
        os.close(keeper)


def _preload() -> None:
    for name in PRELOADED:
        with suppress(ImportError):
            import_module(name)
    gc.collect()
    gc.freeze()


def _find_walls() -> Walls:
    """Try: a session apart from all others, else one without namespaces."""
    if not seccomp.is_known_machine():
        return Walls(refusal=f"no list of system calls for {sys.platform} on {kernel.MACHINE}; Linux on x86_64 or aarch64 is right")
    landlock = kernel.landlock_version()
    why_not = _try(apart=True)
    found = Walls(namespaces=not why_not, why_no_namespaces=why_not, landlock=landlock, user=_user())
    if not why_not:
        return found
    if not landlock:
        return found.model_copy(update={"refusal": f"neither namespaces ({why_not}) nor Landlock (Linux 5.13 with it switched on)"})
    return found.model_copy(update={"refusal": _try(apart=False)})


def _user() -> str:
    return "nobody" if os.geteuid() == 0 else f"the user {os.geteuid()}"


def _try(apart: bool) -> str:
    """What stood in the way of a session; empty where nothing did."""
    ours, keeper = _start(Limits(), 0, apart)
    with ours:
        said = wire.receive(ours.fileno()) or {}
    os.close(keeper)
    return "" if said.get("ready") else str(said.get("failed") or "the first process of a session ended at once")


def _start(limits: Limits, seed: int, apart: bool) -> tuple[socket.socket, int]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    warden = os.getpid()
    pid = os.fork()
    if pid == 0:
        cell.keep(theirs.fileno(), warden, limits, seed, apart)
    theirs.close()
    return ours, os.pidfd_open(pid)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main()
