"""Finished batches of rollouts on disk, so that an evaluation that was killed goes on after the last of them.

A file a batch, named by the traces that it holds: a batch that is put together otherwise (another `batch_size`) has another
name and is generated, because padding may change what a model says.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import xxhash
from pydantic import ValidationError

from nemoflow.records import Trace


class KeptBatches:
    """Batches in a folder, found by the ids of their traces."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, ids: Sequence[str]) -> list[Trace] | None:
        """The traces with these ids; None where there are none, or a crash of the machine left only a part of them."""
        try:
            traces = [Trace.model_validate_json(line) for line in self._path(ids).read_bytes().splitlines()]
        except (FileNotFoundError, ValidationError):
            return None
        return traces if [trace.id for trace in traces] == list(ids) else None

    def keep(self, traces: Sequence[Trace]) -> None:
        """Written beside and renamed, so that a kill leaves all of the batch or nothing."""
        path = self._path([trace.id for trace in traces])
        part = path.with_suffix(".part")
        part.write_bytes(b"".join(trace.model_dump_json().encode() + b"\n" for trace in traces))
        os.replace(part, path)

    def _path(self, ids: Sequence[str]) -> Path:
        return self._folder / f"batch-{xxhash.xxh3_128_hexdigest(' '.join(ids).encode())}.jsonl"
