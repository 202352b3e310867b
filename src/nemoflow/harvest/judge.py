"""A model as a judge of what rules could not settle: are the answer and the gold the same?

Judges favour what stands first, so each pair is asked in both orders, and only where both say the same it is a judgement; all else is
`unclear` and changes nothing. A pair is asked once, however many traces gave that answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from nemoflow.harvest.attempts import Asking, Attempt, Group, attempt
from nemoflow.prompts.judge import Judgement, ask_judge, read_judgement
from nemoflow.records import Problem, Trace, Verdict

Pair = tuple[str, str]
"""Problem's id and the answer that was given."""


@dataclass
class Questions:
    """What is asked: for each pair one question, or one in each order."""

    asking: Asking
    seed: int
    system: str = ""
    both_orders: bool = True
    groups: dict[Pair, Group] = field(default_factory=dict)

    def add(self, trace: Trace, problem: Problem) -> None:
        """Ask about a trace's answer, where that is not asked already."""
        pair = pair_of(trace)
        if pair is None or problem.gold is None or pair in self.groups:
            return
        orders = [(problem.gold, pair[1]), (pair[1], problem.gold)][: 2 if self.both_orders else 1]
        self.groups[pair] = tuple(self._attempt(problem, place, *order) for place, order in enumerate(orders))

    def _attempt(self, problem: Problem, place: int, one: str, other: str) -> Attempt:
        messages = ask_judge(problem.statement, one, other, self.system)
        return attempt(problem, place, messages, self.asking, self.seed)

    def judgements(self, answered: Iterable[Trace]) -> dict[Pair, Judgement]:
        """What was said of each pair."""
        said = {trace.id: read_judgement(trace.response) if trace.error is None else "unclear" for trace in answered}
        return {pair: agreed([said.get(attempt.id, "unclear") for attempt in group]) for pair, group in self.groups.items()}


def pair_of(trace: Trace) -> Pair | None:
    """What a trace is judged by; None where it holds no answer."""
    answer = trace.verdict.extracted if trace.verdict is not None else trace.answer
    return (trace.problem_id, answer) if answer and trace.error is None else None


def agreed(said: list[Judgement]) -> Judgement:
    """What all of them say; `unclear` where they differ."""
    return said[0] if said and len(set(said)) == 1 else "unclear"


def settle(trace: Trace, judgement: Judgement) -> Trace:
    """The trace under the judge's verdict; where it was unclear, under the old one, and the reason says so."""
    verdict = trace.verdict
    if verdict is None:
        return trace
    if judgement == "unclear":
        reason = "; ".join(filter(None, (verdict.reason, "the judge could not tell")))
        return trace.model_copy(update={"verdict": verdict.model_copy(update={"reason": reason})})
    was = f"was {verdict.verdict} by {verdict.rule}"
    outcome: Verdict = verdict.model_copy(update={"verdict": "right" if judgement == "yes" else "wrong", "rule": "judge", "reason": was})
    return trace.model_copy(update={"verdict": outcome})
