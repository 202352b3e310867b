"""Manifest: the record of a node's work, written last, so that its presence means that the work is whole.

`{root}/runs/{run}/{node}/manifest.json`, or one `manifest-{r}-of-{n}.json` a shard; readers fold the shards of a complete set.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from nemoflow.flow.step import Number, Shard


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(_Part):
    """One file of an output."""

    path: str
    """Relative to the output's address."""
    size: int
    """Bytes."""
    digest: str
    """xxh3-128 of its bytes, hexadecimal."""
    rows: int | None = None


class OutputRecord(_Part):
    """An output: where it lies and what it holds."""

    kind: str
    address: str
    """Key relative to the root, so that a root can be moved or copied."""
    files: tuple[FileRecord, ...] = ()

    @property
    def rows(self) -> int:
        """Rows over all files."""
        return sum(file.rows or 0 for file in self.files)


class InputRecord(_Part):
    """An input: where it was read and its identity."""

    address: str
    fingerprint: str


class Manifest(_Part):
    """What was done, with what, and what came of it."""

    v: Literal[1] = 1
    run: str
    node: str
    step: str
    version: int
    fingerprint: str
    config: dict[str, Any]
    inputs: dict[str, InputRecord] = {}
    outputs: dict[str, OutputRecord] = {}
    metrics: dict[str, Number] = {}
    rows_in: int = 0
    dropped: dict[str, int] = {}
    status: Literal["done", "skipped"] = "done"
    reason: str = ""
    is_complete: bool = True
    """False where parts of it, or of what it was made from, failed and may succeed another time; other runs make it again."""
    shard: tuple[int, int] = (0, 1)
    started: str
    """UTC, ISO 8601."""
    seconds: float
    code: str
    """Commit or version of nemoflow."""
    image: str = ""
    """Container image, empty outside of one."""
    engines: dict[str, str] = {}
    reused_from: str | None = None
    """Key of the node (`runs/RUN/NODE`) that first made it, where this run made nothing itself."""

    @property
    def rows_out(self) -> int:
        """Rows over all outputs."""
        return sum(output.rows for output in self.outputs.values())

    def to_json(self) -> bytes:
        """The bytes that are stored."""
        return self.model_dump_json(indent=1).encode()


class FailureRecord(_Part):
    """Why the last attempt at an address ended; removed when a later attempt succeeds."""

    error: str
    type: str
    exit_code: int
    started: str
    seconds: float
    passing: int = 0
    """Failures of its own that may pass, over all attempts of this Workflow so far; being stopped is none."""


def node_key(run: str, node: str) -> str:
    """Folder of a node in a run."""
    return f"runs/{run}/{node}"


def shard_suffix(shard: Shard) -> str:
    """Distinguishes the files of a shard; empty where there is only one."""
    return "" if shard.count == 1 else f"-{shard.index:05d}-of-{shard.count:05d}"


def manifest_key(run: str, node: str, shard: Shard) -> str:
    """Key of the manifest of a node's shard."""
    return f"{node_key(run, node)}/manifest{shard_suffix(shard)}.json"


def fold(manifests: Sequence[Manifest]) -> Manifest:
    """One manifest for a complete set of shards, in shard order."""
    ordered = sorted(manifests, key=lambda manifest: manifest.shard)
    first = ordered[0]
    if len(ordered) == 1:
        return first
    dropped: Counter[str] = Counter()
    for manifest in ordered:
        dropped.update(manifest.dropped)
    return first.model_copy(
        update={
            "outputs": {name: _fold_output(ordered, name) for name in first.outputs},
            "metrics": _fold_metrics([manifest.metrics for manifest in ordered]),
            "rows_in": sum(manifest.rows_in for manifest in ordered),
            "dropped": dict(dropped),
            "is_complete": all(manifest.is_complete for manifest in ordered),
            "shard": (0, 1),
            "started": min(manifest.started for manifest in ordered),
            "seconds": sum(manifest.seconds for manifest in ordered),
        }
    )


def _fold_output(manifests: Sequence[Manifest], name: str) -> OutputRecord:
    files = tuple(file for manifest in manifests for file in manifest.outputs[name].files)
    return manifests[0].outputs[name].model_copy(update={"files": files})


def _fold_metrics(metrics: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    """Counts add up; a share or mean (a float) cannot be folded without its weights and is left out."""
    names = [name for name in metrics[0] if all(isinstance(shard.get(name), int) for shard in metrics)]
    return {name: sum(shard[name] for shard in metrics) for name in names}
