"""Many answers verified on all cores, in their order.

    for row in verify_rows(rows, limits=Limits()): print(row["id"], row["verdict"])

Each process has its own worker for computer algebra, started when the first pair needs it.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, StrictInt, StrictStr, model_validator

from nemoflow.answers.scored import as_text, text_or_whole_number
from nemoflow.answers.symbolic import SymbolicPool
from nemoflow.answers.verdicts import Attempt, by_symbols
from nemoflow.processes import cores, pool_of
from nemoflow.records import Record, Verdict

CHUNK = 128
"""Rows that a process takes at a time."""
AHEAD = 4
"""Chunks a process that are read before the oldest is done."""


@dataclass(frozen=True)
class Limits:
    """What one pair may cost before it is unclear."""

    timeout_s: float = 5.0
    memory_mb: int = 1024


class VerifyRow(Record):
    """A gold answer with the answer, or the response, to compare with it; further columns are let through."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[StrictStr | StrictInt, BeforeValidator(text_or_whole_number)]
    gold: Annotated[str, BeforeValidator(as_text)] | None
    """None where it is not known: the verdict is then unclear."""
    answer: Annotated[str, BeforeValidator(as_text)] | None = None
    response: str | None = None
    problem_id: str | int | None = None
    """Rows of one problem; pass rates are counted by it."""
    mode: str | None = None
    """How the response was asked for, such as `high` or `low`."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len({"answer", "response"} & self.model_fields_set) != 1:
            raise ValueError("has both an answer and a response, or neither; one of the two is right")
        return self


def verify_rows(rows: Iterable[VerifyRow], limits: Limits, processes: int = 0) -> Iterator[dict[str, Any]]:
    """A row {id, verdict, rule, seconds, extracted, reason} for each, in order.

    Args:
        rows: may be endless; some chunks are read ahead.
        limits: for each pair.
        processes: how many work at once; 0 takes all cores.
    """
    source = iter(rows)
    processes = processes or cores()
    first = list(islice(source, CHUNK))
    if processes == 1 or len(first) < CHUNK:
        with SymbolicPool(1, limits.timeout_s, limits.memory_mb) as pool:
            while first:
                yield from (_verified(row, pool) for row in first)
                first = list(islice(source, CHUNK))
        return
    yield from _spread(first, source, limits, processes)


def _spread(first: list[VerifyRow], source: Iterator[VerifyRow], limits: Limits, processes: int) -> Iterator[dict[str, Any]]:
    pending: deque[Future[list[dict[str, Any]]]] = deque()
    with pool_of(processes, _prepare, limits) as workers:
        chunk = first
        while chunk or pending:
            if chunk:
                pending.append(workers.submit(_verify_chunk, chunk))
            if not chunk or len(pending) > AHEAD * processes:
                yield from pending.popleft().result()
            chunk = list(islice(source, CHUNK))


_pool: SymbolicPool | None = None


def _prepare(limits: Limits) -> None:
    """In a worker: its own pool."""
    global _pool
    _pool = SymbolicPool(1, limits.timeout_s, limits.memory_mb)


def _verify_chunk(rows: list[VerifyRow]) -> list[dict[str, Any]]:
    assert _pool is not None
    return [_verified(row, _pool) for row in rows]


def _verified(row: VerifyRow, pool: SymbolicPool) -> dict[str, Any]:
    begun = time.perf_counter()
    [verdict] = by_symbols([Attempt(row.gold, row.response, answer=row.answer)], pool)
    return _row(row, verdict, time.perf_counter() - begun)


def _row(row: VerifyRow, verdict: Verdict, seconds: float) -> dict[str, Any]:
    found = {"id": row.id, "verdict": verdict.verdict, "rule": verdict.rule, "seconds": round(seconds, 6), "extracted": verdict.extracted}
    return {**found, "reason": verdict.reason} if verdict.reason else found
