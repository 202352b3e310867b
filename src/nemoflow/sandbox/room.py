"""What a session sees: a root of its own with Python's libraries, read-only, and an empty folder; no /proc, no other file, no network.

The new root is built over /proc, the one folder that is always there and never wanted.
"""

import os
import sys
from pathlib import PurePath

from nemoflow.sandbox import kernel

_SITE = ("site-packages", "dist-packages")
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
"""What is shown of /dev."""
_NEW, _OLD = "/proc", "/.old"
OWN_FOLDER = "/session"
_TMP = "/tmp"  # noqa: S108 - of the session's root, which nobody else sees
_MOST_FILES = 4096


def libraries() -> list[str]:
    """Folders and files that Python needs to import: no folder of the user's own, such as that of his sources."""
    base = os.path.join(sys.base_prefix, "lib")
    imported = [path for path in map(os.path.normpath, sys.path) if path.startswith(f"{base}/") or PurePath(path).name in _SITE]
    return [path for path in dict.fromkeys([*_SYSTEM, *imported]) if os.path.exists(path)]


def leave() -> None:
    """Leave the namespaces of this process, and that of its next child's process ids; who is not root needs a user namespace for it."""
    user, group = os.geteuid(), os.getegid()
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    if user == 0:
        kernel.unshare(flags)
        return
    kernel.unshare(flags | kernel.CLONE_NEWUSER)
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def enter(files_mb: int) -> None:
    """Build the root, and make it this process's only one."""
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", _NEW, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    for path in _without_nested(libraries()):
        _show(path)
        kernel.lock_mount(_NEW + path)
    for path in DEVICES:
        _show(path)
    os.mkdir(_NEW + OWN_FOLDER)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("tmpfs", _NEW + OWN_FOLDER, "tmpfs", flags, f"size={files_mb}m,nr_inodes={_MOST_FILES},mode=1777")
    if not os.path.lexists(_NEW + _TMP):  # an environment may lie below it
        os.symlink(OWN_FOLDER, _NEW + _TMP)
    os.mkdir(_NEW + _OLD)
    kernel.pivot_root(_NEW, _NEW + _OLD)
    os.chdir("/")
    kernel.unmount(_OLD)
    os.rmdir(_OLD)
    kernel.mount("", "/", "", kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV)


def _without_nested(paths: list[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(paths):
        if not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept


def _show(path: str) -> None:
    target = _NEW + path
    if os.path.isdir(path):
        os.makedirs(target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "x").close()
    kernel.mount(path, target, "", kernel.MS_BIND | kernel.MS_REC)
