"""What a step that trains hands to the trainer: where checkpoints go, who is told, who may stop it."""

from collections.abc import Callable
from typing import Any

from nemoflow.flow.step import Context


def surroundings(context: Context, doing: str, chart: str, shown: Callable[[dict[str, float]], dict[str, Any]]) -> Any:
    """`Surroundings` of a run.

    `doing` names the bar, `chart` the figure that is drawn, `shown` says what of a step's row stands beside it.
    """
    from nemoflow.training.course import Surroundings

    def started(steps: int, finished: int) -> None:
        context.progress.start(doing, steps, chart=chart)
        if finished:
            context.progress.note(f"resumed at step {finished} of {steps}")
            context.progress.advance(finished)

    return Surroundings(
        checkpoints=context.scratch.path(),
        saved=context.scratch.save,
        started=started,
        advanced=lambda row: context.progress.advance(1, **shown(row)),
        noted=context.progress.note,
        stopping=context.stopping,
    )
