"""Gold answers from the traces themselves, where there are none or none that anybody reaches (Nemotron-Math does the same over 16 samples).

- *missing*: what most traces answer becomes the gold, if at least `min_votes` do and no other answer has as many;
- *contradicted*: where every trace verifies as wrong, and as many agree on another answer, that one;
- one right trace, or one that no rule could decide, and the gold stays.

What was changed is said in the problem's `meta`: `gold_by` (`majority` or `repaired`), `gold_votes` (such as `5/8`), `gold_was`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from nemoflow.answers.boxed import balanced
from nemoflow.answers.voting import Ballot, Same
from nemoflow.errors import InputError
from nemoflow.records import Problem, Trace


@dataclass
class Votes:
    """What a problem's traces say."""

    ballot: Ballot
    asked: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)


def count_votes(traces: Iterable[Trace], same: Same) -> dict[str, Votes]:
    """Votes by problem. A trace without a box, or an endpoint's error, is asked but does not vote."""
    votes: dict[str, Votes] = {}
    for row, trace in enumerate(traces, 1):
        if trace.verdict is None:
            raise InputError(f"traces: row {row}: trace {trace.id!r} has no verdict; wire the output of `verify`")
        of_problem = votes.setdefault(trace.problem_id, Votes(Ballot(same)))
        answer = balanced(trace.response) if trace.error is None else None
        of_problem.asked += 1
        if answer is not None:
            of_problem.verdicts[trace.verdict.verdict] += 1
            of_problem.ballot.add(answer, trace.id)
    return votes


def repair(problem: Problem, votes: Votes | None, min_votes: int) -> tuple[Problem, str]:
    """The problem with the gold that it should have, and what was done: kept, filled, repaired, or why not."""
    leader = votes.ballot.leader if votes is not None else None
    if problem.gold is not None and (votes is None or votes.verdicts["right"] or votes.verdicts["unclear"] or not votes.verdicts):
        return problem, "kept"
    if votes is None or leader is None or leader.votes < min_votes:
        return problem, "contradicted" if problem.gold is not None else "no-majority"
    by = "majority" if problem.gold is None else "repaired"
    was = {} if problem.gold is None else {"gold_was": problem.gold}
    meta = {**problem.meta, "gold_by": by, "gold_votes": f"{leader.votes}/{votes.asked}", **was}
    return problem.model_copy(update={"gold": leader.answer, "meta": meta}), "filled" if by == "majority" else "repaired"
