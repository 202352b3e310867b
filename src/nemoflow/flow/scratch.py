"""What survives a kill beside the manifests: a node's scratch folder, and the rows that runs share."""

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson

from nemoflow.flow.claim import claim
from nemoflow.flow.fingerprint import digest_path
from nemoflow.records import Record
from nemoflow.store import Store, read_rows, write_rows


class StoredScratch:
    """A node's scratch under a key. In a folder store it is that folder; for a bucket a local copy, saved on request.

    A save to a bucket uploads files under their digests and then replaces one index, so that a torn save is never seen.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store, self._key = store, key
        self._local = store.local_path(key)
        self._temp: Path | None = None

    def path(self) -> Path:
        """The local folder, filled with what earlier attempts saved."""
        if self._local is not None:
            self._local.mkdir(parents=True, exist_ok=True)
            return self._local
        if self._temp is None:
            self._temp = Path(tempfile.mkdtemp(prefix="nemoflow-scratch-"))
            for name, digest in self._index().items():
                (self._temp / name).parent.mkdir(parents=True, exist_ok=True)
                self._store.get_file(f"{self._key}/blobs/{digest}", self._temp / name)
        return self._temp

    def save(self) -> None:
        """Upload what is new; a no-op in a folder store, where the files are safe already."""
        if self._temp is None:
            return
        old = set(self._index().values())
        index = {file.relative_to(self._temp).as_posix(): digest_path(file) for file in sorted(self._temp.rglob("*")) if file.is_file()}
        for name, digest in index.items():
            if digest not in old:
                self._store.put_file(f"{self._key}/blobs/{digest}", self._temp / name)
        self._store.write_bytes(f"{self._key}/index.json", orjson.dumps(index))
        for digest in old - set(index.values()):
            self._store.delete(f"{self._key}/blobs/{digest}")

    def discard(self) -> None:
        """Remove it, once the work is published."""
        self._store.delete(self._key)
        self.close()

    def close(self) -> None:
        """Remove the local copy of a bucket's scratch."""
        if self._temp is not None:
            shutil.rmtree(self._temp, ignore_errors=True)
            self._temp = None

    def _index(self) -> dict[str, str]:
        key = f"{self._key}/index.json"
        return dict(orjson.loads(self._store.read_bytes(key))) if self._store.exists(key) else {}


class StoredRows:
    """Rows shared across runs: `traces/{group}/{time}-{random}.jsonl.zst`, each part written whole or not at all."""

    def __init__(self, store: Store, room: str = "traces", suffix: str = ".jsonl.zst") -> None:
        self._store, self._room, self._suffix = store, room, suffix

    def parts(self, group: str) -> Iterator[str]:
        """Keys of a group's parts, in the order they were committed."""
        yield from (entry.key for entry in self._store.list(f"{self._room}/{group}"))

    def part(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of one part; InputError where somebody tore it, after the rows before the tear."""
        yield from read_rows(self._store, name, None)

    def read(self, group: str) -> Iterator[dict[str, Any]]:
        """All rows of a group, part by part."""
        for name in self.parts(group):
            yield from self.part(name)

    def append(self, group: str, rows: Iterable[Record]) -> str:
        """Commit rows as one part; its key."""
        name = f"{self._room}/{group}/{time.time_ns():020d}-{uuid.uuid4().hex[:8]}{self._suffix}"
        write_rows(self._store, name, rows)
        return name

    def hold(self, group: str) -> AbstractContextManager[None]:
        """The group's claim, which lies elsewhere, so that it is no part."""
        return claim(self._store, f"claims/{self._room}-{group.replace('/', '-')}.json")


def ledgers(store: Store) -> StoredRows:
    """The ledgers under a root: few rows, as plain JSON lines that a person can read."""
    return StoredRows(store, "ledgers", ".jsonl")
