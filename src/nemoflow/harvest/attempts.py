"""Which attempts a harvest makes: the chosen problems, their samples, and the key of each.

Nothing is kept: problems are read again whenever they are needed, so a plan of a million attempts takes no more memory than one of ten.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import xxhash

from nemoflow.errors import ConfigError, InputError
from nemoflow.inference.fleet import teacher_of
from nemoflow.inference.keys import request_seed, trace_id
from nemoflow.inference.request import Patience, Sampling, model_name
from nemoflow.inference.teachers import Endpoint
from nemoflow.models.families import Effort, thinking
from nemoflow.prompts.form import Form
from nemoflow.prompts.teacher import ask
from nemoflow.records import Message, Problem


@dataclass(frozen=True)
class Attempt:
    """One request to make. `id` is the key of its trace."""

    id: str
    problem: Problem
    sample: int
    messages: tuple[Message, ...]
    seed: int
    teacher: Endpoint
    sampling: Sampling
    extra: Mapping[str, Any]
    """Further fields of the request's JSON, such as how hard to think."""


Group = tuple[Attempt, ...]
"""All attempts at one problem, in the order in which their traces stand in the output."""


class Groups(Protocol):
    """A plan: the groups, each time it is iterated."""

    def __iter__(self) -> Iterator[Group]:
        """Begin anew."""
        ...


@dataclass(frozen=True)
class Asking:
    """Whom to ask, how, and what its traces are called."""

    endpoint: Endpoint
    sampling: Sampling
    patience: Patience
    source: Literal["teacher", "rationalized"] = "teacher"

    @property
    def model(self) -> str:
        """Model and revision, as its traces carry it; of a mix all of them with their weights."""
        teachers = self.endpoint.teachers
        names = [model_name(teacher.model, teacher.revision) for teacher in teachers]
        return names[0] if len(names) == 1 else "+".join(f"{name}*{t.weight:g}" for name, t in zip(names, teachers, strict=True))


class Chosen:
    """The first so many problems of each named category that belong to this shard, in the order of the set; all where none is named.

    InputError where the set is empty or an id comes twice, ConfigError where a named category has no problem; both on making.
    """

    def __init__(
        self, problems: Callable[[], Iterable[Problem]], limits: Mapping[str, int], holds: Callable[[str], bool] = lambda problem_id: True
    ) -> None:
        self._problems, self._limits, self._holds = problems, limits, holds
        self.count = 0
        """Problems of this shard."""
        known = self._look_through()
        for name in limits:
            if name not in known:
                raise ConfigError(f"categories.{name}: no problem has this category; known: {', '.join(sorted(known))}")

    def _look_through(self) -> set[str]:
        """Every category, each counted as far as it is wanted; ids are compared by hashes, 8 bytes a problem."""
        hashes = bytearray()
        taken: Counter[str] = Counter()
        for problem in self._problems():
            hashes += xxhash.xxh3_64_digest(problem.id.encode())
            taken[problem.category] += 1
            self.count += self._is_taken(problem, taken)
        if not hashes:
            raise InputError("problems: the set is empty; at least one problem is right")
        found = np.frombuffer(bytes(hashes), dtype=np.uint64)
        if len(np.unique(found)) != len(found):
            self._name_the_repeated()
        return set(taken)

    def _name_the_repeated(self) -> None:
        rows: dict[str, int] = {}
        for row, problem in enumerate(self._problems(), 1):
            first = rows.setdefault(problem.id, row)
            if first != row:
                what = f"id {problem.id!r} is also that of row {first}"
                raise InputError(f"problems: row {row}: {what}; each problem needs an id of its own")

    def _is_taken(self, problem: Problem, taken: Counter[str]) -> bool:
        wanted = not self._limits or taken[problem.category] <= self._limits.get(problem.category, 0)
        return wanted and self._holds(problem.id)

    def __iter__(self) -> Iterator[Problem]:
        taken: Counter[str] = Counter()
        for problem in self._problems():
            taken[problem.category] += 1
            if self._is_taken(problem, taken):
                yield problem


@dataclass(frozen=True)
class Plan:
    """All attempts at the problems: for each effort so many samples; an iterable that begins anew each time."""

    problems: Iterable[Problem]
    samples: int
    asking: Asking
    seed: int
    system: str = ""
    efforts: tuple[Effort, ...] = ()
    form: Form | None = None
    """What stands around a statement where it is not the contest's own; its system message is `system`."""

    def __iter__(self) -> Iterator[Group]:
        for problem in self.problems:
            yield tuple(
                attempt(problem, sample, self._messages(problem), self.asking, self.seed, effort)
                for effort in self.efforts or ("",)
                for sample in range(self.samples)
            )

    def _messages(self, problem: Problem) -> tuple[Message, ...]:
        if self.form is None:
            return ask(problem.statement, self.system)
        return self.form.model_copy(update={"system": self.system}).messages(problem.statement)


def attempt(
    problem: Problem, sample: int, messages: tuple[Message, ...], asking: Asking, seed: int, effort: Effort | Literal[""] = ""
) -> Attempt:
    """One attempt with its key and its seed."""
    teacher = teacher_of(asking.endpoint, problem.id, sample)
    told = thinking(teacher.model, effort)
    sampling = replace(asking.sampling, mode=_mode(effort, asking.sampling.mode)) if effort else asking.sampling
    if told.system:
        messages = (Message(role="system", content=_with_system(told.system, messages)), *_without_system(messages))
    key = trace_id(problem, messages, model_name(teacher.model, teacher.revision), sampling, seed, sample)
    return Attempt(key, problem, sample, messages, request_seed(seed, sample), teacher, sampling, told.body)


def _mode(effort: str, tools: str) -> str:
    return f"{effort}+{tools}" if tools else effort


def _with_system(told: str, messages: tuple[Message, ...]) -> str:
    own = messages[0].content if messages[0].role == "system" else ""
    return f"{told}\n\n{own}" if own else told


def _without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return messages[1:] if messages[0].role == "system" else messages
