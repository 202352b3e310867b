r"""Mix: from kept traces to training examples, by weights and quotas, in a seeded order that the input's order does not change.

    recipe = Recipe(weights={"rationalized": 0.5}, quota={"numeral": 2000}, max_rows=10_000, seed=7)
    mixture = plan(traces, recipe)
    for example in mixture.examples(read_again): ...

Every row's place is a hash of seed, trace and copy. A quota keeps the first rows of a category, `max_rows` the first of all, and
the corpus stands in that order. Examples carry no times, so equal inputs give equal bytes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import xxhash

from nemoflow.answers.boxed import BOX
from nemoflow.answers.competition import extract
from nemoflow.curate.card import Card
from nemoflow.curate.statements import statement_of
from nemoflow.errors import InputError
from nemoflow.prompts.chat import THINK_CLOSE, THINK_OPEN, render_response, split_response, user_message
from nemoflow.records import Example, Trace

WINDOW = 100_000
"""Examples held in memory at once; a larger corpus reads its traces once more for each further window."""

_WHOLE = 2.0**64


@dataclass(frozen=True)
class Recipe:
    """What goes into the corpus."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Copies of a source's rows: 1 as they are (so too a source that is not named), 0.5 a seeded half, 2 each twice, 0 none."""
    quota: Mapping[str, int] = field(default_factory=dict)
    """Most rows of a category; one that is not named has no limit."""
    max_rows: int | None = None
    seed: int = 0

    def copies(self, trace: Trace) -> int:
        """How often a trace goes in."""
        whole, part = divmod(self.weights.get(trace.source, 1.0), 1)
        return int(whole) + (self.place(trace.id, "weight") < part)

    def place(self, trace_id: str, salt: object) -> float:
        """A seeded number from 0 to 1 for a trace and a purpose."""
        return xxhash.xxh3_64_intdigest(f"{self.seed}\0{trace_id}\0{salt}".encode()) / _WHOLE


def response_of(trace: Trace) -> str | None:
    """The response to learn: `<think>`, reasoning, `</think>`, box, and nothing after it; None where that cannot be written.

    The answer is the one that was found right. A response without a thinking block is all reasoning.
    """
    is_right = trace.verdict is not None and trace.verdict.verdict == "right"
    answer = trace.verdict.extracted if trace.verdict is not None and is_right else trace.answer
    thinking, _ = split_response(trace.response)
    if not answer or not thinking.strip() or THINK_OPEN.strip() in thinking:
        return None
    response = render_response(thinking, answer)
    is_readable = BOX not in answer and THINK_CLOSE not in answer and extract(response) == answer.strip()
    return response if is_readable else None


@dataclass
class Mixture:
    """What was chosen; `examples` makes it."""

    recipe: Recipe
    order: list[tuple[str, int]] = field(default_factory=list)
    """Trace id and copy of each example, as they stand in the corpus."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rows left out, by reason."""
    categories: set[str] = field(default_factory=set)
    """Categories of the traces, those left out among them."""
    rows_in: int = 0

    def examples(self, read: Callable[[], Iterable[Trace]], card: Card, window: int = WINDOW) -> Iterator[Example]:
        """The corpus in its order, counted on the card; `read` gives the planned traces again, in any order."""
        for start in range(0, len(self.order), window):
            wanted = {key: place for place, key in enumerate(self.order[start : start + window])}
            found: list[tuple[int, Example, Trace]] = []
            for trace in read():
                for copy in range(self.recipe.copies(trace)):
                    if (place := wanted.get((trace.id, copy))) is not None:
                        found.append((place, self._example(trace, copy), trace))
            found.sort(key=lambda row: row[0])
            for _, example, trace in found:
                card.add(example, trace)
                yield example

    def _example(self, trace: Trace, copy: int) -> Example:
        response = response_of(trace)
        assert response is not None, "planned rows have a response"
        return Example(
            id=trace.id if copy == 0 else f"{trace.id}#{copy + 1}",
            problem_id=trace.problem_id,
            trace_id=trace.id,
            category=trace.category,
            source=trace.source,
            prompt=user_message(statement_of(trace)),
            response=response,
        )


def plan(traces: Iterable[Trace], recipe: Recipe) -> Mixture:
    """Choose and order rows: weights first, then quotas, then the limit of all. Raises InputError where a trace id occurs twice."""
    mixture = Mixture(recipe)
    seen: set[str] = set()
    places: list[tuple[float, str, int, str]] = []
    for trace in traces:
        mixture.rows_in += 1
        mixture.categories.add(trace.category)
        if trace.id in seen:
            raise InputError(f"row {mixture.rows_in}: trace id {trace.id!r} occurs twice; `dedup` leaves one of each")
        seen.add(trace.id)
        if (reason := _unusable(trace)) or not (copies := recipe.copies(trace)):
            mixture.reasons[reason or "weight"] += 1
            continue
        places += [(recipe.place(trace.id, copy), trace.id, copy, trace.category) for copy in range(copies)]
    places.sort()
    taken: Counter[str] = Counter()
    for _, trace_id, copy, category in places:
        if taken[category] >= recipe.quota.get(category, len(places)):
            mixture.reasons["quota"] += 1
        elif recipe.max_rows is not None and len(mixture.order) >= recipe.max_rows:
            mixture.reasons["max-rows"] += 1
        else:
            taken[category] += 1
            mixture.order.append((trace_id, copy))
    return mixture


def _unusable(trace: Trace) -> str:
    if not statement_of(trace).strip():
        return "no-statement"
    return "no-answer-to-learn" if response_of(trace) is None else ""
