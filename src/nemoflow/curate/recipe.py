"""Recipe: which rows go into a corpus, and in which order; a pure choice among light candidates, so that many recipes can be compared.

    choice = choose(candidates, Recipe(weights={"rationalized": 0.5}, quota={"numeral": 2000}, balance=True, max_rows=10_000, seed=7))
    choice.order, choice.reasons

Every row's place is a hash of seed, trace and copy. First the weights decide how often a source's rows go in; then a quota keeps the
first rows of a category; then, where modes are balanced, each mode of a length bucket keeps as many rows as the bucket's rarest; then
`max_rows` keeps the first of all. The corpus stands in the order of the places.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import xxhash

_WHOLE = 2.0**64
BUCKETS = (4096, 8192, 16_384, 32_768, 65_536, 131_072)
"""Upper bounds in tokens; what is longer shares the last bucket."""


class Candidate(NamedTuple):
    """A usable trace, as far as a recipe looks at it."""

    trace_id: str
    source: str
    category: str
    mode: str
    tokens: int
    """Of the response, as its endpoint counted; a quarter of its characters where nobody did."""


class Placed(NamedTuple):
    """A copy of a candidate and its place."""

    place: float
    trace_id: str
    copy: int
    candidate: Candidate


@dataclass(frozen=True)
class Recipe:
    """What goes into the corpus."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Copies of a source's rows: 1 as they are (so too a source that is not named), 0.5 a seeded half, 2 each twice, 0 none."""
    quota: Mapping[str, int] = field(default_factory=dict)
    """Most rows of a category; one that is not named has no limit."""
    balance: bool = False
    """Equal numbers of each mode within a length bucket."""
    buckets: Sequence[int] = BUCKETS
    least_share: float = 0.02
    """A mode with a smaller part of its bucket does not shrink the others to its size; it keeps what it has."""
    max_rows: int | None = None
    seed: int = 0
    tell_modes: bool = False
    """Prompts say the mode of their trace."""

    def copies(self, trace_id: str, source: str) -> int:
        """How often a trace goes in."""
        whole, part = divmod(self.weights.get(source, 1.0), 1)
        return int(whole) + (self.place(trace_id, "weight") < part)

    def place(self, trace_id: str, salt: object) -> float:
        """A seeded number from 0 to 1 for a trace and a purpose."""
        return xxhash.xxh3_64_intdigest(f"{self.seed}\0{trace_id}\0{salt}".encode()) / _WHOLE

    def bucket(self, tokens: int) -> int:
        """Upper bound of a length's bucket."""
        return next((bound for bound in self.buckets if tokens <= bound), self.buckets[-1])


@dataclass
class Choice:
    """The rows of a corpus in their order, and how many were left out."""

    order: list[tuple[str, int]] = field(default_factory=list)
    """Trace id and copy."""
    rows: list[Candidate] = field(default_factory=list)
    """The same, as candidates."""
    reasons: Counter[str] = field(default_factory=Counter)


def choose(candidates: Iterable[Candidate], recipe: Recipe) -> Choice:
    """Weights, quotas, balance, the limit; the order of the candidates decides nothing."""
    choice = Choice()
    rows = _within_quotas(_weighed(candidates, recipe, choice), recipe, choice)
    if recipe.balance:
        rows = _balanced(rows, recipe, choice)
    limit = len(rows) if recipe.max_rows is None else recipe.max_rows
    if len(rows) > limit:
        kept = _even_part(rows, recipe, limit) if recipe.balance else rows[:limit]
        choice.reasons["max-rows"] += len(rows) - len(kept)
        rows = kept
    choice.order = [(row.trace_id, row.copy) for row in rows]
    choice.rows = [row.candidate for row in rows]
    return choice


def _weighed(candidates: Iterable[Candidate], recipe: Recipe, choice: Choice) -> list[Placed]:
    placed: list[Placed] = []
    for candidate in candidates:
        copies = recipe.copies(candidate.trace_id, candidate.source)
        if not copies:
            choice.reasons["weight"] += 1
        placed += [Placed(recipe.place(candidate.trace_id, copy), candidate.trace_id, copy, candidate) for copy in range(copies)]
    placed.sort(key=lambda row: row[:3])
    return placed


def _within_quotas(placed: list[Placed], recipe: Recipe, choice: Choice) -> list[Placed]:
    taken: Counter[str] = Counter()
    rows: list[Placed] = []
    for row in placed:
        category = row.candidate.category
        if taken[category] >= recipe.quota.get(category, len(placed)):
            choice.reasons["quota"] += 1
        else:
            taken[category] += 1
            rows.append(row)
    return rows


def _cells(rows: Iterable[Placed], recipe: Recipe) -> Counter[tuple[int, str]]:
    return Counter((recipe.bucket(row.candidate.tokens), row.candidate.mode) for row in rows)


def _balanced(rows: list[Placed], recipe: Recipe, choice: Choice) -> list[Placed]:
    """Each mode of a bucket to the size of its rarest, by the order of the places."""
    by_bucket: dict[int, list[int]] = defaultdict(list)
    cells = _cells(rows, recipe)
    for (bucket, _), count in cells.items():
        by_bucket[bucket].append(count)
    size = {bucket: _size(counts, recipe.least_share) for bucket, counts in by_bucket.items()}
    kept = _first(rows, recipe, {cell: size[cell[0]] for cell in cells})
    if len(kept) < len(rows):
        choice.reasons["mode-balance"] += len(rows) - len(kept)
    return kept


def _size(counts: Sequence[int], least_share: float) -> int:
    total = sum(counts)
    return min((count for count in counts if count >= least_share * total), default=max(counts))


def _even_part(rows: list[Placed], recipe: Recipe, limit: int) -> list[Placed]:
    """So many rows at most, each cell shrunk alike, so that what was balanced stays so."""
    return _first(rows, recipe, {cell: count * limit // len(rows) for cell, count in _cells(rows, recipe).items()})


def _first(rows: Iterable[Placed], recipe: Recipe, most: Mapping[tuple[int, str], int]) -> list[Placed]:
    taken: Counter[tuple[int, str]] = Counter()
    kept: list[Placed] = []
    for row in rows:
        cell = (recipe.bucket(row.candidate.tokens), row.candidate.mode)
        if taken[cell] < most[cell]:
            taken[cell] += 1
            kept.append(row)
    return kept
