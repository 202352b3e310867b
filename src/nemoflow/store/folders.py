"""Whole folders in and out of a store: weights, reports, anything that is files rather than rows."""

from collections.abc import Iterable
from pathlib import Path

from nemoflow.errors import InputError
from nemoflow.store.disk import digest_file, explained
from nemoflow.store.keys import check_key
from nemoflow.store.protocol import FileInfo, Store

WHOLE_BYTES = 256 * 2**20
"""Files up to this size are read whole to see whether they are still what was published; adapters are well below it."""


def publish_folder(store: Store, prefix: str, path: Path) -> list[FileInfo]:
    """Publish every file of a local folder, by name; digests are of the bytes alone, not of times or owners."""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    return [_publish_file(store, prefix, path / name, name) for name in names]


def _publish_file(store: Store, prefix: str, file: Path, name: str) -> FileInfo:
    with explained(str(file)):
        digest, size = digest_file(file), file.stat().st_size
    store.put_file(f"{prefix}/{name}", file)
    return FileInfo(path=name, size=size, digest=digest)


def fetch_folder(store: Store, prefix: str, files: Iterable[FileInfo], cache: Path) -> Path:
    """The files as a local folder: the real one of a folder store, else `cache`.

    A file that changed since it was published is an InputError; in a folder store one over `WHOLE_BYTES` is judged by its size, since
    reading a base model of 60 GB twice would take minutes. What an earlier call left whole in `cache` is not fetched again.
    """
    local = store.local_path(prefix) if prefix else None  # an object right under a root of its own
    for file in files:
        if local is not None:
            _check(store, f"{check_key(prefix)}/{file.path}", local / file.path, file)
        elif not _is_whole(cache / check_key(file.path), file):
            _fetch(store, f"{prefix}/{file.path}" if prefix else file.path, file, cache / file.path)
    if local is None:
        cache.mkdir(parents=True, exist_ok=True)
    return local or cache


def _check(store: Store, key: str, path: Path, file: FileInfo) -> None:
    found = store.size(key)
    if found is None:
        raise InputError(f"{store.address(key)}: no such file, though it was published; make the artifact again")
    if found != file.size:
        raise InputError(f"{store.address(key)}: {found} bytes, expected {file.size}: it was changed after it was published; make it again")
    if file.digest and file.size <= WHOLE_BYTES:
        with explained(store.address(key)):
            _compare(store.address(key), digest_file(path), file)


def _is_whole(path: Path, file: FileInfo) -> bool:
    return bool(file.digest) and path.is_file() and path.stat().st_size == file.size and digest_file(path) == file.digest


def _fetch(store: Store, key: str, file: FileInfo, path: Path) -> None:
    store.get_file(key, path)
    try:
        if file.digest:
            _compare(store.address(key), digest_file(path), file)
    except InputError:
        path.unlink()
        raise


def _compare(address: str, found: str, file: FileInfo) -> None:
    if found != file.digest:
        raise InputError(f"{address}: digest {found}, expected {file.digest}: it was changed after it was published; make it again")
