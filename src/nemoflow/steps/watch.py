"""Rows on their way through a step, counted for whoever watches, and ended where the run is asked to stop."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from nemoflow.errors import Stopped
from nemoflow.flow.step import Context

R = TypeVar("R")

EVERY = 256
"""Rows between two looks at the clock and at the stop signal."""


def watched(rows: Iterable[R], label: str, context: Context) -> Iterator[R]:
    """The same rows; raises Stopped between two of them once the run was asked to stop."""
    context.progress.start(label)
    count = 0
    for count, row in enumerate(rows, 1):
        if count % EVERY == 0:
            context.progress.advance(EVERY)
            if context.stopping():
                raise Stopped(f"{label}: asked to stop after {count} rows; it starts again from its inputs")
        yield row
    context.progress.advance(count % EVERY)
