"""The live log: a line of JSON a step, there to be read while training runs; a resumed run goes on behind the checkpoint it starts from."""

import os
from collections.abc import Mapping
from pathlib import Path

import orjson

Row = Mapping[str, float]


class LiveLog:
    """Rows of steps in a file. It tells of seconds and memory too, so it is no part of what an adapter is known by."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def resume(self, finished: int, last: Row) -> None:
        """Forget steps after the checkpoint (they come again) and a line that was torn; `last`: what the checkpoint knows of its step."""
        kept = [{**row, **last} if row["step"] == finished else row for row in self.rows() if row["step"] <= finished]
        beside = self._path.with_name(f"{self._path.name}.part")
        beside.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in kept))
        os.replace(beside, self._path)

    def add(self, row: Row) -> None:
        """Append a step; readers see it at once."""
        with self._path.open("ab") as file:
            file.write(orjson.dumps(row) + b"\n")

    def rows(self) -> list[dict[str, float]]:
        """What was written, without a torn last line."""
        lines = self._path.read_bytes().split(b"\n")[:-1] if self._path.exists() else []
        return [orjson.loads(line) for line in lines]
