"""evaluate: rollouts of the base model or of its adapter on held-out problems, and their score, by kind, mode and benchmark.

Greedy and once by default, as the contest asks; several samples give pass@k and maj@k, several repeats the noise of the engine.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from nemoflow.answers.verdicts import Metric
from nemoflow.answers.voting import open_same
from nemoflow.artifacts import Adapter, Endpoint, Files, Model, Problems, Report, Traces
from nemoflow.config import later, tuning
from nemoflow.errors import InputError
from nemoflow.evaluation.asks import CONTEST, plan
from nemoflow.evaluation.candidates import refuse_meeting, refuse_tuned_on
from nemoflow.evaluation.code_runs import CodeRuns
from nemoflow.evaluation.noise import noise
from nemoflow.evaluation.presets import PRESETS, Preset
from nemoflow.evaluation.rollouts import choose
from nemoflow.evaluation.sampled import Sampled, sampled
from nemoflow.evaluation.score import Score, Tally, need_gold, score, verify_rollouts
from nemoflow.flow.step import Context, InputArtifact, Inputs, Number, Optional, Outcome, Outputs, Step
from nemoflow.prompts.form import FILE, TUNED, Form, read_form
from nemoflow.prompts.modes import has_python
from nemoflow.records import Problem, Trace, with_unique_ids
from nemoflow.sandbox.limits import Limits as SandboxLimits
from nemoflow.steps.engines import Engine, EngineConfig, open_engine

Mode = Literal["high", "medium", "low", "python", "high+python", "medium+python", "low+python"]
EVERYTHING = "all"


class EvaluateConfig(EngineConfig):
    """How the student is asked; the defaults are the contest's."""

    preset: Preset = tuning("")
    """How a benchmark is asked: contest, aime, hmmt, hle_math, math_500 or gsm8k; fields that are set beside it stay as they are set."""
    samples: int = later(1, ge=1, le=1024)
    """Attempts at each problem in each mode, for pass@k and maj@k; more than one needs a temperature."""
    repeats: int = later(1, ge=1, le=64)
    """How often everything is asked: what turns between repeats is noise. It is told in the report, and `gate` may ask for more than it."""
    kinds: tuple[str, ...] = later(())
    """Evaluate only problems of these kinds; empty takes all."""
    limit: int = Field(0, ge=0, lt=2**32)
    """Evaluate at most this many problems, chosen by a hash of seed and id; 0 takes all."""
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

    @model_validator(mode="after")
    def _preset(self) -> Self:
        """What the preset says, where the user says nothing: the identity is that of the fields, so the preset is none of it."""
        for name, value in (PRESETS[self.preset].fields if self.preset else {}).items():
            if name not in self.model_fields_set:
                object.__setattr__(self, name, value)
        return self

    @model_validator(mode="after")
    def _each_mode_once(self) -> Self:
        if len(set(self.modes)) != len(self.modes):
            raise ValueError(f"modes = {list(self.modes)}: each mode once")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                f"samples = {self.samples}: temperature 0 gives the same answer every time; set a temperature above 0,"
                " or `repeats` to measure noise"
            )
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
    problems = _chosen(every, config, address)
    form = _form(inputs["prompt"], problems) if "prompt" in inputs else CONTEST
    asks = plan(problems, config.modes or ("",), config.samples * config.repeats, form)
    with _python(config) as python, open_engine(config, inputs, context, python, config.samples) as engine:
        context.progress.start("rollouts", len(asks))
        traces = engine.answer(asks)
        name, facts, speed = engine.name, dict(engine.facts), _speed(engine, traces)
    failed = sum(trace.error is not None for trace in traces)
    traces = verify_rollouts(traces, {problem.id: problem for problem in problems}, config.revision, config.metric)
    outputs["rollouts"].write(traces)
    result = score(traces, config.samples * config.repeats)
    several = _several(config, traces, problems)
    outputs["report"].write_json("report.json", _report(config, name, form, result, several, traces))
    left_out = {"beyond-limit": len(every) - len(problems)} if config.limit or config.kinds else {}
    return Outcome(
        metrics={**_metrics(result), **_metrics_of_several(several), **speed, **({"failed": failed} if failed else {})},
        rows_in=len(every),
        dropped=left_out,
        engines={**facts, **_symbols(config)},
        is_complete=not failed,
    )


