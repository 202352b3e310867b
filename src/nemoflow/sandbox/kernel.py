"""System calls that Python 3.11 has no function for, by ctypes; each raises OSError with what was tried."""

import ctypes
import os
import platform
import struct
from collections.abc import Sequence

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

MACHINE = platform.machine()
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
# Calls newer than Linux 5.0 have one number on all architectures.
_MOUNT_SETATTR, _LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 442, 444, 445, 446

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 4, 24, 38, 22
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x2008_0522


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(number: int, *arguments: object, what: str) -> int:
    words = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return _checked(_LIBC.syscall(ctypes.c_long(number), *words), what)


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones."""
    _checked(_LIBC.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system, or show a folder at another place."""
    words = [ctypes.c_char_p(word.encode()) for word in (source, target, kind)]
    _checked(_LIBC.mount(*words, ctypes.c_ulong(flags), ctypes.c_char_p(options.encode())), f"mount {target}")


def unmount(target: str) -> None:
    """Take a mount away, now for new users, and for old ones when they are done."""
    _checked(_LIBC.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def lock_mount(target: str) -> None:
    """Make a mount and all below it read-only, without devices and setuid programs."""
    attributes = struct.pack("=QQQQ", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0, 0, 0)
    _syscall(_MOUNT_SETATTR, _AT_FDCWD, target.encode(), _AT_RECURSIVE, attributes, len(attributes), what=f"mount_setattr {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root; the former one is then at `old`."""
    _syscall(_PIVOT_ROOT[MACHINE], new.encode(), old.encode(), what="pivot_root")


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that made it ends; a change of user id takes it back."""
    _prctl(_PR_SET_PDEATHSIG, 9)


def hide_from_tracers() -> None:
    """No other process of this user may read this one's memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def refuse_new_privileges() -> None:
    """No program that is run may have more rights than this process."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Have none of root's rights, and no way to them."""
    for capability in range(64):
        if _LIBC.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break  # EINVAL: beyond the last; EPERM: no right to drop, hence none to use
    header, none = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    _checked(_LIBC.capset(header, none), "capset")


def filter_calls(program: bytes) -> None:
    """Judge all further system calls by a BPF program: eight bytes an instruction."""
    code = ctypes.create_string_buffer(program, len(program))
    description = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(code)), 16)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(description))


def _prctl(option: int, *arguments: int) -> None:
    words = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)][:4]
    _checked(_LIBC.prctl(ctypes.c_int(option), *words), f"prctl {option}")


def landlock_version() -> int:
    """Of Landlock's interface; 0 where the kernel has none or it is off."""
    return max(0, int(_LIBC.syscall(ctypes.c_long(_LANDLOCK_CREATE), None, ctypes.c_long(0), ctypes.c_long(1))))


def landlock_restrict(handled: Sequence[int], allowed: Sequence[tuple[str, int]]) -> None:
    """Allow, of the `handled` rights (files, network, scopes), only those given with a path to what lies below it."""
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = _syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0, what="landlock_create_ruleset")
    try:
        for path, rights in allowed:
            _allow(ruleset, path, rights)
        _syscall(_LANDLOCK_RESTRICT, ruleset, 0, what="landlock_restrict_self")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", rights, place), 0, what=f"landlock_add_rule {path}")
    finally:
        os.close(place)
