"""What was sampled before: traces kept across runs under keys of their own, so that asking for more is not asking again.

A trace's id is a hash of all that decides it. A harvest that goes from 4 to 8 samples therefore finds 4 and asks for 4, and
one that was killed asks only for what was in flight or not yet committed. Failures are not kept: a later run asks again.
"""

import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import orjson
import xxhash
from pydantic import ValidationError

from nemoflow.inference.request import Sampling
from nemoflow.records import Message, Problem, Record, Trace


class Shelf(Protocol):
    """Where rows outlive a run: named groups that only grow, a part at a time."""

    def read(self, group: str) -> Iterator[dict[str, Any]]:
        """All rows of a group that were ever committed."""
        ...

    def append(self, group: str, rows: Iterable[Record]) -> None:
        """Commit rows as one part, atomically."""
        ...


def request_seed(seed: int, sample: int) -> int:
    """Seed of one attempt, 31 bits: it depends on its index alone, not on how many samples are asked for."""
    return xxhash.xxh3_64_intdigest(f"{seed}/{sample}".encode()) & 0x7FFF_FFFF


def trace_id(problem: Problem, messages: Sequence[Message], model: str, sampling: Sampling, seed: int, sample: int) -> str:
    """Key of one attempt: the same request has the same key in every run. `model` includes the revision."""
    turns = [message.model_dump() for message in messages]
    return _hash([problem.id, problem.statement, turns, model, asdict(sampling), seed, sample])


def group_name(mode: str, model: str, sampling: Sampling, seed: int, system: str) -> str:
    """Group that keeps the attempts of one mode (`harvest`, `rationalize`), model, sampling, seed and system message."""
    return f"{mode}-{_hash([model, asdict(sampling), seed, system])[:16]}"


def _hash(value: Any) -> str:
    return xxhash.xxh3_128_hexdigest(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


class Ledger:
    """One group of kept traces: finds the old, takes the new and commits them in parts.

    A part is due once it has `commit_rows` rows, or once its oldest row is `commit_s` seconds old.
    """

    def __init__(
        self, shelf: Shelf, group: str, commit_rows: int = 64, commit_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shelf, self._group = shelf, group
        self._commit_rows, self._commit_s, self._clock = commit_rows, commit_s, clock
        self._pending: list[Trace] = []
        self._oldest = 0.0
        self.unreadable = 0
        """Rows of another schema version, found and passed over."""

    def find(self, wanted: Container[str]) -> dict[str, Trace]:
        """Kept traces by id. Of two with one id the choice is by content, so it does not depend on the order of the parts."""
        found: dict[str, Trace] = {}
        for row in self._shelf.read(self._group):
            if row.get("id") not in wanted:
                continue
            try:
                trace = Trace.model_validate(row)
            except ValidationError:
                self.unreadable += 1
                continue
            known = found.get(trace.id)
            if known is None or _rank(trace) < _rank(known):
                found[trace.id] = trace
        return found

    def add(self, trace: Trace) -> None:
        """Take a finished trace; it is safe after the next commit."""
        if not self._pending:
            self._oldest = self._clock()
        self._pending.append(trace)

    @property
    def is_due(self) -> bool:
        """Whether a part is worth committing now."""
        if not self._pending:
            return False
        return len(self._pending) >= self._commit_rows or self._clock() - self._oldest >= self._commit_s

    def take(self) -> list[Trace]:
        """Hand over what waits to be committed; call it where `add` is called, then `store` in any thread."""
        rows, self._pending = self._pending, []
        return rows

    def store(self, rows: list[Trace]) -> None:
        """Commit rows as one part; nothing where there are none."""
        if rows:
            self._shelf.append(self._group, rows)


def _rank(trace: Trace) -> str:
    return _hash([trace.response, trace.finish, trace.usage.model_dump(), trace.seconds])
