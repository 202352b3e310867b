"""Rows in, rows out: JSON lines, `.jsonl` or, through zstandard, `.jsonl.zst`; a block at a time, so memory stays flat.

info = write_rows(store, "corpus/part.jsonl", examples)
for example in read_rows(store, "corpus/part.jsonl", Example, digest=info.digest): ...
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cache
from types import TracebackType
from typing import Any, BinaryIO, TypeVar, overload

import orjson
import xxhash
import zstandard
from pydantic import TypeAdapter

from nemoflow.errors import InputError
from nemoflow.records import Record
from nemoflow.store.lines import Lines
from nemoflow.store.protocol import FileInfo, Store

BLOCK_BYTES = 2**18
"""Between writes. Larger blocks gain nothing and fall out of the cache: 2**20 was 10 % slower."""
COMPRESSED_BYTES = 2**10
"""Decompressed at once: a block of zstandard takes a few bytes and gives up to 128 KiB, so repetitive rows may grow ten thousandfold."""
COMPRESSED = ".zst"
LEVEL = 3

Row = Record | Mapping[str, Any]
R = TypeVar("R", bound=Record)


class RowWriter:
    """Takes rows one at a time and publishes them as one object when the block ends; `info` says what was written."""

    def __init__(self, store: Store, key: str) -> None:
        self._address = store.address(key)
        self._key = key
        self._output: AbstractContextManager[BinaryIO] = store.open_write(key)
        self._digest = xxhash.xxh3_128()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj() if key.endswith(COMPRESSED) else None
        self._lines: list[bytes] = []
        self._pending = self._size = self._rows = 0
        self._info: FileInfo | None = None

    def __enter__(self) -> "RowWriter":
        self._file = self._output.__enter__()
        return self

    def add(self, row: Row) -> None:
        """Append a row."""
        try:
            line = orjson.dumps(row) if isinstance(row, dict) else _record_line(row)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self._address}: row {self._rows + 1} cannot be written as JSON: {error}") from error
        self._lines.append(line)
        self._rows += 1
        self._pending += len(line)
        if self._pending >= BLOCK_BYTES:
            self._write_lines()

    def _write_lines(self) -> None:
        if not self._lines:
            return
        self._lines.append(b"")
        block = b"\n".join(self._lines)
        self._lines.clear()
        self._pending = 0
        self._write(self._compressor.compress(block) if self._compressor else block)

    def _write(self, block: bytes) -> None:
        self._digest.update(block)
        self._size += len(block)
        self._file.write(block)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            try:
                self._write_lines()
                if self._compressor:
                    self._write(self._compressor.flush())
            except BaseException as late:
                self._output.__exit__(type(late), late, late.__traceback__)
                raise
        self._output.__exit__(kind, error, trace)
        if error is None:
            self._info = FileInfo(path=self._key, size=self._size, digest=self._digest.hexdigest(), rows=self._rows)

    @property
    def info(self) -> FileInfo:
        """What was published; there is none before the block has ended well."""
        if self._info is None:
            raise RuntimeError(f"{self._address}: not written yet")
        return self._info


def _record_line(row: Row) -> bytes:
    return _dumper(type(row))(row) if isinstance(row, Record) else orjson.dumps(dict(row))


@cache
def _dumper(record_type: type[Record]) -> Callable[[Record], bytes]:
    return TypeAdapter(record_type).dump_json  # half the time of `row.model_dump_json().encode()`


def write_rows(store: Store, key: str, rows: Iterable[Row], compress: bool = False) -> FileInfo:
    """Publish rows as one object; `compress` adds `.zst` to a key that lacks it."""
    if compress and not key.endswith(COMPRESSED):
        key += COMPRESSED
    with RowWriter(store, key) as writer:
        for row in rows:
            writer.add(row)
    return writer.info


@overload
def read_rows(store: Store, key: str, record_type: type[R], digest: str | None = None) -> Iterator[R]: ...
@overload
def read_rows(store: Store, key: str, record_type: None = None, digest: str | None = None) -> Iterator[dict[str, Any]]: ...
@overload
def read_rows(store: Store, key: str, record_type: type[R] | None, digest: str | None = None) -> Iterator[Any]: ...
def read_rows(store: Store, key: str, record_type: type[R] | None = None, digest: str | None = None) -> Iterator[Any]:
    """Rows in their stored order, as records or, without a type, as dicts; InputError names address, line, field and value.

    A digest is compared once the last row was handed out: a reader that stops early has not checked it.
    """
    address = store.address(key)
    found = xxhash.xxh3_128()
    with store.open_read(key) as file:
        blocks = _blocks(file, found)
        if key.endswith(COMPRESSED):
            blocks = _decompressed(_cut(blocks), address)
        yield from Lines(address, record_type).parse(blocks)
    if digest is not None and found.hexdigest() != digest:
        raise InputError(
            f"{address}: digest {found.hexdigest()}, expected {digest}: the file was changed after it was written; make it again"
        )


def _blocks(file: BinaryIO, digest: "xxhash.xxh3_128") -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
        yield block


def _cut(blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        yield from (block[start : start + COMPRESSED_BYTES] for start in range(0, len(block), COMPRESSED_BYTES))


def _decompressed(blocks: Iterator[bytes], address: str) -> Iterator[bytes]:
    """Frame by frame, as `zstd` itself reads files that were put together; a frame without its end is an error."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    for block in blocks:
        left = block
        while left:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            try:
                yield frame.decompress(left)
            except zstandard.ZstdError as error:
                raise InputError(f"{address}: not what zstandard wrote ({error}); copy or make the file again") from error
            left = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise InputError(f"{address}: torn: the compressed file ends in the middle; copy or make it again")
