"""Place: a store, a run's name and how to show progress. It resolves addresses and finds what is already done."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from pydantic import ValidationError

from nemoflow.artifacts import Kind
from nemoflow.errors import ConfigError, DriftError, InputError
from nemoflow.flow.artifact import LocalInput, StoredInput
from nemoflow.flow.fingerprint import digest_local, digest_objects, local_uri
from nemoflow.flow.manifest import FailureRecord, FileRecord, Manifest, OutputRecord, fold, manifest_key, node_key, shard_suffix
from nemoflow.flow.pipeline import From, Node
from nemoflow.flow.progress import Quiet
from nemoflow.flow.step import Progress, Shard
from nemoflow.flow.tries import Tries
from nemoflow.gang import Gang
from nemoflow.store import Entry, Store, open_store

RUN_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Place:
    """Where a run's results lie and who watches it."""

    store: Store
    run: str
    progress: Progress = field(default_factory=Quiet)
    stopping: Callable[[], bool] = _never
    compress: bool = False
    holder_pid: int | None = None
    claim_wait_s: float = 0.0
    """How long to wait for an address that another process holds."""
    tries: Tries = field(default_factory=Tries)
    """Which attempt this is, where something else starts the attempts."""
    gang: Gang = field(default_factory=Gang)
    """The pods that do one node's work together."""

    def __post_init__(self) -> None:
        if not RUN_NAME.fullmatch(self.run):
            raise ConfigError(f"run {self.run!r}: a name of lower-case letters, digits, '.', '_' and '-', 63 characters at most, is right")

    def manifest(self, node: str) -> Manifest | None:
        """Manifest of a node in this run, its shards folded; None where it is not complete."""
        return read_manifest(self.store, self.run, node)

    def shard_manifest(self, node: str, shard: Shard) -> Manifest | None:
        """Manifest of one shard."""
        return _load(self.store, manifest_key(self.run, node, shard))

    def failure(self, node: str, shard: Shard) -> FailureRecord | None:
        """Why the last attempt ended, where it failed."""
        key = f"{node_key(self.run, node)}/failure{shard_suffix(shard)}.json"
        return FailureRecord.model_validate_json(self.store.read_bytes(key)) if self.store.exists(key) else None

    def indexed(self, step: str, fingerprint: str) -> Manifest | None:
        """The manifest, of whichever run, that first made a result; None where there is none or its objects are gone."""
        key = index_key(step, fingerprint)
        if not self.store.exists(key):
            return None
        pointer = orjson.loads(self.store.read_bytes(key))
        found = read_manifest(self.store, pointer["run"], pointer["node"])
        return found if found is not None and found.fingerprint == fingerprint and self.objects_exist(found) else None

    def objects_exist(self, manifest: Manifest) -> bool:
        """Whether every file that a manifest lists is there with its size, and is still the result of the node that made it."""
        if manifest.reused_from is not None:
            _, run, node = manifest.reused_from.split("/")
            first = read_manifest(self.store, run, node)
            if first is None or first.fingerprint != manifest.fingerprint:
                return False
        return all(
            self.store.size(f"{output.address}/{file.path}") == file.size for output in manifest.outputs.values() for file in output.files
        )

    def open_input(self, node: Node, name: str, fingerprint: str) -> StoredInput | LocalInput:
        """The input of a node, resolved through the manifest of the node that made it.

        Raises InputError where that node is not done, DriftError where its result is another than this pipeline's.
        """
        source, kind = node.inputs[name], node.step.input_kind(name)
        if isinstance(source, From):
            manifest = self.manifest(source.node)
            if manifest is None:
                raise InputError(f"{node.name}: its input {name!r} comes from node {source.node!r}, which is not done in run {self.run!r}")
            if f"{manifest.fingerprint}.{source.output}" != fingerprint:
                raise DriftError(f"{node.name}: its input {name!r} ({source}) in run {self.run!r} was made with another config or inputs")
            if not self.objects_exist(manifest):
                where = self.store.address(manifest.reused_from or node_key(self.run, source.node))
                raise InputError(f"{node.name}: its input {name!r}: {where} was removed or overwritten; run {source.node!r} again")
            return StoredInput(name, kind, fingerprint, self.store, manifest.outputs[source.output], manifest)
        return self._open_uri(name, kind, fingerprint, source)

    def _open_uri(self, name: str, kind: Kind, fingerprint: str, uri: str) -> StoredInput | LocalInput:
        if uri.startswith("run://"):
            manifest, output = self._run_output(uri)
            return StoredInput(name, kind, fingerprint, self.store, manifest.outputs[output], manifest)
        path = local_uri(uri)
        if path is not None:
            return LocalInput(name, kind, fingerprint, path)
        store, record = _foreign(uri)
        return StoredInput(name, kind, fingerprint, store, record, None)

    def digest_uri(self, uri: str) -> str:
        """Identity of what a URI holds."""
        if uri.startswith("run://"):
            manifest, output = self._run_output(uri)
            return f"{manifest.fingerprint}.{output}"
        if local_uri(uri) is not None:
            return digest_local(uri)
        store, name, entries = _foreign_entries(uri)
        return digest_objects(store, name, entries)

    def check_uri(self, uri: str) -> None:
        """Look whether a URI holds anything, without reading it; InputError where it does not."""
        path = local_uri(uri)
        if uri.startswith("run://"):
            self._run_output(uri)
        elif path is None:
            _foreign_entries(uri)
        elif not path.exists():
            raise InputError(f"{uri}: no such file or folder")

    def _run_output(self, uri: str) -> tuple[Manifest, str]:
        parts = uri.removeprefix("run://").split("/")
        if len(parts) != 3:
            raise ConfigError(f"{uri}: run://RUN/NODE/OUTPUT is right")
        manifest = read_manifest(self.store, parts[0], parts[1])
        if manifest is None or parts[2] not in manifest.outputs:
            raise InputError(f"{uri}: no such finished output under {self.store.root}")
        return manifest, parts[2]


