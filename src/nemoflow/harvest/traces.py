"""Asks a teacher for traces: sends the attempts that no earlier run has made, and keeps each as it comes.

Results stand in the order of the plan, whatever order they came in. A request that fails on its own is a trace with an
`error`; an endpoint that fails for all ends the step, with what came back until then already kept. Nothing here grows with the number
of attempts: the ledger holds what is done, the plan says what is next.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from nemoflow.answers.competition import boxed_answer
from nemoflow.answers.voting import Same
from nemoflow.errors import ProviderError, ProviderRefused, Stopped
from nemoflow.harvest.attempts import Asking, Attempt, Group, Groups
from nemoflow.harvest.clock import Clock
from nemoflow.harvest.health import Health
from nemoflow.harvest.lull import Lull
from nemoflow.harvest.respond import Respond, once
from nemoflow.harvest.rounds import Ended, Enough, Round
from nemoflow.inference.client import RequestRefused, Unreachable
from nemoflow.inference.fleet import Fleet
from nemoflow.inference.ledger import Ledger
from nemoflow.inference.request import Reply, model_name
from nemoflow.inference.tally import Tally
from nemoflow.records import Problem, Trace

WATCH_S = 0.05
"""Seconds between looks at the stop signal and at what waits to be kept."""
PATIENCE_S = 0.1
"""How long what is not pressing waits for a lull at most; so much more may be lost by a kill."""
TOGETHER = 512
"""Attempts that the ledger is asked about at once, and answers that become traces at once; others have a chance to run in between."""


@dataclass(frozen=True)
class Course:
    """How a harvest goes beyond asking for everything."""

    respond: Respond = once
    enough: Enough = field(default_factory=Enough)
    same: Same | None = None
    """Which answers are one; needed for `enough.agree`."""
    beside: AbstractAsyncContextManager[object] | None = None
    """Open while teachers are asked, such as the sandbox that `respond` uses."""
    clock: Clock | None = None
    """Where there is one, problems are asked one after the other, each as long as it allows."""


class Harvest:
    """The traces in the order of the plan, read from the ledger whenever it is iterated; counts are of the last iteration."""

    def __init__(self, groups: Groups, ledger: Ledger, reused: int, tally: Tally, ended: Ended) -> None:
        self._groups, self._ledger, self._tally, self._ended = groups, ledger, tally, ended
        self._reused = reused
        self._counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Trace]:
        self._counts = Counter()
        for group in self._groups:
            for attempt in group:
                trace = self._ledger.find(attempt.id)
                if trace is not None:
                    self._count(trace)
                    yield _restamped(trace, attempt.problem)

    def _count(self, trace: Trace) -> None:
        self._counts.update(
            traces=1,
            failed=trace.error is not None,
            empty=trace.error is None and not trace.response.strip(),
            cut_off=trace.finish == "length",
            prompt_tokens=trace.usage.prompt_tokens,
            completion_tokens=trace.usage.completion_tokens,
        )
        for repair in trace.meta.get("repairs", ()):
            self._counts[f"repaired.{repair}"] += 1

    @property
    def failed(self) -> int:
        """Traces that hold an error instead of a response."""
        return self._counts["failed"]

    @property
    def figures(self) -> dict[str, int | float]:
        """What a manifest says of it; tokens count all traces, those of earlier runs too, the rest is of this process."""
        names = ("traces", "failed", "empty", "cut_off", "prompt_tokens", "completion_tokens")
        counts = {name: self._counts[name] for name in names}
        repaired = {name: count for name, count in sorted(self._counts.items()) if name.startswith("repaired.")}
        retries = {f"retries.{label}": count for label, count in sorted(self._tally.retries.items())}
        stopped = {name: count for name, count in vars(self._ended).items() if count}
        return {
            **counts,
            "reused": self._reused,
            "asked": counts["traces"] - self._reused,
            "unreadable": self._ledger.unreadable,
            **({"torn_parts": len(self._ledger.torn)} if self._ledger.torn else {}),
            **repaired,
            **stopped,
            **({"cancelled_tokens": self._tally.cancelled_tokens} if self._tally.cancelled_tokens else {}),
            **({"cost": round(self._tally.cost, 6)} if self._tally.cost else {}),
            **retries,
        }


def harvest(
    groups: Groups,
    asking: Asking,
    ledger: Ledger,
    health: Health,
    course: Course | None = None,
    stopping: Callable[[], bool] = lambda: False,
    advance: Callable[..., None] = lambda amount, **figures: None,
) -> Harvest:
    """Find what is known, ask for the rest; where nothing is missing, nobody is asked.

    `advance` is told of each finished trace, with figures of the whole. Raises Stopped, ProviderError or ProviderRefused with every
    finished trace committed.
    """
    count = ledger.expect(attempt.id for group in groups for attempt in group)
    ledger.gather()
    reused = ledger.count()
    health.good(reused)
    if reused:
        advance(reused)
    tally, ended = Tally(), Ended()
    if reused < count:
        tally = asyncio.run(_Asker(groups, asking, ledger, health, course or Course(), stopping, advance, ended).ask())
    health.end()
    return Harvest(groups, ledger, reused, tally, ended)


def _restamped(trace: Trace, problem: Problem) -> Trace:
    """A kept trace under today's category: that is no part of its key, and a set may have been sorted anew."""
    return trace if trace.category == problem.category else trace.model_copy(update={"category": problem.category})


