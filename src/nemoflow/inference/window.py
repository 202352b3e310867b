"""How many requests are in flight: up while the server gives more for it, down when it says that it is too much.

What an LLM server does with more requests: first its batch grows and so does what comes out per second; then it queues, and only the
waiting grows. So each turn of the window compares what came out with the turn before:

- *rising*: twice as many, as long as that brings at least `WORTH` more; else back to what was enough.
- *steady*: every `PROBE_TURNS` turns a little more is tried, and kept where it brings something.
- 429 or 503 for `MANY` of a turn's requests: three quarters of it, at most once a `CALM_S`, so that one bad moment is not counted many
  times; then back up by an eighth a turn. Fewer are the server's noise: their requests are asked again, the window stays.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

WORTH = 1.15
PROBE_TURNS = 8
CUT = 0.75
MANY = 0.1
CALM_S = 1.0


class Window:
    """Slots for requests, at most `most`, beginning with `start`."""

    def __init__(self, most: int, start: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self.limit = min(most, start or most)
        self.in_flight = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._rising = self.limit < most
        self._before: tuple[int, float] | None = None
        self._steady_turns = 0
        self._presses = self._regained = 0
        self._pressed_at = float("-inf")
        self._begin()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One request's place; waits in line for it."""
        await self._enter()
        try:
            yield
        finally:
            self.in_flight -= 1
            self._admit()

    async def _enter(self) -> None:
        if self.in_flight < self.limit and not self._queue:
            self.in_flight += 1
            return
        self._was_full = True
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # admitted in the very moment
                self.in_flight -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._queue and self.in_flight < self.limit:
            place = self._queue.popleft()
            if not place.done():
                self.in_flight += 1
                place.set_result(None)

    def answered(self, work: float = 1.0) -> None:
        """A request came back with so much work done, in tokens; turns the window when it is time."""
        self._finished += 1
        self._work += work
        if self._finished >= self.limit:
            self._turn()

    def pressed(self) -> None:
        """The server says that it is too much."""
        self._presses += 1
        now = self._clock()
        if self._presses < max(2, self.limit * MANY) or now - self._pressed_at < CALM_S:
            return
        self._pressed_at, self._presses, self._regained = now, 0, self.limit
        self._rising, self._before, self._steady_turns = False, None, 0
        self._set(int(self.limit * CUT))

    def _turn(self) -> None:
        """Judge the turn that ends; one in which nobody had to wait says nothing about the limit."""
        rate = self._work / max(self._clock() - self._begun, 1e-9)
        if self._was_full:
            if self._before is not None:
                self._judge(*self._before, rate)
            elif self.limit < self._regained:
                self._set(min(self._regained, self.limit + max(1, self.limit // 8)))
            elif self._rising or self._steady_turns >= PROBE_TURNS:
                self._try_more(rate)
            else:
                self._steady_turns += 1
        self._begin()

    def _judge(self, limit: int, before: float, rate: float) -> None:
        """Whether the step up from `limit` was worth it."""
        bar = WORTH if self._rising else 1 + (WORTH - 1) * (self.limit - limit) / limit
        self._before = None
        if rate < before * bar:
            self._rising, self._steady_turns = False, 0
            self._set(limit)
        else:
            self._try_more(rate)

    def _try_more(self, rate: float) -> None:
        self._steady_turns = 0
        if self.limit < self._most:
            self._before = (self.limit, rate)
            self._set(self.limit * 2 if self._rising else self.limit + max(1, self.limit // 8))

    def _set(self, limit: int) -> None:
        self.limit = max(1, min(limit, self._most))
        self._admit()

    def _begin(self) -> None:
        self._begun, self._finished, self._work, self._was_full = self._clock(), 0, 0.0, bool(self._queue)
        self._presses = 0
