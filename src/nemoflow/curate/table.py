"""The sketches of all rows: numbers and ids in memory, signatures and embeddings in a file, 256 bytes and more a row."""

import base64
import os
import tempfile
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt
import xxhash

from nemoflow.curate.signatures import PERMUTATIONS, Signatures
from nemoflow.errors import InputError
from nemoflow.records import Sketch

NO_TEXT = b""
SIGNATURE_BYTES = 2 * PERMUTATIONS


class Table:
    """Sketches by number, in the order in which they were added; use it in a `with`, which removes the file."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.ids: list[str] = []
        self.groups: list[int] = []
        self.ranks: list[tuple[int, int]] = []
        self.digests: list[bytes] = []
        self.is_reference: list[bool] = []
        self.dimensions = 0
        self._signatures = _Rows(SIGNATURE_BYTES)
        self._vectors = _Rows(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._signatures.close()
        self._vectors.close()

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, sketch: Sketch, *, is_reference: bool = False) -> None:
        """Append a sketch; InputError where it was not made as the others were."""
        self.keys.append(sketch.key)
        self.ids.append(sketch.id)
        self.groups.append(xxhash.xxh3_64_intdigest(sketch.group.encode("utf-8", "surrogatepass")) if sketch.group else 0)
        self.ranks.append(sketch.rank)
        self.digests.append(bytes.fromhex(sketch.digest) if sketch.digest else NO_TEXT)
        self.is_reference.append(is_reference)
        number = len(self.keys) - 1
        for name, packed, rows in (("signature", sketch.signature, self._signatures), ("vector", sketch.vector, self._vectors)):
            raw = base64.b64decode(packed)
            if name == "vector" and raw and not rows.count:
                self.dimensions, rows.size = len(raw) // 2, len(raw)
            if raw and len(raw) != rows.size:
                raise InputError(f"sketch {sketch.id!r}: {name}: {len(raw)} bytes, {rows.size} are right; sketch all rows with one encoder")
            if raw:
                rows.put(number, raw)

    def has_text(self, row: int) -> bool:
        """Whether there is anything to compare."""
        return bool(self.digests[row])

    @property
    def has_signatures(self) -> bool:
        """Whether any sketch had one."""
        return self._signatures.count > 0

    @property
    def has_vectors(self) -> bool:
        """Whether any sketch had one."""
        return self._vectors.count > 0

    def order(self) -> list[int]:
        """Rows from the best to the worst."""
        return sorted(range(len(self)), key=lambda row: (not self.is_reference[row], self.ranks[row], self.ids[row], self.keys[row]))

    def signatures(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Signatures:
        """Shape (rows, 128)."""
        return np.frombuffer(self._signatures.get(rows), dtype="<u2").reshape(len(rows), PERMUTATIONS)

    def vectors(self, rows: Sequence[int]) -> npt.NDArray[np.float32]:
        """Shape (rows, dimensions), of unit length."""
        return np.frombuffer(self._vectors.get(rows), dtype="<f2").reshape(len(rows), self.dimensions).astype(np.float32)


class _Rows:
    """Rows of one size in a file that nobody else sees; what was never put reads as zeros."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="nemoflow-sketches-")  # noqa: SIM115 (closed by the table)
        self._next = self.count = 0

    def put(self, number: int, raw: bytes) -> None:
        """Numbers rise."""
        if number != self._next:
            self._file.seek(number * self.size)
        self._file.write(raw)
        self._next = number + 1
        self.count += 1

    def get(self, numbers: Iterable[int] | npt.NDArray[np.int64]) -> bytes:
        self._file.flush()
        file, size = self._file.fileno(), self.size
        return b"".join(os.pread(file, size, int(number) * size).ljust(size, b"\0") for number in numbers)

    def close(self) -> None:
        self._file.close()