def _chosen(every: Sequence[Problem], config: EvaluateConfig, address: str) -> list[Problem]:
    """Those to ask; InputError where there is none, or one could not be scored."""
    wanted = [problem for problem in every if not config.kinds or problem.category in config.kinds]
    if every and not wanted:
        known = ", ".join(sorted({problem.category for problem in every}))
        raise InputError(f"{address}: no problem of kinds = {list(config.kinds)}; it has {known}")
    problems = choose(wanted, config.limit, config.seed)
    if not problems:
        raise InputError(f"{address}: holds no problem; there is nothing to evaluate")
    need_gold(problems, address)
    return problems


def _form(prompt: InputArtifact, problems: Sequence[Problem]) -> Form:
    """The form to ask in; InputError where it shows a problem that is to be scored, or was tuned on one."""
    form = read_form(prompt.json(FILE), prompt.address)
    refuse_meeting(((shot.problem_id, shot.statement) for shot in form.shots), problems, (prompt.address, "those to score"))
    if (prompt.folder() / TUNED).exists():
        refuse_tuned_on(problems, set(prompt.json(TUNED).get("seen", ())), prompt.address)
    return form


def _speed(engine: Engine, traces: Sequence[Trace]) -> dict[str, Number]:
    """Seconds of generating alone, without loading; nothing where they are not known."""
    seconds = engine.seconds
    if not seconds:
        return {}
    return {"generation_s": round(seconds, 3), "tokens_per_s": round(sum(trace.usage.completion_tokens for trace in traces) / seconds, 2)}


def _several(config: EvaluateConfig, traces: Sequence[Trace], problems: Sequence[Problem]) -> dict[str, dict[str, Sampled]]:
    """pass@k and maj@k in all, by benchmark, kind and mode; empty where each problem was asked once."""
    if config.samples * config.repeats == 1:
        return {}
    sources = {problem.id: problem.source for problem in problems}
    by: dict[str, Callable[[Trace], str]] = {
        "all": lambda trace: EVERYTHING,
        "benchmarks": lambda trace: sources[trace.problem_id],
        "kinds": lambda trace: trace.category,
        "modes": lambda trace: trace.mode,
    }
    with open_same(config.metric) as same:
        found = {name: sampled(traces, key, same) for name, key in by.items()}
    return {name: one for name, one in found.items() if name != "modes" or config.modes}


def _symbols(config: EvaluateConfig) -> dict[str, str]:
    return {"math-verify": version("math-verify")} if config.metric == "symbolic" else {}


def _report(
    config: EvaluateConfig,
    name: str,
    form: Form,
    result: Score,
    several: dict[str, dict[str, Sampled]],
    traces: Sequence[Trace],
) -> dict[str, object]:
    told: dict[str, Any] = {"metric": config.metric} if config.metric != "competition" else {}
    if several:
        told["sampled"] = {by: {key: one.to_json() for key, one in found.items()} for by, found in several.items()}
        drawn = {"samples": config.samples, "repeats": config.repeats, "temperature": config.temperature, "top_p": config.top_p}
        spread = noise(traces)
        told |= drawn | ({"noise": spread.to_json()} if spread else {})
    if not form.is_contest:
        told["prompt"] = form.model_dump(mode="json")
    return {"v": 1, "model": name, "revision": config.revision, **told, "max_new_tokens": config.max_new_tokens, **result.to_json()}


def _metrics_of_several(several: dict[str, dict[str, Sampled]]) -> dict[str, Number]:
    """pass@k and maj@k over all problems, with the interval of one attempt."""
    if not several:
        return {}
    whole = several["all"][EVERYTHING]
    low, high = whole.pass_bounds[1]
    by_k = [{f"pass@{k}": whole.passes[k], f"maj@{k}": whole.majorities[k]} for k in whole.passes]
    return {"low": low, "high": high, **{name: value for one in by_k for name, value in one.items()}}


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
    version=3,
    config=EvaluateConfig,
    run=run,
    inputs={
        "problems": Problems,
        "model": Optional(Model),
        "adapter": Optional(Adapter),
        "endpoint": Optional(Endpoint),
        "prompt": Optional(Files),
    },
    outputs={"rollouts": Traces, "report": Report},
    pool="eval",
    image="train",
)