class _Asker:
    """The asking of one harvest."""

    def __init__(
        self,
        groups: Groups,
        asking: Asking,
        ledger: Ledger,
        health: Health,
        course: Course,
        stopping: Callable[[], bool],
        advance: Callable[..., None],
        ended: Ended,
    ) -> None:
        self._groups, self._asking, self._ledger, self._health = groups, asking, ledger, health
        self._course, self._stopping, self._advance, self._ended = course, stopping, advance, ended
        self._places = asking.patience.concurrency * sum(len(teacher.places) for teacher in asking.endpoint.teachers)
        self._out: set[asyncio.Task[None]] = set()
        self._ended_one = asyncio.Event()
        self._is_filling = False
        self._answered: deque[_Answered] = deque()
        self._lull = Lull()
        self._begun = time.monotonic()

    async def ask(self) -> Tally:
        """All that is missing; what came is committed however it ends."""
        async with Fleet(self._asking.endpoint, self._asking.patience) as self._fleet, self._course.beside or nullcontext():
            try:
                with self._lull.collecting():
                    async with asyncio.TaskGroup() as self._tasks:
                        watch = self._tasks.create_task(self._watch())
                        await self._feed()
                        watch.cancel()
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            finally:
                while self._settle():
                    pass
                self._ledger.commit()
        return self._fleet.tally

    async def _watch(self) -> None:
        """Keeps what came, in a thread so that requests go on, and ends all work once the run is asked to stop."""
        while True:
            await asyncio.sleep(WATCH_S)
            if self._stopping():
                raise Stopped("asked to stop while asking the teacher; finished traces are kept")
            await self._lull.wait(PATIENCE_S)
            while self._settle():
                await asyncio.sleep(0)
            self._lull.collect()
            await asyncio.to_thread(self._ledger.keep)

    def _settle(self) -> bool:
        """Make traces of some of the answers; whether there were any."""
        count = min(len(self._answered), TOGETHER)
        for _ in range(count):
            self._ledger.add(self._made(self._answered.popleft()))
        if count:
            self._advance(count, **self._figures())
        return bool(count)

    async def _feed(self) -> None:
        """Group after group, as fast as there is room; returns when all are answered."""
        for groups in _together(self._groups):
            missing = set(self._ledger.missing([attempt.id for group in groups for attempt in group]))
            await asyncio.sleep(0)
            for group in groups:
                if not missing.isdisjoint(attempt.id for attempt in group):
                    await self._ask_group(group, missing)
        if self._out:
            await asyncio.wait(self._out)

    async def _ask_group(self, group: Group, missing: set[str]) -> None:
        current = Round(len(group), self._course.enough, self._course.same, self._ended)
        await self._recall(current, group, missing)
        begun = time.monotonic()
        for attempt in group:
            if attempt.id in missing:
                await self._begin(attempt, current)
        if self._course.clock is not None:
            await current.wait(self._course.clock.allow())
            self._course.clock.spend(time.monotonic() - begun)

    async def _recall(self, current: Round, group: Group, missing: set[str]) -> None:
        """Samples of earlier runs have a vote too."""
        if self._course.enough != Enough():
            for attempt in group:
                trace = None if attempt.id in missing else self._ledger.find(attempt.id)
                if trace is not None:
                    await current.came(trace)

    async def _begin(self, attempt: Attempt, current: Round) -> None:
        await self._wait_for_room()
        if current.is_over:
            self._ended.unneeded += 1
            return
        task = self._tasks.create_task(self._work(attempt, current))
        self._out.add(task)
        task.add_done_callback(self._left)
        current.began(task)

    async def _wait_for_room(self) -> None:
        """As many attempts as may be in flight are begun at once; as many again are made ready in a lull, or when few are ready still."""
        places = self._places
        self._is_filling &= len(self._out) < 2 * places
        if self._is_filling or len(self._out) < places:
            return
        while len(self._out) >= 2 * places:
            self._ended_one.clear()
            await self._ended_one.wait()
        await self._lull.wait(PATIENCE_S, lambda: len(self._out) <= places + places // 4)
        self._is_filling = True

    def _left(self, task: asyncio.Task[None]) -> None:
        self._out.discard(task)
        self._ended_one.set()

    async def _work(self, attempt: Attempt, current: Round) -> None:
        try:
            answered = await self._answer(attempt)
        except asyncio.CancelledError:
            self._ended.unneeded += current.is_over
            raise
        self._lull.broken()
        self._answered.append(answered)
        if self._course.enough != Enough():
            await current.came(self._made(answered))

    def _figures(self) -> dict[str, Any]:
        tally = self._fleet.tally
        rate = tally.completion_tokens / max(time.monotonic() - self._begun, 1e-9)
        cost = {"cost": round(tally.cost, 4)} if tally.cost else {}
        return {"in flight": self._fleet.in_flight, "tokens/s": round(rate), **cost}

    async def _answer(self, attempt: Attempt) -> "_Answered":
        """One attempt answered. What ends the step at once: a refusal that holds for every request, and nobody at the URL.

        An answer that says nothing is an answer: asking again with its seed would give it again. It is kept, counted (`empty`), and
        `filter` drops it as `empty-response`.
        """
        try:
            reply = await self._course.respond(self._fleet.chat(attempt.teacher), attempt)
        except Unreachable:
            raise
        except ProviderError as error:
            if isinstance(error, ProviderRefused) and not isinstance(error, RequestRefused):
                raise
            self._health.bad(error)
            return _Answered(attempt, error=str(error))
        self._health.good()
        return _Answered(attempt, reply)

    def _made(self, answered: "_Answered") -> Trace:
        attempt, reply = answered.attempt, answered.reply
        meta = {"mode": attempt.sampling.mode} if attempt.sampling.mode else {}
        come = (
            {"response": "", "finish": "error", "error": answered.error, "meta": meta}
            if reply is None
            else {
                "response": reply.text,
                "answer": boxed_answer(reply.text),
                "finish": reply.finish,
                "usage": reply.usage,
                "seconds": round(reply.seconds, 3),
                "meta": {**meta, **reply.meta},
            }
        )
        return Trace(
            id=attempt.id,
            problem_id=attempt.problem.id,
            sample=attempt.sample,
            category=attempt.problem.category,
            source=self._asking.source,
            model=model_name(attempt.teacher.model, attempt.teacher.revision),
            messages=attempt.messages,
            **come,
        )


@dataclass(frozen=True)
class _Answered:
    """What came of an attempt: a reply, or an error."""

    attempt: Attempt
    reply: Reply | None = None
    error: str | None = None


def _together(groups: Iterable[Group]) -> Iterator[list[Group]]:
    """Groups in lots of about `TOGETHER` attempts."""
    lot: list[Group] = []
    count = 0
    for group in groups:
        lot.append(group)
        count += len(group)
        if count >= TOGETHER:
            yield lot
            lot, count = [], 0
    if lot:
        yield lot
