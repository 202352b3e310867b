"""evaluate: greedy rollouts of the base model or of its adapter on held-out problems, and their score, by kind and by mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Literal, Self

from pydantic import Field, model_validator

from nemoflow.answers.boxed import Revision
from nemoflow.answers.verdicts import Metric
from nemoflow.artifacts import Adapter, Model, Problems, Report, Traces
from nemoflow.config import Config, later, tuning
from nemoflow.errors import InputError
from nemoflow.evaluation.code_runs import CodeRuns
from nemoflow.evaluation.rollouts import Dtype, Limits, Surroundings, choose, engines, load_student, trace_all
from nemoflow.evaluation.score import Score, Tally, need_gold, score, verify_rollouts
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.models.folder import need_adapter, need_model
from nemoflow.prompts.modes import has_python
from nemoflow.records import Trace, with_unique_ids
from nemoflow.sandbox.limits import Limits as SandboxLimits

Mode = Literal["high", "medium", "low", "python", "high+python", "medium+python", "low+python"]


class EvaluateConfig(Config):
    """How the student is asked; the defaults are the contest's."""

    max_new_tokens: int = Field(7680, ge=1, le=2**20)
    """Tokens after which a response is cut off."""
    revision: Revision = "c"
    """Revision of the contest's metric; `c` was live at the end."""
    limit: int = Field(0, ge=0, lt=2**32)
    """Evaluate at most this many problems, chosen by a hash of seed and id; 0 takes all."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Decides which problems a `limit` takes; decoding is greedy and needs none."""
    dtype: Dtype = "auto"
    """`auto`: float32 on a CPU, as stored on a GPU."""
    modes: tuple[Mode, ...] = later(())
    """Ask each problem in each of these modes, in the words that `mix.tell_modes` taught: high, medium, low, each also with `+python`.
    Empty asks once, as the contest does."""
    metric: Metric = later("competition")
    """`competition` is the contest's metric to the bit; `symbolic` reads LaTeX and compares by mathematics."""
    tool_calls: int = later(8, ge=1, le=1000)
    """Blocks of code of a response, in modes with Python."""
    tool_seconds: float = later(10.0, gt=0, le=600)
    """CPU seconds of each."""
    tool_output_chars: int = later(1000, ge=20, le=100_000)
    """Characters of its output that the student is shown."""
    tool_memory_mb: int = later(512, ge=16, le=65536)
    """MiB of a response's interpreter."""
    sandbox_url: str = tuning("")
    """Where code runs: the URL of `nemoflow sandbox serve`; empty is this machine."""
    sandbox_token_env: str = tuning("")
    """Variable with the token that the sandbox asks for."""
    batch_size: int = tuning(64, ge=1, le=2**16)
    """Problems generated at once."""
    threads: int = tuning(0, ge=0, le=1024)
    """Threads of torch; 0 leaves its own choice."""

    @model_validator(mode="after")
    def _each_mode_once(self) -> Self:
        if len(set(self.modes)) != len(self.modes):
            raise ValueError(f"modes = {list(self.modes)}: each mode once")
        return self


@contextmanager
def _python(config: EvaluateConfig) -> Iterator[CodeRuns | None]:
    """Where code runs; None where no mode runs any."""
    if not any(map(has_python, config.modes)):
        yield None
        return
    from nemoflow.sandbox.remote import RemoteSandbox
    from nemoflow.sandbox.session import LocalSandbox

    limits = SandboxLimits(
        calls=config.tool_calls, seconds=config.tool_seconds, memory_mb=config.tool_memory_mb, output_chars=config.tool_output_chars
    )
    here = LocalSandbox(limits, sessions=config.batch_size)
    place = RemoteSandbox(config.sandbox_url, limits, config.sandbox_token_env) if config.sandbox_url else here
    with CodeRuns(place, limits) as runs:
        yield runs


def run(config: EvaluateConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Generate, verify, count."""
    address = inputs["problems"].address
    every = list(with_unique_ids(inputs["problems"].rows(), address))
    problems = choose(every, config.limit, config.seed)
    if not problems:
        raise InputError(f"{address}: holds no problem; there is nothing to evaluate")
    need_gold(problems, address)
    base = inputs["model"].folder()
    need_model(base, inputs["model"].address)
    adapter = inputs.get("adapter")
    weights = adapter.folder() if adapter else None
    if adapter and weights:
        need_adapter(weights, adapter.address)
    name = f"base@{inputs['model'].fingerprint[:12]}" + (f"+adapter@{adapter.fingerprint[:12]}" if adapter else "")
    student = load_student(name, base, weights, config.dtype, config.threads)
    modes = config.modes or ("",)
    context.progress.start("rollouts", len(problems) * len(modes))

    def show(batch: list[Trace]) -> None:
        context.progress.advance(len(batch), tokens=sum(trace.usage.completion_tokens for trace in batch))

    limits = Limits(config.max_new_tokens, config.batch_size, config.revision, modes)
    with _python(config) as python:
        around = Surroundings(context.scratch.path(), context.scratch.save, show, context.stopping, python)
        traces = trace_all(student, problems, limits, around)
    traces = verify_rollouts(traces, {problem.id: problem for problem in problems}, config.revision, config.metric)
    outputs["rollouts"].write(traces)
    result = score(traces)
    outputs["report"].write_json("report.json", _report(config, name, result))
    dropped = {"beyond-limit": len(every) - len(problems)} if config.limit else {}
    return Outcome(metrics=_metrics(result), rows_in=len(every), dropped=dropped, engines={**engines(), **_symbols(config)})


def _symbols(config: EvaluateConfig) -> dict[str, str]:
    return {"math-verify": version("math-verify")} if config.metric == "symbolic" else {}


def _report(config: EvaluateConfig, name: str, result: Score) -> dict[str, object]:
    metric = {"metric": config.metric} if config.metric != "competition" else {}
    return {"v": 1, "model": name, "revision": config.revision, **metric, "max_new_tokens": config.max_new_tokens, **result.to_json()}


def _metrics(result: Score) -> dict[str, int | float]:
    overall: Tally = result.overall
    low, high = overall.interval
    return {
        "accuracy": overall.accuracy,
        "low": low,
        "high": high,
        "problems": overall.problems,
        "right": overall.right,
        "truncated": overall.truncated,
        "no_box": overall.no_box,
        "completion_tokens": overall.tokens,
        **{f"accuracy_{kind}": tally.accuracy for kind, tally in result.kinds.items()},
        **{f"accuracy.mode.{mode}": tally.accuracy for mode, tally in result.modes.items()},
    }


EVALUATE = Step(
    name="evaluate",
    version=2,
    config=EvaluateConfig,
    run=run,
    inputs={"problems": Problems, "model": Model, "adapter": Optional(Adapter)},
    outputs={"rollouts": Traces, "report": Report},
    pool="eval",
    image="train",
)
