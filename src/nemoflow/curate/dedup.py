"""Dedup: exact duplicates by hash, near ones by MinHash; the best copy stays, whatever the order of the rows.

What is compared: `response` looks for samples of one problem with the same response; `statement` for problems that ask the same
and keeps the traces of the first of them by id. Responses of different problems are never compared: a contest puzzle's
traces follow one form, and would all be near each other.

    plan = survey(traces, "response", near_threshold=0.8)
    decisions = plan.decide(traces_again)

The best copy is the right one before an unclear before a wrong one, then the shortest, then the first by id. Near duplicates
are found going from the best to the worst: a row goes where a *kept* row is near it, so no chain of likenesses drops anything.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import xxhash

from nemoflow.curate.decision import KEEP, Decision
from nemoflow.curate.statements import statement_of
from nemoflow.errors import ConfigError
from nemoflow.records import Trace

if TYPE_CHECKING:
    from rensa import RMinHash

Compared = Literal["response", "statement"]

PERMUTATIONS = 128
"""Slots of a signature: 512 bytes a row, and an error of about 0.04 in the estimated likeness at 0.8."""
SHINGLE = 3
"""Words that are hashed together."""
SEED = 42

_WORD = re.compile(r"\w+|[^\w\s]")
_RANK = {"right": 0, "unclear": 1, "wrong": 2}


def normalised(text: str) -> str:
    """A text without what does not count: letter case, runs of blanks, forms of the same letter."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@dataclass
class Plan:
    """What is dropped, by number of the row, and the id that it duplicates."""

    exact: dict[int, str] = field(default_factory=dict)
    near: dict[int, str] = field(default_factory=dict)

    def decide(self, traces: Iterable[Trace]) -> Iterator[Decision]:
        """Decisions over the surveyed traces, read a second time in the same order."""
        for row, trace in enumerate(traces):
            if row in self.exact:
                yield Decision(trace, "exact-duplicate", {"duplicate_of": self.exact[row]})
            elif row in self.near:
                yield Decision(trace, "near-duplicate", {"duplicate_of": self.near[row]})
            else:
                yield Decision(trace, KEEP)


@dataclass(frozen=True, order=True)
class _Copy:
    """A row as far as it is compared; copies sort from the best to the worst."""

    rank: tuple[int, int, str, int]
    id: str
    row: int
    sketch: "RMinHash | None" = field(default=None, compare=False)


def survey(traces: Iterable[Trace], compared: Compared = "response", near_threshold: float | None = None) -> Plan:
    """Read all traces once and find the duplicates.

    `near_threshold` is the share of common word triples (Jaccard, estimated) from which two texts are near; None is exact only.

    Raises ConfigError where near duplicates are asked for and rensa is not installed.
    """
    if near_threshold is not None:
        _require_rensa()
    return _survey_responses(traces, near_threshold) if compared == "response" else _survey_statements(traces, near_threshold)


def _survey_responses(traces: Iterable[Trace], near_threshold: float | None) -> Plan:
    plan = Plan()
    problems: dict[str, dict[bytes, list[_Copy]]] = defaultdict(lambda: defaultdict(list))
    for row, trace in enumerate(traces):
        text = normalised(trace.response)
        sketch = _sketch(text) if near_threshold is not None else None
        problems[trace.problem_id][_digest(text)].append(_Copy(_rank(trace), trace.id, row, sketch))
    for groups in problems.values():
        best = [_drop_exact(sorted(copies), plan.exact) for copies in groups.values()]
        if near_threshold is not None:
            _drop_near(sorted(best), near_threshold, plan.near)
    return plan


def _survey_statements(traces: Iterable[Trace], near_threshold: float | None) -> Plan:
    """Of problems that ask the same, the first by id keeps its traces; the others' traces go."""
    plan, rows = Plan(), defaultdict[str, list[int]](list)
    asked: dict[str, tuple[bytes, str]] = {}
    for row, trace in enumerate(traces):
        text = normalised(statement_of(trace))
        asked[trace.problem_id] = min(asked.get(trace.problem_id, (_digest(text), text)), (_digest(text), text))
        rows[trace.problem_id].append(row)
    statements: dict[bytes, list[_Copy]] = defaultdict(list)
    for number, problem_id in enumerate(rows):
        digest, text = asked[problem_id]
        sketch = _sketch(text) if near_threshold is not None else None
        statements[digest].append(_Copy((0, 0, problem_id, 0), problem_id, number, sketch))
    exact: dict[int, str] = {}
    near: dict[int, str] = {}
    best = [_drop_exact(sorted(group), exact) for group in statements.values()]
    if near_threshold is not None:
        _drop_near(sorted(best), near_threshold, near)
    numbered = list(rows.values())
    plan.exact = {row: kept for number, kept in exact.items() for row in numbered[number]}
    plan.near = {row: kept for number, kept in near.items() for row in numbered[number]}
    return plan


def _rank(trace: Trace) -> tuple[int, int, str, int]:
    """The last part only orders rows of one id, so that not their order decides which of them stays."""
    verdict = _RANK[trace.verdict.verdict] if trace.verdict is not None else 1
    return verdict, len(trace.response), trace.id, xxhash.xxh3_64_intdigest(trace.model_dump_json().encode())


def _digest(text: str) -> bytes:
    return xxhash.xxh3_128_digest(text.encode("utf-8", "surrogatepass"))


def _drop_exact(copies: list[_Copy], dropped: dict[int, str]) -> _Copy:
    best = copies[0]
    dropped.update((copy.row, best.id) for copy in copies[1:])
    return best


def _drop_near(copies: list[_Copy], threshold: float, dropped: dict[int, str]) -> None:
    """From the best to the worst: drop what is near a kept copy. rensa proposes by bands and checks by whole signatures."""
    if len(copies) < 2:
        return
    from rensa import RMinHashDeduplicator

    kept = RMinHashDeduplicator(threshold, PERMUTATIONS, True, None, SEED)
    by_row = {str(copy.row): copy for copy in copies}
    for copy in copies:
        if kept.add(str(copy.row), copy.sketch):
            continue
        nearest = min(by_row[key] for key in kept.get_duplicates(copy.sketch))
        dropped[copy.row] = nearest.id


def _sketch(text: str) -> "RMinHash":
    from rensa import RMinHash

    words = _WORD.findall(text)
    sketch = RMinHash(PERMUTATIONS, SEED)
    sketch.update([" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1))])
    return sketch


def _require_rensa() -> None:
    try:
        import rensa  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigError("dedup.near: true needs rensa, which is not installed; `pip install nemoflow[curate]`, or near = false") from None
