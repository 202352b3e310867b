"""Runs one step through `execute` in a folder, its inputs handed in as files: what a pod does, without a pipeline around it."""

from dataclasses import dataclass, field
from pathlib import Path

import orjson

from nemoflow.flow.execute import execute
from nemoflow.flow.manifest import Manifest
from nemoflow.flow.pipeline import Node, Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.step import Shard, Step
from nemoflow.records import Problem, Record, Trace
from nemoflow.store import open_store, read_rows


@dataclass
class Alone:
    """A step, its inputs by name (a path each), and the folder that its runs share."""

    step: Step
    inputs: dict[str, Path]
    root: Path
    stopping: object = field(default=lambda: False)

    def run(self, run: str = "r", shards: int = 1, index: int = 0, *, fresh: bool = False, **config: object) -> Manifest:
        node = Node("node", self.step, self.step.config(**config), {name: str(path) for name, path in self.inputs.items()}, shards)
        place = Place(open_store(str(self.root)), run, stopping=self.stopping)
        return execute(Pipeline("alone", (node,)), "node", place, Shard(index, shards) if shards > 1 else None, fresh=fresh)

    def rows(self, manifest: Manifest, output: str) -> list:
        record_type = self.step.outputs[output].rows
        record = manifest.outputs[output]
        store = open_store(str(self.root))
        return [row for file in record.files for row in read_rows(store, f"{record.address}/{file.path}", record_type)]


def write_lines(path: Path, rows: list[Record]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(row.model_dump_json().encode() + b"\n" for row in rows))
    return path


def write_endpoint(folder: Path, url: str, model: str = "m", **fields: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "endpoint.json").write_bytes(orjson.dumps({"url": url, "model": model, **fields}))
    return folder


def sums(count: int, category: str = "sum") -> list[Problem]:
    return [
        Problem(id=f"p{i:03d}", statement=f"What is {i} + {i}?", gold=str(2 * i), category=category, source="test") for i in range(count)
    ]


def told(trace: Trace) -> dict:
    """A trace without what differs from run to run."""
    return trace.model_dump(exclude={"seconds"})
