"""The moment when no answers come: the time for whatever a request need not wait for.

Many requests that left together are answered together, and the next ones leave as soon as the answers are read. Whatever else is done
just then (a trace made, the next prompt written, a row kept) keeps them all waiting; done a moment later, it costs nobody anything.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET_S = 0.003
"""So long without an answer is a lull: longer than answers of one burst lie apart, much shorter than a generation."""


class Lull:
    """Knows when the last answer came."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def broken(self) -> None:
        """An answer came."""
        self._last = time.monotonic()

    async def wait(self, at_most_s: float, is_pressing: Callable[[], bool] = lambda: False) -> None:
        """Until answers stop coming, or `is_pressing()`, or time is up."""
        begun = now = time.monotonic()
        while not is_pressing():
            slept = now
            await asyncio.sleep(QUIET_S)
            now = time.monotonic()
            is_idle = now - slept < 2 * QUIET_S  # else the loop had more to do than to wake this one
            if (is_idle and now - self._last >= QUIET_S) or now - begun >= at_most_s:
                return

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Leaves most of the garbage collection to `collect`, which is for lulls, and what was there before out of all of it.

        A request leaves some hundred objects, so the interpreter would look through the young ones 70 times for 1,000 requests and
        now and then through everything, most often while answers come: a tenth of the time of a harvest at 1,200 requests a second.
        """
        before = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(100 * before[0], *before[1:])  # still a bound, should no lull come
        try:
            yield
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()

    def collect(self) -> None:
        """Let go of what is garbage since the last time."""
        gc.collect(0)
