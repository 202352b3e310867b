"""What a stopped verification leaves behind, so that the next one goes on from there.

Beside the result `verified.jsonl` stands `verified.jsonl.part`: a line a row, in the order of the rows, each with a digest of what was
compared and within which limits. The next run takes lines as long as they belong to its rows; from the first that does not it verifies
anew.
"""

import os
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import xxhash

from nemoflow.answers.batch import Limits, VerifyRow

VERSION = 1
"""Raised when a rule changes: lines of an earlier version are verified anew."""
FLUSHED = 256
"""Rows between writes to the disk."""


class Kept:
    """The part file of one result; a context manager that leaves it behind unless `publish` was called."""

    def __init__(self, out: Path, limits: Limits) -> None:
        self._out, self._part = out, out.with_name(f"{out.name}.part")
        self._limits = limits
        self._next: VerifyRow | None = None
        self._since = 0

    def __enter__(self) -> Self:
        self._file = self._part.open("a+b")
        self._file.seek(0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def again(self, rows: Iterator[VerifyRow]) -> Iterator[tuple[VerifyRow, dict[str, Any]]]:
        """Rows that were verified before, with what was found; the first other row waits for `rest`."""
        end = 0
        for row in rows:
            line = self._file.readline()
            found = self._belonging(line, row)
            if found is None:
                self._next = row
                break
            end += len(line)
            yield row, found
        self._file.truncate(end)
        self._file.seek(end)

    def _belonging(self, line: bytes, row: VerifyRow) -> dict[str, Any] | None:
        if not line.endswith(b"\n"):  # the last line may be torn
            return None
        try:
            kept = orjson.loads(line)
            return kept["found"] if kept["key"] == self._key(row) else None
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def rest(self, rows: Iterator[VerifyRow]) -> Iterator[VerifyRow]:
        """The rows that are still to be verified."""
        if self._next is not None:
            yield self._next
            yield from rows

    def add(self, row: VerifyRow, found: dict[str, Any]) -> None:
        """Keep what was found."""
        self._file.write(orjson.dumps({"key": self._key(row), "found": found}) + b"\n")
        self._since += 1
        if self._since >= FLUSHED:
            self._file.flush()
            self._since = 0

    def publish(self) -> None:
        """Write the result, whole or not at all, and remove the part."""
        self._file.flush()
        self._file.seek(0)
        ready = self._out.with_name(f"{self._out.name}.ready")
        with ready.open("wb") as stream:
            stream.writelines(orjson.dumps(orjson.loads(line)["found"]) + b"\n" for line in self._file)
            stream.flush()
            os.fsync(stream.fileno())
        ready.replace(self._out)
        self._part.unlink()

    def _key(self, row: VerifyRow) -> str:
        compared = (VERSION, row.id, row.gold, row.answer, row.response, *astuple(self._limits))
        return xxhash.xxh3_64_hexdigest(orjson.dumps(compared))
