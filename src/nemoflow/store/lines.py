"""From blocks of bytes to rows, and from a bad line to words that say what is wrong with it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from nemoflow.errors import InputError
from nemoflow.records import Record

SHOWN = 120
"""Characters of a bad value that a message shows."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """Parses the lines of one object; `address` is what its errors begin with."""

    def __init__(self, address: str, record_type: type[Record] | None) -> None:
        self._address, self._type = address, record_type

    def parse(self, blocks: Iterator[bytes]) -> Iterator[Any]:
        """A row for each line that is not blank. The last line may lack its newline if it is whole."""
        parse = self._parser()
        number = 0
        rest = b""
        for block in blocks:
            lines = (rest + block).split(b"\n") if rest else block.split(b"\n")
            rest = lines.pop()
            for line in lines:
                number += 1
                try:
                    row = parse(line)
                except ValueError as error:
                    if not line.strip():
                        continue
                    raise self._explain(line, number, error, is_torn=False) from None
                yield row
        if rest.strip():
            try:
                row = parse(rest)
            except ValueError as error:
                raise self._explain(rest, number + 1, error, is_torn=True) from None
            yield row

    def _parser(self) -> Callable[[bytes], Any]:
        return _parse_dict if self._type is None else self._type.model_validate_json

    def _explain(self, line: bytes, number: int, error: ValueError, is_torn: bool) -> InputError:
        where = f"{self._address}: line {number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as bad:
            return InputError(_not_json(where, line, bad, is_torn))
        if not isinstance(row, dict):
            return InputError(f"{where}: {_shown(row)} is {_kind(row)}; each line should be a JSON object")
        if self._type is None or not isinstance(error, ValidationError):
            return InputError(f"{where}: {error}")
        known = _understood_version(self._type)
        if known is not None and row.get("v", known) != known:
            what = f"schema version v = {_shown(row['v'])}; this nemoflow understands v = {known} of {self._type.__name__}"
            return InputError(f"{where}: {what}: use a nemoflow that knows it, or make the rows again")
        return InputError(f"{where}: " + "; ".join(_wrong_field(self._type, dict(problem)) for problem in error.errors()))


def _parse_dict(line: bytes) -> dict[str, Any]:
    row = orjson.loads(line)
    if type(row) is not dict:
        raise ValueError("not an object")
    return row


def _not_json(where: str, line: bytes, bad: orjson.JSONDecodeError, is_torn: bool) -> str:
    shown = _shown(line.decode(errors="replace"))
    if is_torn:
        return f"{where} (the last) is torn: no newline ends it and it is not whole JSON ({bad}): {shown}; copy or make the file again"
    if line.startswith(BYTE_ORDER_MARK):
        return f"{where}: begins with a byte order mark; save the file as UTF-8 without one"
    return f"{where}: not JSON ({bad}): {shown}; each line should be a JSON object"


def _understood_version(record_type: type[Record]) -> Any:
    field = record_type.model_fields.get("v")
    return None if field is None else field.default


def _wrong_field(record_type: type[Record], problem: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    name = f"{record_type.__name__}.{path}" if path else record_type.__name__
    if problem["type"] == "missing":
        return f"{name}: missing; it has no default"
    if problem["type"] == "extra_forbidden":
        known = f"; fields of {record_type.__name__}: {', '.join(record_type.model_fields)}" if len(problem["loc"]) == 1 else ""
        return f"{name}: unknown field (value {_shown(problem['input'])}){known}"
    return f"{name}: {problem['msg'][0].lower()}{problem['msg'][1:]}, got {_shown(problem['input'])}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


def _kind(value: Any) -> str:
    names: dict[type, str] = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
    return names[type(value)]
