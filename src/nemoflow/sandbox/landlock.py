"""Landlock: a process gives up, for ever, all files but some, TCP, and signals to processes outside. No right is needed for it."""

import os
from collections.abc import Sequence

from nemoflow.sandbox import kernel

_EXECUTE, _WRITE, _READ, _READ_DIR = 1, 2, 4, 8
_FILE_RIGHTS = (0x1FFF, 0x3FFF, 0x7FFF, 0x7FFF, 0xFFFF)
"""Rights on files that versions 1, 2 (+ REFER), 3 (+ TRUNCATE), 4 and 5 (+ IOCTL_DEV) of the interface know."""
_TCP, _SCOPES = 3, 3
"""Binding and connecting (from version 4); signals and abstract sockets (from version 6)."""
_OF_A_FILE = _EXECUTE | _WRITE | _READ | 0x4000 | 0x8000


def restrict(readable: Sequence[str], writable: Sequence[str]) -> None:
    """From now on: read below `readable`, make, write and remove below `writable`, nothing else. Missing paths are passed over."""
    version = kernel.landlock_version()
    files = _FILE_RIGHTS[min(version, len(_FILE_RIGHTS)) - 1]
    handled = [files, *([_TCP] if version >= 4 else []), *([_SCOPES] if version >= 6 else [])]
    allowed = [(path, _rights(path, _READ | _READ_DIR)) for path in readable if os.path.exists(path)]
    allowed += [(path, _rights(path, files & ~_EXECUTE)) for path in writable if os.path.exists(path)]
    kernel.landlock_restrict(handled, allowed)


def _rights(path: str, rights: int) -> int:
    return rights if os.path.isdir(path) else rights & _OF_A_FILE
