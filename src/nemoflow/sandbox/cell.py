"""One session's two processes: a keeper, whose death is the death of all, and the interpreter behind its walls.

The keeper is what its owner kills. The kernel ends the interpreter with it, and it with the warden, which ends when the owner does.
"""

import os
import random
import resource
import select
import sys
from contextlib import suppress
from typing import Any

from nemoflow.sandbox import interpreter, kernel, landlock, room, seccomp, wire
from nemoflow.sandbox.limits import Limits

NOBODY = 65534
_CHANNEL = 3
_SPARE_CPU_S = 2
_OPEN_FILES = 64


def keep(channel: int, warden: int, limits: Limits, seed: int, apart: bool) -> None:
    """Be the keeper; does not return. `apart` asks for namespaces of its own."""
    kernel.die_with_parent()
    if os.getppid() != warden:
        os._exit(1)
    os.setsid()
    _close_all_but(channel)
    try:
        if apart:
            room.leave()
        alive, held = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(held)
            _live(alive, limits, seed, apart)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        wire.send(_CHANNEL, {"ended": status})
    except OSError as error:
        _say_failed(error)
    os._exit(0)


def _close_all_but(channel: int) -> None:
    """Keep the way to the owner, as descriptor 3, and nothing else of what the warden had open."""
    nothing = os.open("/dev/null", os.O_RDWR)
    kept = os.dup2(channel, 100)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.dup2(kept, _CHANNEL, inheritable=False)
    os.closerange(_CHANNEL + 1, 1024)


def _live(alive: int, limits: Limits, seed: int, apart: bool) -> None:
    """Put the walls up and serve; does not return."""
    try:
        _shut_in(alive, limits, apart)
        _prepare(seed, apart)
    except (OSError, ValueError) as error:
        _say_failed(error)
        os._exit(1)
    with suppress(BrokenPipeError):
        interpreter.serve(_CHANNEL)
    os._exit(0)


def _shut_in(alive: int, limits: Limits, apart: bool) -> None:
    _set_limits(limits)
    readable = room.libraries()
    if apart:
        room.enter(limits.files_mb)
        os.chdir(room.OWN_FOLDER)
    else:
        os.chdir("/")
    _become_nobody()
    if apart:
        _count_threads_apart(limits.threads)
    _die_with_keeper(alive)
    kernel.hide_from_tracers()
    kernel.refuse_new_privileges()
    kernel.drop_capabilities()
    sys.path[:] = [path for path in sys.path if any(path == known or path.startswith(f"{known}/") for known in readable)]
    if kernel.landlock_version():
        landlock.restrict([*readable, *room.DEVICES], [room.OWN_FOLDER] if apart else [])
    seccomp.install()


def _set_limits(limits: Limits) -> None:
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    most = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + (limits.memory_mb << 20),
        resource.RLIMIT_CPU: int(limits.calls * limits.seconds) + _SPARE_CPU_S,
        resource.RLIMIT_FSIZE: limits.files_mb << 20,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for kind, value in most.items():
        resource.setrlimit(kind, (value, value))


def _become_nobody() -> None:
    """Root becomes `nobody`, where it may: in a container that has no right to, it stays root without any right."""
    if os.geteuid() == 0:
        with suppress(PermissionError):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)


def _count_threads_apart(most: int) -> None:
    """In a user namespace of its own a session's threads are counted apart from those of all others; the keeper is there too."""
    if os.geteuid() == NOBODY:
        with suppress(OSError):
            kernel.unshare(kernel.CLONE_NEWUSER)
    resource.setrlimit(resource.RLIMIT_NPROC, (most + 1, most + 1))


def _die_with_keeper(alive: int) -> None:
    kernel.die_with_parent()
    if select.select([alive], [], [], 0)[0]:
        os._exit(1)  # it had died before the line above


def _prepare(seed: int, apart: bool) -> None:
    os.environ.clear()
    os.environ.update({"HOME": room.OWN_FOLDER, "TMPDIR": room.OWN_FOLDER} if apart else {})
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed & 0xFFFF_FFFF)
    wire.send(_CHANNEL, {"ready": True})


def _say_failed(error: Exception) -> None:
    message: dict[str, Any] = {"failed": str(error)}
    with suppress(OSError):
        wire.send(_CHANNEL, message)
