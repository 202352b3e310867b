r"""Filters: each looks at one trace and says why it is not worth learning from, or nothing.

    checks = [verdict_is_right, length_within(200, 20_000), has_think_block, has_box]
    reason = first_reason(trace, checks)          # "" where it passes, else such as "too-short"

The cap of traces a problem needs all of them: `capped` is asked last, over those that passed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from nemoflow.answers.boxed import ends_with_box, last_box
from nemoflow.curate.decision import KEEP, Decision
from nemoflow.curate.statements import statement_of
from nemoflow.prompts.chat import THINK_CLOSE, split_response
from nemoflow.prompts.hints import mentions_hint
from nemoflow.records import Trace

Check = Callable[[Trace], str]
"""The reason to drop a trace, empty where there is none."""

REPEATED_WORDS = 10
"""Words in a row that count as repeated where they occurred before: short idioms may recur, ten words do so in loops."""


def came_back(trace: Trace) -> str:
    """A request that failed at the endpoint has no response."""
    return "endpoint-error" if trace.error is not None else KEEP


def says_something(trace: Trace) -> str:
    """An answer may be empty: a model that stops at once, a server that parts the reasoning off and drops it."""
    return KEEP if trace.response.strip() else "empty-response"


def verdict_is_right(trace: Trace) -> str:
    """Right by the rule. A public set's own solution carries the set's own gold answer and needs no verdict."""
    if trace.verdict is None:
        return KEEP if trace.source == "public" else "unverified"
    return KEEP if trace.verdict.verdict == "right" else trace.verdict.verdict


def is_complete(trace: Trace) -> str:
    """Not cut off."""
    return "truncated" if trace.finish == "length" else KEEP


def has_think_block(trace: Trace) -> str:
    """Reasoning, then the end of the thinking block, once."""
    thinking, _ = split_response(trace.response)
    if trace.response.count(THINK_CLOSE) != 1:
        return "no-think-block" if THINK_CLOSE not in trace.response else "several-think-blocks"
    return KEEP if thinking.strip() else "empty-think-block"


def has_box(trace: Trace) -> str:
    """A box that holds something, after the thinking where that ends."""
    _, closed, final = trace.response.rpartition(THINK_CLOSE)
    return KEEP if last_box(final if closed else trace.response) else "no-box"


def ends_at_box(trace: Trace) -> str:
    """No words after the box: the contest's metric would take them into the answer where they hold a `}`."""
    return KEEP if ends_with_box(trace.response) else "text-after-box"


def keeps_its_secret(trace: Trace) -> str:
    """A trace that was told the answer (STaR) neither speaks of it nor starts from it; words of the statement itself do not count."""
    if trace.source != "rationalized":
        return KEEP
    told = (trace.verdict.gold if trace.verdict else None) or trace.answer or ""
    return "hint-leak" if mentions_hint(trace.response, statement_of(trace), told) else KEEP


def length_within(min_chars: int, max_chars: int | None) -> Check:
    """Characters of the response, thinking included."""

    def check(trace: Trace) -> str:
        if len(trace.response) < min_chars:
            return "too-short"
        return "too-long" if max_chars is not None and len(trace.response) > max_chars else KEEP

    return check


def repeats_at_most(share: float) -> Check:
    """Share of a response's runs of ten words that occurred in it before."""
    return lambda trace: "repetition" if repetition(trace.response) > share else KEEP


def repetition(text: str) -> float:
    """0 for a text that never repeats ten words in a row, near 1 for one that loops."""
    words = text.split()
    runs = len(words) - REPEATED_WORDS + 1
    if runs < 1:
        return 0.0
    return 1 - len({tuple(words[start : start + REPEATED_WORDS]) for start in range(runs)}) / runs


def first_reason(trace: Trace, checks: Iterable[Check]) -> str:
    """The reason of the first check that fails, empty where all pass."""
    return next((reason for check in checks if (reason := check(trace))), KEEP)


def decide(traces: Iterable[Trace], checks: Sequence[Check]) -> Iterator[Decision]:
    """One decision a trace, in order."""
    return (Decision(trace, first_reason(trace, checks)) for trace in traces)


def capped(decisions: Iterable[Decision], again: Iterable[Trace], per_problem: int) -> Iterator[Decision]:
    """Keep at most so many traces a problem: the shortest, by id where equally long. `again` are the same traces a second time."""
    reasons: list[str] = []
    rivals: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for row, decision in enumerate(decisions):
        reasons.append(decision.reason)
        if decision.is_kept:
            trace = decision.trace
            rivals[trace.problem_id].append((len(trace.response), trace.id, row))
    for group in rivals.values():
        for _, _, row in sorted(group)[per_problem:]:
            reasons[row] = "over-the-cap"
    return (Decision(trace, reason) for trace, reason in zip(again, reasons, strict=True))
