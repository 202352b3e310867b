"""Rows on their way through a step, counted for whoever watches, and ended where the run is asked to stop."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from nemoflow.errors import InputError, Stopped
from nemoflow.flow.step import Context, InputArtifact

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


def filled(artifact: InputArtifact) -> Iterator[Any]:
    """The rows of an input that means nothing without any; InputError names its address where there are none."""
    count = 0
    for count, row in enumerate(artifact.rows(), 1):  # noqa: B007
        yield row
    if not count:
        raise InputError(f"{artifact.address}: the input {artifact.name} holds no rows; at least one of {artifact.kind.name} is right")


def filled_where_handed_in(artifact: InputArtifact) -> Iterator[Any]:
    """The same for a file that a user names. What a filter left of its rows may be nothing: `mix` says so, with the reasons."""
    return filled(artifact) if artifact.manifest is None else artifact.rows()
