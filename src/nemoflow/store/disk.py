"""Files on a local disk: published whole, digested, and the system's errors said in words."""

import errno
import io
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import xxhash

from nemoflow.errors import ConfigError, InputError, NemoflowError, StoreError
from nemoflow.store.keys import TEMPORARY, temporary_name

BLOCK_BYTES = 2**20
STALE_S = 24 * 3600
"""An unfinished file that nobody wrote to for so long is what a killed process left."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_SUCH_PLACE = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTEMPTY, errno.ELOOP}


def explain(error: OSError, address: str) -> NemoflowError:
    """The error to raise instead: what broke at this address and what to do about it."""
    said = os.strerror(error.errno) if error.errno else str(error)
    if isinstance(error, FileNotFoundError):
        return InputError(f"{address}: no such file")
    if error.errno in FULL:
        return StoreError(
            f"{address}: could not be written, {said}; free some space or raise the quota, then run again: what is done is kept"
        )
    if error.errno in FORBIDDEN:
        return InputError(f"{address}: {said}; give this user the right to it, or choose another root")
    if error.errno in NO_SUCH_PLACE:
        return ConfigError(f"{address}: {said}; a key is either a file or a folder of other keys")
    return StoreError(f"{address}: {said}")


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn the system's errors within the block into ours."""
    try:
        yield
    except OSError as error:
        raise explain(error, address) from error


class DiskFile(io.FileIO):
    """A raw file whose writes fail with a StoreError, so that a full disk is not taken for an error of whoever makes the bytes."""

    def __init__(self, path: Path, address: str) -> None:
        super().__init__(path, "x+")
        self._address = address

    def write(self, data: Any, /) -> int:
        """Write some or all of the bytes."""
        with explained(self._address):
            return super().write(data)


@contextmanager
def unfinished(folder: Path, address: str) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file under a temporary name, gone when the block ends unless it was renamed."""
    temporary = folder / temporary_name()
    with explained(address):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError:  # of a file system that makes no folders, such as /proc
            raise InputError(f"{address}: no folder can be made there; choose another root") from None
        raw = DiskFile(temporary, address)
    try:
        yield cast(BinaryIO, io.BufferedRandom(raw, BLOCK_BYTES)), temporary
    finally:
        raw.close()  # first the raw file, so that an unflushed buffer is dropped rather than written
        temporary.unlink(missing_ok=True)


@contextmanager
def published(target: Path, address: str) -> Iterator[BinaryIO]:
    """A stream that replaces `target` when the block ends, and leaves no trace when it raises.

    A link or device is refused: a rename would put a plain file in the place of, say, /dev/stdout.
    """
    if target.is_symlink() or (target.exists() and not target.is_file() and not target.is_dir()):
        raise InputError(f"{address}: is a link or a device; the name of a plain file is right")
    with unfinished(target.parent, address) as (file, temporary):
        yield file
        with explained(address):
            settle(file)
            temporary.replace(target)
            settle_folder(target.parent)


def settle(file: BinaryIO) -> None:
    """Flush to the disk itself: a rename must not become durable before the bytes it names."""
    file.flush()
    os.fsync(file.fileno())


def settle_folder(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove unfinished files that a killed process left in a folder long ago."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY) and entry.stat(follow_symlinks=False).st_mtime < time.time() - STALE_S:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry)
                else:
                    Path(entry).unlink(missing_ok=True)


def copy_stream(source: BinaryIO, sink: BinaryIO) -> None:
    """Copy to the end, a block at a time."""
    while block := source.read(BLOCK_BYTES):
        sink.write(block)


def digest_file(path: Path) -> str:
    """xxh3-128 of a file's bytes."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
