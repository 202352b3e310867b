"""The statement of a trace's problem, from its own prompt, and the rule that one id stands for one statement."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import xxhash

from nemoflow.errors import InputError
from nemoflow.prompts.chat import SUFFIX
from nemoflow.records import Problem, Trace

SHOWN = 40
"""Characters of a statement's beginning and of its end that a message shows; puzzles of one kind begin alike."""

R = TypeVar("R", Problem, Trace)


def statement_of(trace: Trace) -> str:
    """What the trace was asked, without its suffix (the contest's, or the one that it names) and what follows; empty where nobody asked.

    It is never looked up by the problem's id: sets that number their problems from 1 share ids, and a foreign statement over a
    right response is worse than no example.
    """
    asked = next((message.content for message in reversed(trace.messages) if message.role == "user"), "")
    suffix = trace.meta.get("suffix", SUFFIX)
    if not suffix:
        return asked
    statement, found, _ = asked.rpartition(f"\n{suffix}")
    return statement if found else asked


class Statements:
    """Which statement an id stands for, over all sets that meet in a step; ids decide what belongs together there.

    statements = Statements()
    for trace in statements.agreeing(traces.rows(), traces.address): ...
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, str, str]] = {}

    def agreeing(self, rows: Iterable[R], address: str) -> Iterator[R]:
        """The same rows; InputError at the first whose id stands for another statement. A trace without a prompt contradicts nothing."""
        for row in rows:
            if isinstance(row, Problem):
                self._add(row.id, row.statement, address)
            else:
                self._add(row.problem_id, statement_of(row), address)
            yield row

    def _add(self, problem_id: str, statement: str, address: str) -> None:
        text = " ".join(statement.split())
        if not text:
            return
        key, shown = xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")), _shown(text)
        known, where, first = self._known.setdefault(problem_id, (key, address, shown))
        if known != key:
            raise InputError(
                f"{address}: problem id {problem_id!r} stands for {shown!r} here, and for {first!r} in {where}; "
                "one id for one problem is right: load one of the sets with an id_prefix (load-problems), such as 'public-'"
            )


def _shown(text: str) -> str:
    return text if len(text) <= 2 * SHOWN else f"{text[:SHOWN].rstrip()} ... {text[-SHOWN:].lstrip()}"