def _foreign_entries(uri: str) -> tuple[Store, str, list[Entry]]:
    root, _, name = uri.rstrip("/").rpartition("/")
    store = open_store(root)
    entries = list(store.list(name))
    if not entries:
        raise InputError(f"{uri}: nothing there")
    return store, name, entries


def _foreign(uri: str) -> tuple[Store, OutputRecord]:
    """Objects of another root, such as `s3://bucket/datasets/gsm8k`. No manifest has their digests: their identity was taken before."""
    store, name, entries = _foreign_entries(uri)
    files = tuple(FileRecord(path=entry.key.removeprefix(name).strip("/"), size=entry.size, digest="") for entry in entries)
    if files[0].path == "":  # a single object: its address is its folder
        address, _, file = name.rpartition("/")
        return store, OutputRecord(kind="", address=address, files=(files[0].model_copy(update={"path": file}),))
    return store, OutputRecord(kind="", address=name, files=files)


def index_key(step: str, fingerprint: str) -> str:
    """Key of the pointer to the run that first made a result."""
    return f"index/{step}/{fingerprint}.json"


def _load(store: Store, key: str) -> Manifest | None:
    if not store.exists(key):
        return None
    try:
        return Manifest.model_validate_json(store.read_bytes(key))
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(
            f"{store.address(key)}: not a manifest of this version: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        ) from None


def read_manifest(store: Store, run: str, node: str) -> Manifest | None:
    """A node's manifest; of a sharded node the fold of a complete set; None where the work is not whole."""
    whole = _load(store, manifest_key(run, node, Shard()))
    if whole is not None:
        return whole
    prefix = f"{node_key(run, node)}/manifest-"
    keys = [entry.key for entry in store.list(node_key(run, node)) if entry.key.startswith(prefix)]
    for count in sorted({int(key.removesuffix(".json").rpartition("-of-")[2]) for key in keys}):
        manifests = [_load(store, manifest_key(run, node, Shard(index, count))) for index in range(count)]
        found = [manifest for manifest in manifests if manifest is not None]
        if len(found) == count and len({manifest.fingerprint for manifest in found}) == 1:
            return fold(found)
    return None


def list_runs(store: Store) -> list[str]:
    """Names of the runs under a root."""
    return sorted({entry.key.split("/")[1] for entry in store.list("runs")})


def absolute_uri(uri: str, base: Path) -> str:
    """A relative path made absolute against `base`; other URIs as they are."""
    path = local_uri(uri)
    return uri if path is None else str((base / path).resolve())
