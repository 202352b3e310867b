"""The step `filter`: drops the traces that are not worth learning from, each with its reason."""

from collections.abc import Iterator
from itertools import chain
from typing import Self

from pydantic import Field, model_validator

from nemoflow.artifacts import Traces
from nemoflow.config import Config
from nemoflow.curate.decision import part
from nemoflow.curate.filters import (
    Check,
    came_back,
    capped,
    decide,
    ends_at_box,
    has_box,
    has_think_block,
    is_complete,
    keeps_its_secret,
    length_within,
    repeats_at_most,
    says_something,
    verdict_is_right,
)
from nemoflow.curate.statements import Statements
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.records import Trace
from nemoflow.steps.watch import filled, watched


class FilterConfig(Config):
    """Options of `filter`."""

    only_right: bool = True
    """Drop what is not verified as right; public solutions count as right by their own answer."""
    min_chars: int = Field(200, ge=0)
    """Shortest response, in characters, thinking included."""
    max_chars: int | None = Field(None, ge=1)
    """Longest response, in characters; none by default."""
    require_think: bool = True
    """Drop responses without one closed thinking block that holds something."""
    require_box: bool = True
    """Drop responses without an answer in a box after the thinking."""
    require_end_at_box: bool = True
    """Drop responses with words after the box; closing marks such as `$` or `.` may stand there."""
    require_complete: bool = True
    """Drop responses that were cut off at the token limit."""
    max_repetition: float = Field(0.5, ge=0, le=1)
    """Largest share of runs of ten words that occurred before in the same response; 1 lets all pass."""
    refuse_hint_leaks: bool = True
    """Drop rationalized traces that speak of the answer they were told."""
    max_per_problem: int | None = Field(None, ge=1)
    """Most traces of one problem, the shortest first; no limit by default."""

    @model_validator(mode="after")
    def _some_length_passes(self) -> Self:
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError(f"max_chars {self.max_chars} is less than min_chars {self.min_chars}, so that no response could pass")
        return self

    def checks(self) -> list[Check]:
        """The checks asked for; the first that fails names the reason."""
        wanted: list[tuple[bool, Check]] = [
            (True, came_back),
            (True, says_something),
            (self.require_complete, is_complete),
            (self.only_right, verdict_is_right),
            (self.require_think, has_think_block),
            (self.require_box, has_box),
            (self.require_end_at_box, ends_at_box),
            (True, length_within(self.min_chars, self.max_chars)),
            (self.max_repetition < 1, repeats_at_most(self.max_repetition)),
            (self.refuse_hint_leaks, keeps_its_secret),
        ]
        return [check for is_wanted, check in wanted if is_wanted]


def run(config: FilterConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Decide trace by trace, then cap."""

    def traces() -> Iterator[Trace]:
        agreed = Statements()
        sets = {"traces": filled(inputs["traces"])} | {name: inputs[name].rows() for name in ("rationalized", "public") if name in inputs}
        rows = chain.from_iterable(agreed.agreeing(rows, inputs[name].address) for name, rows in sets.items())
        return (trace for trace in rows if context.shard.holds(trace.problem_id))

    decisions = decide(watched(traces(), "filter", context), config.checks())
    if config.max_per_problem is not None:
        decisions = capped(decisions, traces(), config.max_per_problem)
    with outputs["kept"].writer() as kept, outputs["rejected"].writer() as rejected:
        tally = part(decisions, kept.add, rejected.add)
    return Outcome(metrics={"kept": tally.kept, "dropped": tally.dropped}, rows_in=tally.total, dropped=dict(tally.reasons))


FILTER = Step(
    name="filter",
    version=2,
    config=FilterConfig,
    run=run,
    inputs={"traces": Traces, "rationalized": Optional(Traces), "public": Optional(Traces)},
    outputs={"kept": Traces, "rejected": Traces},
    sharded=True,
)
