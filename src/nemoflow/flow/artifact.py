"""Inputs and outputs as a step sees them: rows, a folder, a small JSON file; where they lie stays in here."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson
import xxhash

from nemoflow.artifacts import Kind
from nemoflow.errors import InputError
from nemoflow.flow.manifest import FileRecord, Manifest, OutputRecord
from nemoflow.flow.step import RowSink
from nemoflow.records import Record
from nemoflow.store import FileInfo, RowWriter, Store, fetch_folder, open_store, publish_folder, read_rows

ROW_SUFFIXES = (".jsonl", ".jsonl.zst")


class StoredInput:
    """An output of a finished node, read through its manifest."""

    def __init__(self, name: str, kind: Kind, fingerprint: str, store: Store, output: OutputRecord, manifest: Manifest | None) -> None:
        self.name, self.kind, self.fingerprint = name, kind, fingerprint
        self._store, self._output, self._manifest = store, output, manifest
        self._cache: tempfile.TemporaryDirectory[str] | None = None

    @property
    def address(self) -> str:
        """Where it lies."""
        return self._store.address(self._output.address)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing that another attempt may get; of objects that no node made nobody can say, so they are."""
        return self._manifest is None or self._manifest.is_complete

    @property
    def manifest(self) -> Mapping[str, Any] | None:
        """Manifest of the node that made it."""
        return None if self._manifest is None else self._manifest.model_dump(mode="json")

    def rows(self) -> Iterator[Any]:
        """Rows of all parts in order."""
        if self.kind.rows is None:
            raise InputError(f"{self.address}: {self.kind} has no rows; it is a folder")
        for file in self._output.files:
            if file.path.endswith(ROW_SUFFIXES):
                yield from read_rows(self._store, self._key(file.path), self.kind.rows, digest=file.digest or None)

    def folder(self) -> Path:
        """The files as a local folder."""
        if self._cache is None:
            self._cache = tempfile.TemporaryDirectory(prefix="nemoflow-input-")
        files = [FileInfo(path=file.path, size=file.size, digest=file.digest, rows=file.rows) for file in self._output.files]
        return fetch_folder(self._store, self._output.address, files, Path(self._cache.name))

    def json(self, name: str) -> dict[str, Any]:
        """One JSON file."""
        key = self._key(name)
        data, address = self._store.read_bytes(key), self._store.address(key)
        for file in self._output.files:
            if file.path == name and file.digest and xxhash.xxh3_128_hexdigest(data) != file.digest:
                raise InputError(f"{address}: not the bytes that were published (digest {file.digest}); make it again")
        return _object(data, address)

    def close(self) -> None:
        """Remove local copies."""
        if self._cache is not None:
            self._cache.cleanup()

    def _key(self, name: str) -> str:
        """Of one of its files; an object that lies right under a root has no folder."""
        return f"{self._output.address}/{name}" if self._output.address else name


class LocalInput:
    """A file or folder that a URI names on this machine."""

    manifest = None
    is_complete = True

    def __init__(self, name: str, kind: Kind, fingerprint: str, path: Path) -> None:
        self.name, self.kind, self.fingerprint = name, kind, fingerprint
        self._path = path
        self._cache: tempfile.TemporaryDirectory[str] | None = None

    @property
    def address(self) -> str:
        """Its path."""
        return str(self._path)

    def rows(self) -> Iterator[Any]:
        """Rows of the file, or of the folder's JSONL files by name."""
        if self.kind.rows is None:
            raise InputError(f"{self._path}: {self.kind} has no rows; it is a folder")
        files = [self._path] if self._path.is_file() else sorted(file for file in self._path.iterdir() if file.name.endswith(ROW_SUFFIXES))
        if not files:
            raise InputError(f"{self._path}: holds no {' or '.join(f'*{suffix}' for suffix in ROW_SUFFIXES)}")
        for file in files:
            yield from read_rows(open_store(str(file.parent)), file.name, self.kind.rows)

    def folder(self) -> Path:
        """The folder; for a single file a folder that holds just that file."""
        if self._path.is_dir():
            return self._path
        if self._cache is None:
            self._cache = tempfile.TemporaryDirectory(prefix="nemoflow-input-")
            (Path(self._cache.name) / self._path.name).symlink_to(self._path.resolve())
        return Path(self._cache.name)

    def json(self, name: str) -> dict[str, Any]:
        """One JSON file of the folder."""
        path = self._path / name if self._path.is_dir() else self._path
        if path.name != name or not path.is_file():
            raise InputError(f"{self._path}: holds no {name}; a folder with it, or the file itself, is right")
        return _object(path.read_bytes(), str(path))

    def close(self) -> None:
        """Remove the link."""
        if self._cache is not None:
            self._cache.cleanup()


def _object(raw: bytes, where: str) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{where}: holds a JSON {type(value).__name__}; an object is right")
    return value


class StoredOutput:
    """An output under construction at its address; it counts only once the manifest lists its files."""

    def __init__(self, kind: Kind, store: Store, address: str, part: str, compress: bool) -> None:
        self.kind = kind
        self._store, self._address, self._part, self._compress = store, address, part, compress
        self._files: list[FileRecord] = []
        self._staging: Path | None = None
        self._writer: RowWriter | None = None

    def write(self, rows: Iterable[Record]) -> int:
        """Stream rows into the part; returns their number."""
        count = 0
        with self.writer() as sink:
            for row in rows:
                sink.add(row)
                count += 1
        return count

    def writer(self) -> AbstractContextManager[RowSink]:
        """A writer of the part's rows."""
        name = f"part{self._part}.jsonl" + (".zst" if self._compress else "")
        self._writer = RowWriter(self._store, f"{self._address}/{name}")
        return self._writer

    def folder(self) -> Path:
        """An empty local folder, published when the step returns; only rows can be written in shards."""
        if self._part:
            raise ValueError(f"{self._address}: a sharded step writes rows; files of several shards would overwrite each other")
        if self._staging is None:
            local = self._store.local_path(self._address)
            if local is None:
                self._staging = Path(tempfile.mkdtemp(prefix="nemoflow-output-"))
            else:
                self._staging = local.parent / f".staging-{local.name}"
                shutil.rmtree(self._staging, ignore_errors=True)
                self._staging.mkdir(parents=True)
        return self._staging

    def write_json(self, name: str, value: Any) -> None:
        """One JSON file."""
        (self.folder() / name).write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")

    def finish(self) -> OutputRecord:
        """Publish, and say what there is."""
        if self._writer is not None:
            info = self._writer.info
            self._files.append(_record(info, info.path.removeprefix(f"{self._address}/")))
        if self._staging is not None:
            infos = publish_folder(self._store, self._address, self._staging)
            self._files += [_record(info, info.path) for info in infos]
        self.close()
        return OutputRecord(kind=self.kind.name, address=self._address, files=tuple(self._files))

    def close(self) -> None:
        """Remove what is only local."""
        if self._staging is not None:
            shutil.rmtree(self._staging, ignore_errors=True)


def _record(info: FileInfo, path: str) -> FileRecord:
    return FileRecord(path=path, size=info.size, digest=info.digest, rows=info.rows)
