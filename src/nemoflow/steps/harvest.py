"""The step `harvest`: asks a teacher for traces of each problem; what an earlier run has asked is not asked again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Self

import orjson
from pydantic import Field, model_validator

from nemoflow.answers.verdicts import Metric
from nemoflow.artifacts import Endpoint, Files, Problems, Traces
from nemoflow.config import tuning
from nemoflow.errors import ConfigError
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.harvest.config import AskConfig
from nemoflow.models.families import Effort
from nemoflow.prompts.chat import SUFFIX
from nemoflow.prompts.form import FILE, Form, read_form
from nemoflow.records import Trace
from nemoflow.sandbox.limits import Limits
from nemoflow.steps.asked import asked, awake
from nemoflow.steps.watch import filled

if TYPE_CHECKING:
    from nemoflow.harvest.respond import Repairs
    from nemoflow.harvest.traces import Course
    from nemoflow.inference.tools import Tools
    from nemoflow.sandbox.remote import RemoteSandbox
    from nemoflow.sandbox.session import LocalSandbox


class HarvestConfig(AskConfig):
    """Options of `harvest`."""

    samples: int = Field(4, ge=1)
    """Traces of each problem, and of each effort; raising it asks only for the new ones."""
    categories: dict[str, int] = Field({})
    """Problems to take of each category, the first of the set: `{numeral = 200}`; empty takes all, else an unnamed category gives none."""
    efforts: tuple[Effort, ...] = ()
    """How hard the teacher thinks: any of high, medium, low, as its family has it; empty leaves it to the model."""
    answer_tokens: int = Field(0, ge=0)
    """Held back of `max_tokens`: a thought that used up the rest is closed, and the answer is asked for; 0 asks for none."""
    continue_rounds: int = Field(0, ge=0)
    """How often a response is continued that the server cut off before `max_tokens`."""
    ask_for_box: bool = False
    """Ask once for the box where a whole response has none."""
    prefill: bool = False
    """Repair in the model's own words; needs `continue_final_message`, which vLLM and SGLang know. Else it is told in a further turn."""
    agree: int = Field(0, ge=0)
    """Stop a problem's samples once so many of them verify as equal, and cancel the rest; 0 asks for all."""
    vote_metric: Metric = "symbolic"
    """What counts as equal: by mathematics, or `competition`, by text."""
    stragglers: int = Field(0, ge=0)
    """Do not wait for the last so many samples of a problem."""
    tools: Literal["none", "fences", "calls"] = "none"
    """Whether the teacher may run Python: in `fences` (blocks of code in its text), or by `calls` (OpenAI's tool calls)."""
    tool_calls: int = Field(8, ge=1, le=1000)
    """Blocks or calls of an attempt."""
    tool_seconds: float = Field(10.0, gt=0, le=600)
    """CPU seconds of each."""
    tool_output_chars: int = Field(1000, ge=20, le=100_000)
    """Characters of its output that the teacher is shown."""
    tool_memory_mb: int = Field(512, ge=16, le=65536)
    """MiB of an attempt's interpreter."""
    sandbox_url: str = tuning("")
    """Where code runs: the URL of `nemoflow sandbox serve`; empty is this machine."""
    sandbox_token_env: str = tuning("")
    """Variable with the token that the sandbox asks for."""
    sandbox_patience_s: float = tuning(300.0, gt=0)
    """Seconds to wait for a sandbox that is away or full."""
    sandbox_sessions: int = tuning(64, ge=1)
    """Interpreters on this machine at the same time, at most."""
    seconds_each: float = Field(0.0, ge=0)
    """The clock of a contest: problems one after the other, so many seconds each; what one leaves is for those after it. 0: no clock."""
    seconds_most: float = Field(0.0, ge=0)
    """Longest time of one problem under the clock; 0 is `seconds_each`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.refuse_repeats(self.samples, "samples")
        for name, count in self.categories.items():
            if count < 1:
                raise ValueError(f"categories.{name} = {count}: at least 1 problem; leave the name out to take none")
        if self.answer_tokens >= self.max_tokens:
            raise ValueError(f"answer_tokens = {self.answer_tokens}: less than max_tokens ({self.max_tokens}), of which it is held back")
        if len(set(self.efforts)) != len(self.efforts):
            raise ValueError(f"efforts = {list(self.efforts)}: each effort once")
        if max(self.agree, self.stragglers + 1) > (most := self.samples * max(1, len(self.efforts))):
            raise ValueError(f"agree = {self.agree}, stragglers = {self.stragglers}: a problem has {most} samples, and one is waited for")
        if self.tools != "none" and (self.answer_tokens or self.continue_rounds or self.ask_for_box):
            raise ValueError(f"tools = {self.tools}: answer_tokens, continue_rounds and ask_for_box repair responses without tools only")
        if self.seconds_most and self.seconds_most < self.seconds_each:
            raise ValueError(f"seconds_most = {self.seconds_most:g}: at least seconds_each, which is {self.seconds_each:g}")
        return self

    @property
    def may_cancel(self) -> bool:
        """Whether samples may be given up on the way."""
        return bool(self.agree or self.stragglers or self.seconds_each)

    def python(self) -> "Tools | None":
        """How the teacher may run code; None where it may not."""
        from nemoflow.inference.tools import Tools

        limits = Limits(
            calls=self.tool_calls, seconds=self.tool_seconds, memory_mb=self.tool_memory_mb, output_chars=self.tool_output_chars
        )
        return None if self.tools == "none" else Tools(self.tools, limits, self.prefill)

    def repairs(self) -> "Repairs":
        """Which responses are repaired, and how."""
        from nemoflow.harvest.respond import Repairs

        prefill = self.prefill and bool(self.answer_tokens or self.continue_rounds)
        return Repairs(self.answer_tokens, self.continue_rounds, self.ask_for_box, prefill)


@contextmanager
def _course(config: HarvestConfig) -> "Iterator[Course]":
    from nemoflow.answers.voting import open_same
    from nemoflow.harvest.clock import Clock
    from nemoflow.harvest.respond import repairing, with_python
    from nemoflow.harvest.rounds import Enough
    from nemoflow.harvest.traces import Course

    clock = Clock(config.seconds_each, config.seconds_most or config.seconds_each) if config.seconds_each else None
    respond, sandbox = repairing(config.repairs()), None
    if tools := config.python():
        sandbox = _sandbox(config, tools.limits)
        respond = with_python(tools, sandbox)
    with open_same(config.vote_metric) as same:
        yield Course(respond, Enough(config.agree, config.stragglers), same, sandbox, clock)


def _sandbox(config: HarvestConfig, limits: Limits) -> "LocalSandbox | RemoteSandbox":
    from nemoflow.sandbox.remote import RemoteSandbox
    from nemoflow.sandbox.session import LocalSandbox

    if config.sandbox_url:
        return RemoteSandbox(config.sandbox_url, limits, config.sandbox_token_env, config.sandbox_patience_s)
    return LocalSandbox(limits, sessions=config.sandbox_sessions)


def run(config: HarvestConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Plan, ask, write."""
    from dataclasses import replace

    from nemoflow.harvest.attempts import Asking, Chosen, Plan

    endpoint = awake(inputs, config, context)
    tools = config.python()
    decides = {**config.repairs().identity, **({"tools": tools.identity} if tools else {})}
    recipe = orjson.dumps(decides, option=orjson.OPT_SORT_KEYS).decode() if decides else ""
    sampling = replace(config.sampling(), recipe=recipe, mode="python" if tools else "")
    asking = Asking(endpoint, sampling, config.patience(stream=config.may_cancel))
    form = _form(config, inputs)
    own = form.system if form else config.system
    system = tools.system(own) if tools else own
    chosen = Chosen(lambda: filled(inputs["problems"]), config.categories, context.shard.holds)
    plan = Plan(chosen, config.samples, asking, config.seed, system, config.efforts, form)
    context.progress.start("harvest", chosen.count * config.samples * max(1, len(config.efforts)))
    group = f"{system}\0{form.model_dump_json()}" if form else system
    with _course(config) as course, asked("harvest", plan, asking, group, config, context, course) as result:
        outputs["traces"].write(_told(trace, form) for trace in result)
    return Outcome(metrics=result.figures, rows_in=chosen.count, is_complete=not result.failed)


def _form(config: HarvestConfig, inputs: Inputs) -> Form | None:
    """The form that is wired; None where there is none, or it is the contest's own."""
    if "prompt" not in inputs:
        return None
    if config.system:
        raise ConfigError(f"system = {config.system!r}: the input `prompt` has the system message; leave one of the two out")
    form = read_form(inputs["prompt"].json(FILE), inputs["prompt"].address)
    return None if form.is_contest else form


def _told(trace: Trace, form: Form | None) -> Trace:
    """With the suffix that stands behind its statement, where that is not the contest's: later steps part the two."""
    if form is None or form.suffix == SUFFIX:
        return trace
    return trace.model_copy(update={"meta": {**trace.meta, "suffix": form.suffix}})


HARVEST = Step(
    name="harvest",
    version=5,
    config=HarvestConfig,
    run=run,
    inputs={"problems": Problems, "endpoint": Endpoint, "prompt": Optional(Files)},
    outputs={"traces": Traces},
    pool="cpu",
    sharded=True,
)
