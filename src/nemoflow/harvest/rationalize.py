"""STaR (Zelikman et al. 2022, arXiv 2203.14465): failures are asked again with the answer known; what verifies is kept.

A kept trace carries the ordinary prompt, as if the answer had not been told: that is what a student learns from. Its
`meta` names the failed trace (`parent`) and says `hint: true`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nemoflow.answers.boxed import Revision
from nemoflow.answers.competition import boxed_answer
from nemoflow.errors import InputError
from nemoflow.harvest.attempts import Asking, Attempt, attempt
from nemoflow.prompts.hints import mentions_hint
from nemoflow.prompts.teacher import ask, ask_with_hint
from nemoflow.records import Problem, Trace, Verdict


@dataclass(frozen=True)
class Failure:
    """A failed trace and its problem, to be asked again."""

    problem: Problem
    gold: str
    parent: Trace


@dataclass
class Choice:
    """What is asked again, and what cannot be."""

    failures: list[Failure] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def choose(problems: Iterable[Problem], traces: Iterable[Trace], per: Literal["problem", "trace"]) -> Choice:
    """Failures in the order of the problems, then of the samples: one a problem that no trace solved, or every failed trace."""
    by_problem = _by_problem(traces)
    choice = Choice()
    for problem in problems:
        attempts = by_problem.get(problem.id, [])
        failed = [trace for trace in attempts if not _is_right(trace)]
        if per == "problem":
            failed = failed[:1] if len(failed) == len(attempts) else []
        if failed and problem.gold is None:
            choice.dropped["no-gold"] += len(failed)
        elif failed:
            choice.failures += [Failure(problem, problem.gold or "", trace) for trace in failed]
    return choice


def _by_problem(traces: Iterable[Trace]) -> dict[str, list[Trace]]:
    groups: dict[str, list[Trace]] = defaultdict(list)
    for row, trace in enumerate(traces, 1):
        if trace.verdict is None:
            raise InputError(f"traces: row {row}: trace {trace.id!r} has no verdict; wire the output of `verify`")
        groups[trace.problem_id].append(trace)
    for group in groups.values():
        group.sort(key=lambda trace: (trace.sample, trace.id))
    return groups


def _is_right(trace: Trace) -> bool:
    return trace.verdict is not None and trace.verdict.verdict == "right"


def plan(failures: Sequence[Failure], attempts: int, asking: Asking, seed: int, system: str) -> list[tuple[Attempt, Failure]]:
    """Requests with the answer told, each beside the failure it stands for.

    Failures of one problem share its prompt, so their attempts are numbered on: no two requests are the same.
    """
    asked: Counter[str] = Counter()
    planned = []
    for failure in failures:
        messages = ask_with_hint(failure.problem.statement, failure.gold, system)
        for _ in range(attempts):
            planned.append((attempt(failure.problem, asked[failure.problem.id], messages, asking, seed), failure))
            asked[failure.problem.id] += 1
    return planned


def settle(trace: Trace, failure: Failure, verdict: Verdict, system: str, revision: Revision) -> Trace | str:
    """The trace under the ordinary prompt with its verdict, or the reason why it is dropped."""
    if trace.error is not None:
        return "endpoint-error"
    if trace.finish == "length":
        return "truncated"
    if boxed_answer(trace.response, revision) is None:
        return "no-box"
    if verdict.verdict != "right":
        return verdict.verdict
    if mentions_hint(trace.response, failure.problem.statement, failure.gold):
        return "mentions-hint"
    return trace.model_copy(
        update={
            "messages": ask(failure.problem.statement, system),
            "answer": verdict.extracted,
            "verdict": verdict,
            "meta": {**trace.meta, "parent": failure.parent.id, "hint": True},
        }
    )
