r"""Traces from files of any maker: nemoflow's own rows, and simple ones.

    {"problem": "What is 6 * 7?", "response": "<think>6 * 7 = 42</think>\\boxed{42}", "answer": "42"}
    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}], "model": "m", "correct": true}

A foreign row has a statement (`statement`, `problem`, `question`, `prompt`, `query`, `instruction`) and a response (`response`,
`solution`, `generated_solution`, `output`, `completion`, `generation`), or both in `messages`. Optional are `id`, `problem_id`, `answer` or
`gold`, `category`, `model`, `mode`, `licence`, and `verdict` (right, wrong, unclear) or `correct` (true, false). The row itself travels
in `meta["row"]`, so that what is kept is written as it was read.
"""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import xxhash
import zstandard
from pydantic import ValidationError

from nemoflow.answers.boxed import last_box
from nemoflow.errors import InputError
from nemoflow.prompts.teacher import ask
from nemoflow.records import Trace, Verdict
from nemoflow.store.lines import Lines

STATEMENTS = ("statement", "problem", "question", "prompt", "query", "instruction")
RESPONSES = ("response", "solution", "generated_solution", "output", "completion", "generation")
GOLDS = ("gold", "expected_answer", "answer")
ROW = "row"
"""Key in `meta` under which a foreign row travels."""
BLOCK_BYTES = 2**18
SHOWN = 120


class TraceFile:
    """A file of traces; iterate it as often as needed. `bad` says which rows were passed over, where that is allowed."""

    def __init__(self, path: Path, *, skip_bad: bool = False) -> None:
        self.path = path
        self._skip_bad = skip_bad
        self.bad: list[tuple[int, str, dict[str, Any]]] = []

    def __iter__(self) -> Iterator[Trace]:
        self.bad.clear()
        count = 0
        for count, row in enumerate(read_objects(self.path), 1):
            try:
                yield trace_of(row, f"{self.path}: row {count}")
            except InputError as error:
                if not self._skip_bad:
                    raise
                self.bad.append((count, str(error), row))
        if not count:
            raise InputError(f"{self.path}: holds no rows; at least one is right")


def read_objects(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of JSON lines, plain, `.gz` or `.zst`; InputError names file, line and what is wrong."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; a file of JSON lines is right")
    try:
        with _open(path) as file:
            yield from Lines(str(path), None).parse(iter(lambda: file.read(BLOCK_BYTES), b""))
    except (gzip.BadGzipFile, EOFError, zstandard.ZstdError) as error:
        raise InputError(f"{path}: not a whole compressed file: {error}") from None


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix == ".zst":
        return zstandard.open(path, "rb")  # type: ignore[no-any-return]
    return path.open("rb")


def row_of(trace: Trace) -> Mapping[str, Any]:
    """The row as it was read."""
    row = trace.meta.get(ROW)
    return row if isinstance(row, dict) else trace.model_dump(mode="json")


def trace_of(row: dict[str, Any], where: str) -> Trace:
    """A row as a trace; InputError names the row, the field, the value and what is right."""
    if "messages" in row and "problem_id" in row and "response" in row and row.get("v") is not None:
        return _own(row, where)
    statement, response = _texts(row, where)
    verdict = _verdict(row, response, where)
    gold = _word(row, GOLDS, where)
    named = _word(row, ("problem_id",), where)
    digest = xxhash.xxh3_128_hexdigest(f"{statement}\0{response}".encode("utf-8", "surrogatepass"))
    licence, mode = _word(row, ("licence", "license"), where), _word(row, ("mode",), where)
    return Trace(
        id=_word(row, ("id", "trace_id"), where) or digest,
        problem_id=named or f"p-{xxhash.xxh3_64_hexdigest(statement.encode('utf-8', 'surrogatepass'))}",
        category=_word(row, ("category",), where) or "general",
        source="public" if verdict is None else "teacher",
        model=_word(row, ("model", "source"), where) or "unknown",
        messages=ask(statement),
        response=response,
        answer=last_box(response) or (gold if verdict is None else None),
        verdict=verdict,
        meta={ROW: row, **({"licence": licence} if licence else {}), **({"mode": mode} if mode else {})},
    )


def _own(row: dict[str, Any], where: str) -> Trace:
    try:
        return Trace.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {field}: {_shown(first['input'])}; a nemoflow trace (it has `v`) is right: {first['msg']}") from None


def _texts(row: dict[str, Any], where: str) -> tuple[str, str]:
    if "messages" in row and not any(name in row for name in RESPONSES):
        return _turn(row, "user", where), _turn(row, "assistant", where)
    return _text(row, STATEMENTS, where), _text(row, RESPONSES, where)


def _text(row: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    name = next((name for name in names if row.get(name) is not None), None)
    if name is None:
        raise InputError(
            f"{where}: has the fields {', '.join(sorted(row)) or '(none)'}; one of {', '.join(names)}, or `messages`, is right"
        )
    value = row[name]
    if not isinstance(value, str) or (names is STATEMENTS and not value.strip()):
        raise InputError(f"{where}: {name}: {_shown(value)}; a non-empty string is right")
    return value


def _turn(row: dict[str, Any], role: str, where: str) -> str:
    messages = row["messages"]
    if isinstance(messages, list):
        for message in reversed(messages):
            if isinstance(message, dict) and message.get("role") == role and isinstance(message.get("content"), str):
                return str(message["content"])
    raise InputError(f"{where}: messages: {_shown(messages)}; a list of {{role, content}} with a message of the role {role!r} is right")


def _word(row: dict[str, Any], names: tuple[str, ...], where: str) -> str | None:
    for name in names:
        value = row.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InputError(f"{where}: {name}: {_shown(value)}; a string or a number is right")
        return str(value)
    return None


def _verdict(row: dict[str, Any], response: str, where: str) -> Verdict | None:
    told, correct = row.get("verdict"), row.get("correct", row.get("is_correct"))
    if told is None and correct is None:
        return None
    if isinstance(told, dict):
        told = told.get("verdict")
    if told is None and isinstance(correct, bool):
        told = "right" if correct else "wrong"
    if told not in ("right", "wrong", "unclear"):
        field = "verdict" if row.get("verdict") is not None else "correct"
        found = _shown(row.get(field, correct))
        raise InputError(f"{where}: {field}: {found}; verdict right, wrong or unclear, or correct true or false, is right")
    return Verdict(verdict=told, rule="given", extracted=last_box(response), gold=_word(row, GOLDS, where))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
