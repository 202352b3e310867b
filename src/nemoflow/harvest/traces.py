"""Asks a teacher for traces: plans the attempts, sends the ones that no earlier run has made, and keeps each as it comes.

Results stand in the order of the plan, whatever order they came in. A request that fails on its own is a trace with an
`error`; an endpoint that fails for all ends the step, with what came back until then already kept.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from nemoflow.answers.competition import boxed_answer
from nemoflow.errors import ConfigError, InputError, ProviderError, ProviderRefused, Stopped
from nemoflow.inference.client import ChatClient, RequestRefused, Unreachable
from nemoflow.inference.ledger import Ledger, request_seed, trace_id
from nemoflow.inference.request import Patience, Sampling, model_name
from nemoflow.inference.teachers import Endpoint
from nemoflow.prompts.teacher import ask
from nemoflow.records import Message, Problem, Trace, with_unique_ids

SHARE_FLOOR = 32
"""While others are still awaited, a share of fewer says little: with 10 % allowed, 3 may fail before the 32nd has finished."""
WATCH_S = 0.1
"""Seconds between looks at the stop signal and at what waits to be committed."""


@dataclass(frozen=True)
class Attempt:
    """One request to make. `id` is the key of its trace."""

    id: str
    problem: Problem
    sample: int
    messages: tuple[Message, ...]
    seed: int


@dataclass(frozen=True)
class Harvest:
    """Traces in the order of the plan, and how many of them earlier runs had made."""

    traces: tuple[Trace, ...]
    reused: int
    unreadable: int = 0
    """Kept rows of another schema version; they were passed over and asked for again."""

    @property
    def failed(self) -> int:
        """Traces that hold an error instead of a response."""
        return sum(trace.error is not None for trace in self.traces)

    @property
    def figures(self) -> dict[str, int]:
        """What a manifest says of it; tokens count all traces, those of earlier runs too."""
        return {
            "traces": len(self.traces),
            "reused": self.reused,
            "asked": len(self.traces) - self.reused,
            "failed": self.failed,
            "empty": sum(trace.error is None and not trace.response.strip() for trace in self.traces),
            "unreadable": self.unreadable,
            "cut_off": sum(trace.finish == "length" for trace in self.traces),
            "prompt_tokens": sum(trace.usage.prompt_tokens for trace in self.traces),
            "completion_tokens": sum(trace.usage.completion_tokens for trace in self.traces),
        }


class Health:
    """Tells an unlucky request from an endpoint that is down."""

    def __init__(self, max_share: float, max_in_a_row: int) -> None:
        self._max_share, self._max_in_a_row = max_share, max_in_a_row
        self._finished = self._failed = self._in_a_row = 0
        self._last: ProviderError | None = None
        self._all_refused = True

    def good(self, count: int = 1) -> None:
        """Requests were answered; those that earlier runs made count as well, so that a resumed run judges like an undisturbed one."""
        self._finished += count
        self._in_a_row = 0

    def bad(self, error: ProviderError) -> None:
        """A request failed for good; raises in the kind of `error` where that is one too many."""
        self._finished += 1
        self._failed += 1
        self._in_a_row += 1
        self._last = error
        self._all_refused &= isinstance(error, ProviderRefused)
        if self._in_a_row >= self._max_in_a_row:
            self._down(error, f"the last {self._in_a_row} requests all failed")
        if self._failed / max(self._finished, SHARE_FLOOR) > self._max_share:
            self._down(error, f"{self._failed} of {self._finished} requests failed (allowed: {self._max_share:.0%})")

    def end(self) -> None:
        """Judge the whole, by the share itself: however small the set, no more of it may have failed. So ends nothing that nobody answered.

        Raises ProviderError, or ProviderRefused where each failure was a refusal, which waiting does not cure.
        """
        if self._last is None:
            return
        kind = ProviderRefused if self._all_refused else ProviderError
        if self._failed == self._finished:
            raise kind(f"all of {self._finished} requests failed; the last failure: {self._last}")
        if self._failed / self._finished > self._max_share:
            self._down(kind(str(self._last)), f"{self._failed} of {self._finished} requests failed (allowed: {self._max_share:.0%})")

    def _down(self, error: ProviderError, what: str) -> None:
        kind = ProviderRefused if isinstance(error, ProviderRefused) else ProviderError
        raise kind(f"{what}; what was answered is kept; the last failure: {error}") from None


@dataclass(frozen=True)
class Asking:
    """Whom to ask, how, and what its traces are called."""

    endpoint: Endpoint
    sampling: Sampling
    patience: Patience
    source: Literal["teacher", "rationalized"] = "teacher"

    @property
    def model(self) -> str:
        """Model and revision, as its traces carry it."""
        return model_name(self.endpoint.model, self.endpoint.revision)


def select(problems: Iterable[Problem], limits: Mapping[str, int]) -> list[Problem]:
    """The first so many problems of each named category, in the order of the file; all of them where no limits are given."""
    every = list(with_unique_ids(problems, "problems"))
    if not every:
        raise InputError("problems: the set is empty; at least one problem is right")
    known = {problem.category for problem in every}
    for name in limits:
        if name not in known:
            raise ConfigError(f"categories.{name}: no problem has this category; known: {', '.join(sorted(known))}")
    if not limits:
        return every
    taken: dict[str, int] = {}
    kept = []
    for problem in every:
        taken[problem.category] = taken.get(problem.category, 0) + 1
        if taken[problem.category] <= limits.get(problem.category, 0):
            kept.append(problem)
    return kept


def plan(problems: Iterable[Problem], samples: int, asking: Asking, seed: int, system: str) -> list[Attempt]:
    """All attempts, in the order of the problems, then of the samples."""
    attempts = []
    for problem in problems:
        messages = ask(problem.statement, system)
        attempts += [attempt(problem, sample, messages, asking, seed) for sample in range(samples)]
    return attempts


def attempt(problem: Problem, sample: int, messages: tuple[Message, ...], asking: Asking, seed: int) -> Attempt:
    """One attempt with its key and its seed."""
    key = trace_id(problem, messages, asking.model, asking.sampling, seed, sample)
    return Attempt(key, problem, sample, messages, request_seed(seed, sample))


def harvest(
    attempts: Sequence[Attempt],
    asking: Asking,
    ledger: Ledger,
    health: Health,
    stopping: Callable[[], bool] = lambda: False,
    on_trace: Callable[[Trace], None] = lambda trace: None,
) -> Harvest:
    """Find what is known, ask for the rest; where nothing is missing, nobody is asked.

    Raises Stopped, ProviderError or ProviderRefused with every finished trace committed.
    """
    found = ledger.find({attempt.id for attempt in attempts})
    known = {attempt.id: _restamped(found[attempt.id], attempt.problem) for attempt in attempts if attempt.id in found}
    missing = [attempt for attempt in attempts if attempt.id not in known]
    for trace in known.values():
        on_trace(trace)
    health.good(len(known))
    made = asyncio.run(_ask_all(missing, asking, ledger, health, stopping, on_trace)) if missing else {}
    health.end()
    traces = known | made
    return Harvest(tuple(traces[attempt.id] for attempt in attempts), reused=len(known), unreadable=ledger.unreadable)


def _restamped(trace: Trace, problem: Problem) -> Trace:
    """A kept trace under today's category: that is no part of its key, and a set may have been sorted anew."""
    return trace if trace.category == problem.category else trace.model_copy(update={"category": problem.category})


