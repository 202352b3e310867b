"""One problem's samples under way: who is still asked, and when enough is enough.

The rest is cancelled, at the server too, when `agree` of them verified as equal, when no more than `stragglers` are still out, or when
the problem's time is up. What has come by then is kept; what was cancelled leaves no trace.
"""

import asyncio
from dataclasses import dataclass

from nemoflow.answers.boxed import balanced
from nemoflow.answers.voting import Ballot, Same
from nemoflow.records import Trace


@dataclass(frozen=True)
class Enough:
    """When a problem needs no more samples; the default asks for all of them."""

    agree: int = 0
    """So many equal answers; 0 never."""
    stragglers: int = 0
    """So many of the samples are not waited for."""


@dataclass
class Ended:
    """How problems ended."""

    agreed: int = 0
    """Problems that were stopped by agreement."""
    left_behind: int = 0
    """Problems whose stragglers were cancelled."""
    out_of_time: int = 0
    """Problems whose time was up."""
    unneeded: int = 0
    """Samples that were not asked or cancelled."""


class Round:
    """The samples of one problem."""

    def __init__(self, samples: int, enough: Enough, same: Same | None, ended: Ended) -> None:
        self._samples, self._enough, self._ended = samples, enough, ended
        self._ballot = Ballot(same) if same is not None and enough.agree else None
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished = 0
        self.is_over = False

    def began(self, task: asyncio.Task[None]) -> None:
        """A sample is being asked for."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def came(self, trace: Trace) -> None:
        """A sample is there, from now or from an earlier run."""
        self._finished += 1
        if self.is_over:
            return
        if self._ballot is not None and await self._votes(trace) >= self._enough.agree:
            self._ended.agreed += not self.is_over
            self.end()
        elif self._enough.stragglers and self._finished < self._samples <= self._finished + self._enough.stragglers:
            self._ended.left_behind += not self.is_over
            self.end()

    async def _votes(self, trace: Trace) -> int:
        answer = balanced(trace.response) if trace.error is None else None
        if self._ballot is None or answer is None:
            return 0
        async with self._turn:  # symbols may take seconds to compare: others go on meanwhile
            return (await asyncio.to_thread(self._ballot.add, answer, trace.id)).votes

    def end(self) -> None:
        """Nothing more is needed."""
        self.is_over = True
        current = asyncio.current_task()
        for task in list(self._tasks):
            if task is not current:
                task.cancel()

    async def wait(self, seconds: float) -> None:
        """Until all samples are there, or time is up."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            if late and not self.is_over:
                self._ended.out_of_time += 1
                self.end()
                await asyncio.wait(late)
