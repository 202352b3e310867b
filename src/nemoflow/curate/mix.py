r"""Mix: from kept traces to training examples, by a recipe, in a seeded order that the input's order does not change.

    mixture = plan(traces, Recipe(weights={"rationalized": 0.5}, quota={"numeral": 2000}, max_rows=10_000, seed=7))
    for example in mixture.examples(read_again, card): ...

Examples carry no times, so equal inputs give equal bytes. They wait for their turn in a file, so memory holds a line's place, not the
line: two passes over the traces serve a corpus of any size.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from nemoflow.answers.boxed import BOX
from nemoflow.answers.competition import extract
from nemoflow.curate.card import Card
from nemoflow.curate.recipe import Candidate, Recipe, choose
from nemoflow.curate.statements import statement_of
from nemoflow.errors import InputError
from nemoflow.prompts.chat import THINK_CLOSE, THINK_OPEN, render_response, split_response
from nemoflow.prompts.modes import MODES, message
from nemoflow.records import Example, Trace

CHARS_A_TOKEN = 4
"""For traces whose tokens nobody counted."""


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
    candidates: list[Candidate] = field(default_factory=list)
    """The usable traces, for other recipes."""

    def examples(self, read: Callable[[], Iterable[Trace]], card: Card) -> Iterator[Example]:
        """The corpus in its order, counted on the card; `read` gives the planned traces again, in any order."""
        wanted = {key: place for place, key in enumerate(self.order)}
        spans = np.zeros((len(self.order), 2), dtype=np.int64)
        with tempfile.TemporaryFile(prefix="nemoflow-mix-") as file:
            for trace in read():
                for copy in range(self.recipe.copies(trace.id, trace.source)):
                    if (place := wanted.get((trace.id, copy))) is not None:
                        example = self._example(trace, copy)
                        card.add(example, trace)
                        line = example.__pydantic_serializer__.to_json(example)
                        spans[place] = file.tell(), len(line)
                        file.write(line)
            for start, length in spans.tolist():
                file.seek(start)
                yield Example.model_validate_json(file.read(length))

    def _example(self, trace: Trace, copy: int) -> Example:
        response = response_of(trace)
        assert response is not None, "planned rows have a response"
        return Example(
            id=trace.id if copy == 0 else f"{trace.id}#{copy + 1}",
            problem_id=trace.problem_id,
            trace_id=trace.id,
            category=trace.category,
            source=trace.source,
            prompt=message(statement_of(trace), trace.mode if self.recipe.tell_modes else ""),
            response=response,
        )


def plan(traces: Iterable[Trace], recipe: Recipe) -> Mixture:
    """Choose and order rows. Raises InputError where a trace id occurs twice."""
    mixture = Mixture(recipe)
    seen: set[str] = set()
    for trace in traces:
        mixture.rows_in += 1
        mixture.categories.add(trace.category)
        if trace.id in seen:
            raise InputError(f"row {mixture.rows_in}: trace id {trace.id!r} occurs twice; `dedup` leaves one of each")
        seen.add(trace.id)
        if reason := _unusable(trace, recipe):
            mixture.reasons[reason] += 1
        else:
            mixture.candidates.append(candidate_of(trace))
    choice = choose(mixture.candidates, recipe)
    mixture.order = choice.order
    mixture.reasons.update(choice.reasons)
    return mixture


def candidate_of(trace: Trace) -> Candidate:
    """A trace as far as a recipe looks at it."""
    tokens = trace.usage.completion_tokens or len(trace.response) // CHARS_A_TOKEN
    return Candidate(trace.id, trace.source, sys.intern(trace.category), sys.intern(trace.mode), tokens)


def compared(candidates: Iterable[Candidate], recipes: Mapping[str, Recipe]) -> list[dict[str, object]]:
    """What each recipe would make of the same candidates: a row a recipe, for a table."""
    rows = list(candidates)
    return [{"name": name, **_counted(rows, recipe)} for name, recipe in recipes.items()]


def _counted(candidates: list[Candidate], recipe: Recipe) -> dict[str, object]:
    choice = choose(candidates, recipe)
    tokens = sum(row.tokens for row in choice.rows)
    return {
        "rows": len(choice.rows),
        "traces": len({trace_id for trace_id, _ in choice.order}),
        "tokens": tokens,
        "by_source": dict(sorted(Counter(row.source for row in choice.rows).items())),
        "by_category": dict(sorted(Counter(row.category for row in choice.rows).items())),
        "by_mode": dict(sorted(Counter(row.mode for row in choice.rows).items())),
        "left_out": dict(sorted(choice.reasons.items())),
    }


def _unusable(trace: Trace, recipe: Recipe) -> str:
    if not statement_of(trace).strip():
        return "no-statement"
    if recipe.tell_modes and trace.mode not in ("", *MODES):
        return "unknown-mode"
    return "no-answer-to-learn" if response_of(trace) is None else ""


__all__ = ["Mixture", "Recipe", "compared", "plan", "response_of"]
