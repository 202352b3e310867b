"""Rows of a file that a user hands in, each knowing where it stands, so that an error names file, row, field and value."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

import orjson
import xxhash

from nemoflow.errors import ConfigError, InputError

SHOWN = 120
"""Characters of a wrong value that are shown."""
_MISSING = object()


class WrittenFloat(float):
    """A number with a point that is told as it was written: an answer `0.1000` says how exact it is, and is compared as text."""

    written: str

    def __new__(cls, written: str) -> Self:
        """Parse, and remember the text."""
        number = super().__new__(cls, written)
        number.written = written
        return number

    def __str__(self) -> str:
        """As it was written."""
        return self.written


@dataclass(frozen=True)
class Row:
    """One row: its file, its number from 1, its values."""

    path: Path
    number: int
    values: Mapping[str, Any]

    def wrong(self, field: str, what: str) -> InputError:
        """The error for a field of this row: file, row, field, value, what is right."""
        value = self.values.get(field, _MISSING)
        found = "missing" if value is _MISSING else shown(value)
        return InputError(f"{self.path}: row {self.number}: {field}: {found}; {what}")

    def text(self, field: str) -> str:
        """A field that must be a non-blank string."""
        value = self.values.get(field)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(field, "a non-empty string is right")
        return value

    def word(self, field: str) -> str:
        """A field that is a non-blank string or a number, as text without blanks around it."""
        value = self.values.get(field)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
            raise self.wrong(field, "a non-empty string or a number is right")
        return str(value).strip()

    def turn(self, role: str) -> str:
        """What the last message of a role says, its reasoning before it; for rows that are conversations."""
        messages = self.values.get("messages")
        if isinstance(messages, list):
            for message in reversed(messages):
                if isinstance(message, dict) and message.get("role") == role and isinstance(message.get("content"), str):
                    thinking, said = message.get("reasoning_content"), str(message["content"]).strip()
                    if isinstance(thinking, str) and thinking.strip():
                        return f"<think>\n{thinking.strip()}\n</think>\n{said}"
                    if said:
                        return said
        raise self.wrong("messages", f"a list of {{role, content}} with a message of the role {role!r} is right")

    def first_of(self, *fields: str) -> str:
        """The first of these names that the row has; InputError names them all where it has none."""
        for field in fields:
            if self.values.get(field) is not None:
                return field
        names = ", ".join(sorted(self.values)) or "(none)"
        raise InputError(f"{self.path}: row {self.number}: has the fields {names}; one of {', '.join(fields)} is right")


def shown(value: Any) -> str:
    """A wrong value, short enough for a message."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def content_id(prefix: str, statement: str) -> str:
    """An id for a problem whose set gives none: it follows the statement, not the row number, so it survives reordering."""
    return f"{prefix}-{xxhash.xxh3_64_hexdigest(statement.encode())}"


def json_rows(path: Path) -> Iterator[Row]:
    """Objects of a JSONL file; blank lines are passed over but counted, so that a row's number is its line."""
    with _open_text(path) as lines:
        for number, line in enumerate(_decoded(path, lines), 1):
            if line.strip():
                yield Row(path, number, _object(path, number, line))


def table_rows(path: Path) -> Iterator[Row]:
    """Rows of a file by its ending: `.json` (one list of objects), `.parquet`, else JSON lines, each optionally gzipped."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return _parquet_rows(path)
    return _list_rows(path) if name.endswith(".json") else json_rows(path)


def _list_rows(path: Path) -> Iterator[Row]:
    """Objects of one JSON list; a `.json` file that holds an object a line is read as such."""
    with _open_text(path) as lines:
        text = "".join(_decoded(path, lines))
    if not text.lstrip().startswith("["):
        yield from json_rows(path)
        return
    try:
        orjson.loads(text)
        values = json.loads(text, parse_float=WrittenFloat)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}); one list of objects is right") from None
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise InputError(f"{path}: row {number}: {shown(value)}; a JSON object is right")
        yield Row(path, number, value)


def _parquet_rows(path: Path) -> Iterator[Row]:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise ConfigError(f"{path}: reading Parquet needs pyarrow; `pip install nemoflow[hub]`, or hand in JSON lines") from None
    try:
        number = 0
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for value in batch.to_pylist():
                    number += 1
                    yield Row(path, number, value)
    except (ArrowException, OSError) as error:
        raise InputError(f"{path}: not a whole Parquet file: {error}") from None


def csv_rows(path: Path, required: tuple[str, ...]) -> Iterator[Row]:
    """Rows of a CSV file with a header that has the required columns; the header is not counted."""
    with _open_text(path) as lines:
        reader = csv.reader(_decoded(path, lines), strict=True)
        number = 0
        try:
            header = next(reader, [])
            for column in required:
                if column not in header:
                    raise InputError(f"{path}: header: has the columns {', '.join(header) or '(none)'}; {', '.join(required)} are needed")
            for column in header:
                if column and header.count(column) > 1:
                    raise InputError(f"{path}: header: has the column {column!r} {header.count(column)} times; once is right")
            for number, fields in enumerate(reader, 1):
                if fields:
                    yield _csv_row(path, number, reader.line_num, header, fields)
        except csv.Error as error:
            raise InputError(f"{path}: row {number + 1} (line {reader.line_num}): {_csv_advice(error)}") from None


def _csv_advice(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"a field of more than {csv.field_size_limit():,} characters; a shorter one is right, or a quote closed that was left open"
    return f"{error}; CSV with quotes closed is right"


def _csv_row(path: Path, number: int, line: int, header: list[str], fields: list[str]) -> Row:
    if len(fields) != len(header):
        found = shown(",".join(fields))
        raise InputError(
            f"{path}: row {number} (line {line}): {len(fields)} fields in {found}; {len(header)} are right: {', '.join(header)}"
        )
    return Row(path, number, dict(zip(header, fields, strict=True)))


def _open_text(path: Path) -> TextIO:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; a file is right")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _decoded(path: Path, lines: TextIO) -> Iterator[str]:
    """The lines of a file; bytes that are not text, or not gzip, are an error of the file."""
    number = 0
    try:
        for number, line in enumerate(lines, 1):  # noqa: B007
            yield line
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: after line {number}: byte {error.object[error.start]:#04x} is not UTF-8 text ({error.reason})") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: after line {number}: not a whole gzip file: {error}") from None


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        orjson.loads(line)  # stricter on text than the standard library, which in turn keeps the digits of numbers
        value = json.loads(line, parse_float=WrittenFloat)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: row {number}: not JSON ({error}): {shown(line.strip())}; one object a line is right") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: row {number}: {shown(value)}; a JSON object is right")
    return value
