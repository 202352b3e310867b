"""What an evaluation asks: a problem, in a mode, for the how-manieth time, in a form. All engines take their prompts from here.

A sample is numbered over all repeats: repeat r of k samples has the numbers r * k to r * k + k - 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import xxhash

from nemoflow.answers.boxed import Revision
from nemoflow.answers.competition import boxed_answer
from nemoflow.prompts.form import Form
from nemoflow.records import Message, Problem, Trace, Usage

CONTEST = Form()


@dataclass(frozen=True)
class Ask:
    """One attempt to make."""

    problem: Problem
    mode: str = ""
    """Empty is the contest's own message."""
    sample: int = 0
    form: Form = CONTEST

    @property
    def messages(self) -> tuple[Message, ...]:
        """The turns to answer."""
        return self.form.messages(self.problem.statement, self.mode)


@dataclass(frozen=True)
class Drawing:
    """How an answer is drawn; the default is greedy."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    @property
    def is_greedy(self) -> bool:
        """Whether the most likely token is taken."""
        return self.temperature == 0

    def seed_of(self, ask: Ask) -> int:
        """Of one attempt, 63 bits: it depends on the problem and the sample alone, so batches and kills change nothing."""
        parts = (str(self.seed), ask.problem.id, ask.mode, str(ask.sample))
        return xxhash.xxh3_64_intdigest("\0".join(parts).encode()) & (2**63 - 1)


def plan(problems: Sequence[Problem], modes: Sequence[str] = ("",), samples: int = 1, form: Form = CONTEST) -> list[Ask]:
    """Every attempt: mode by mode, problem by problem, all samples of one together."""
    return [Ask(problem, mode, sample, form) for mode in modes for problem in problems for sample in range(samples)]


@dataclass(frozen=True)
class Answered:
    """What an engine made of an ask."""

    text: str
    finish: str
    """`stop`, or `length` where it was cut off."""
    prompt_tokens: int
    completion_tokens: int
    meta: dict[str, Any] = field(default_factory=dict)


def trace_of(ask: Ask, key: str, model: str, answered: Answered, revision: Revision) -> Trace:
    """The row that is kept of an attempt, the same from every engine."""
    return Trace(
        id=key,
        problem_id=ask.problem.id,
        sample=ask.sample,
        category=ask.problem.category,
        source="student",
        model=model,
        messages=ask.messages,
        response=answered.text,
        answer=boxed_answer(answered.text, revision),
        finish=answered.finish,
        usage=Usage(prompt_tokens=answered.prompt_tokens, completion_tokens=answered.completion_tokens),
        meta={"mode": ask.mode, **answered.meta} if ask.mode else answered.meta,
    )


def key_of(ask: Ask, model: str, max_new_tokens: int, drawing: Drawing, *more: Any) -> str:
    """Key of an attempt: a hash of all that decides it. What says nothing is left out, so that keys made before stay."""
    parts: list[Any] = [ask.problem.id, ask.problem.statement, model, max_new_tokens]
    if ask.mode:
        parts.append(ask.mode)
    parts += [part for part in more if part]
    if ask.sample or not drawing.is_greedy:
        parts.append({"sample": ask.sample, **({} if drawing.is_greedy else vars(drawing))})
    if not ask.form.is_contest:
        parts.append(ask.form.model_dump(mode="json"))
    return xxhash.xxh3_128_hexdigest(orjson.dumps(parts))
