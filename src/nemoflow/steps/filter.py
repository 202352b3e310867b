"""The step `filter`: drops the traces that are not worth learning from, each with its reason."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Annotated, Any, Self

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
from nemoflow.curate.pass_rate import Bounds, pass_rates, passes_rates
from nemoflow.curate.quality import (
    compresses_to_at_least,
    does_not_refuse,
    foreign_letters_at_most,
    has_steps,
    repeated_lines_at_most,
)
from nemoflow.curate.statements import Statements
from nemoflow.errors import ConfigError
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.flow.workflow import import_value
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
    max_repeated_lines: float = Field(0.5, ge=0, le=1)
    """Largest share of lines that stood before in the same response, of eight lines and more; 1 lets all pass."""
    min_compressed: float = Field(0.05, ge=0, le=1)
    """Smallest share of a response's bytes that zlib leaves, of 1000 bytes and more: loops leave little; 0 lets all pass."""
    max_foreign_letters: float = Field(0.1, ge=0, le=1)
    """Largest share of letters in scripts that the statement does not use; 1 lets all pass."""
    refuse_refusals: bool = True
    """Drop responses that apologise in place of an answer."""
    min_steps: int = Field(0, ge=0)
    """Fewest different steps of the thinking: sentences or lines with a number, a relation, a formula or four words."""
    pass_rates: dict[str, tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0)]]] = Field(default={})
    """Pass rates of a problem by mode, such as `{low = [0, 0.8]}`: from the first, below the second (above 1 for no limit); `*` is all
    modes together. All traces of a problem out of them go."""
    refuse_hint_leaks: bool = True
    """Drop rationalized traces that speak of the answer they were told."""
    max_per_problem: int | None = Field(None, ge=1)
    """Most traces of one problem, the shortest first; no limit by default."""

    checks: tuple[str, ...] = ()
    """Checks of your own by import path, `package.module:function` of a Trace: the reason to drop it, or an empty text. They come last."""
    augment: tuple[str, ...] = ()
    """Augmentations of your own by import path: functions of a Trace that give further traces, each with an id of its own, which are
    filtered as the others are."""

    @model_validator(mode="after")
    def _some_length_passes(self) -> Self:
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError(f"max_chars {self.max_chars} is less than min_chars {self.min_chars}, so that no response could pass")
        return self

    def wanted(self) -> list[Check]:
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
            (self.refuse_refusals, does_not_refuse),
            (self.max_repetition < 1, repeats_at_most(self.max_repetition)),
            (self.max_repeated_lines < 1, repeated_lines_at_most(self.max_repeated_lines)),
            (self.min_compressed > 0, compresses_to_at_least(self.min_compressed)),
            (self.max_foreign_letters < 1, foreign_letters_at_most(self.max_foreign_letters)),
            (self.min_steps > 0, has_steps(self.min_steps)),
            (self.refuse_hint_leaks, keeps_its_secret),
        ]
        return [check for is_wanted, check in wanted if is_wanted] + [_own_check(path) for path in self.checks]

    def checks_of(self, traces: Callable[[], Iterable[Trace]]) -> list[Check]:
        """The same, and the pass rates where they are asked for.

        They are taken over all `traces` as they came: what other checks drop or augmentations add says nothing of how hard a problem is.
        """
        if not self.pass_rates:
            return self.wanted()
        bounds = {mode: Bounds(*limits) for mode, limits in self.pass_rates.items()}
        return [passes_rates(pass_rates(traces()), bounds), *self.wanted()]

    def augmented(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """Each trace, then what the augmentations make of it."""
        makers = [_imported(path, "augment", "a function of a Trace that gives traces") for path in self.augment]
        for trace in traces:
            yield trace
            for path, make in zip(self.augment, makers, strict=True):
                yield from _variants(path, make, trace)


def _imported(path: str, field: str, right: str) -> Any:
    value = import_value(path, f"filter.{field}", f"an import path package.module:name of {right}")
    if not callable(value):
        raise ConfigError(f"filter.{field}: {path!r} is a {type(value).__name__}; {right} is right")
    return value


@contextmanager
def _named(path: str, field: str, trace: Trace) -> Iterator[None]:
    """What another's code raises is told with its name and the trace it met."""
    try:
        yield
    except Exception as error:
        raise ConfigError(f"filter.{field}: {path!r} failed on trace {trace.id!r}: {type(error).__name__}: {error}") from error


def _own_check(path: str) -> Check:
    check = _imported(path, "checks", "a function of a Trace that gives the reason to drop it")

    def checked(trace: Trace) -> str:
        with _named(path, "checks", trace):
            reason = check(trace)
        if not isinstance(reason, str):
            raise ConfigError(f"filter.checks: {path!r} gave {reason!r} for trace {trace.id!r}; a reason, or an empty text, is right")
        return reason

    return checked


def _variants(path: str, make: Any, trace: Trace) -> Iterator[Trace]:
    with _named(path, "augment", trace):
        variants = list(make(trace))
    for variant in variants:
        if not isinstance(variant, Trace):
            raise ConfigError(f"filter.augment: {path!r} gave a {type(variant).__name__} for trace {trace.id!r}; a Trace is right")
        if variant.id == trace.id or variant.problem_id != trace.problem_id:
            raise ConfigError(
                f"filter.augment: {path!r} gave a trace {variant.id!r} of problem {variant.problem_id!r} for trace {trace.id!r}; "
                "an id of its own and the same problem are right"
            )
        yield variant


def run(config: FilterConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Decide trace by trace, then cap."""

    def traces() -> Iterator[Trace]:
        agreed = Statements()
        sets = {"traces": filled(inputs["traces"])} | {name: inputs[name].rows() for name in ("rationalized", "public") if name in inputs}
        rows = chain.from_iterable(agreed.agreeing(rows, inputs[name].address) for name, rows in sets.items())
        return (trace for trace in rows if context.shard.holds(trace.problem_id))

    decisions = decide(watched(config.augmented(traces()), "filter", context), config.checks_of(traces))
    if config.max_per_problem is not None:
        decisions = capped(decisions, config.augmented(traces()), config.max_per_problem)
    with outputs["kept"].writer() as kept, outputs["rejected"].writer() as rejected:
        tally = part(decisions, kept.add, rejected.add)
    return Outcome(metrics={"kept": tally.kept, "dropped": tally.dropped}, rows_in=tally.total, dropped=dict(tally.reasons))


FILTER = Step(
    name="filter",
    version=4,
    config=FilterConfig,
    run=run,
    inputs={"traces": Traces, "rationalized": Optional(Traces), "public": Optional(Traces)},
    outputs={"kept": Traces, "rejected": Traces},
    sharded=True,
)