async def _ask_all(
    attempts: Sequence[Attempt],
    asking: Asking,
    ledger: Ledger,
    health: Health,
    stopping: Callable[[], bool],
    on_trace: Callable[[Trace], None],
) -> dict[str, Trace]:
    made: dict[str, Trace] = {}
    queue = iter(attempts)
    try:
        async with ChatClient(asking.endpoint, asking.patience) as client, asyncio.TaskGroup() as group:
            watch = group.create_task(_watch(ledger, stopping))

            async def work(queue: Iterator[Attempt]) -> None:
                for attempt in queue:
                    trace = await _trace(client, attempt, asking, health)
                    if trace.error is None:
                        ledger.add(trace)
                    made[trace.id] = trace
                    on_trace(trace)

            workers = [group.create_task(work(queue)) for _ in islice(attempts, asking.patience.concurrency)]
            await asyncio.wait(workers)
            watch.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        ledger.store(ledger.take())
    return made


async def _watch(ledger: Ledger, stopping: Callable[[], bool]) -> None:
    """Commits parts when they are due, in a thread so that requests go on, and ends all work once the run is asked to stop."""
    while True:
        await asyncio.sleep(WATCH_S)
        if stopping():
            raise Stopped("asked to stop while asking the teacher; finished traces are kept")
        if ledger.is_due:
            await asyncio.to_thread(ledger.store, ledger.take())


async def _trace(client: ChatClient, attempt: Attempt, asking: Asking, health: Health) -> Trace:
    """One attempt as a trace. What ends the step at once: a refusal that holds for every request, and nobody at the URL.

    An answer that says nothing is an answer: asking again with its seed would give it again. It is kept, counted (`empty`), and `filter`
    drops it as `empty-response`.
    """
    try:
        (completion,) = await client.complete(attempt.messages, asking.sampling, attempt.seed)
    except Unreachable:
        raise
    except ProviderError as error:
        if isinstance(error, ProviderRefused) and not isinstance(error, RequestRefused):
            raise
        health.bad(error)
        return _blank(attempt, asking, finish="error", error=str(error))
    health.good()
    return _blank(attempt, asking).model_copy(
        update={
            "response": completion.text,
            "answer": boxed_answer(completion.text),
            "finish": completion.finish,
            "usage": completion.usage,
            "seconds": round(completion.seconds, 3),
        }
    )


def _blank(attempt: Attempt, asking: Asking, finish: str = "stop", error: str | None = None) -> Trace:
    return Trace(
        id=attempt.id,
        problem_id=attempt.problem.id,
        sample=attempt.sample,
        category=attempt.problem.category,
        source=asking.source,
        model=asking.model,
        messages=attempt.messages,
        response="",
        finish=finish,
        error=error,
    )
