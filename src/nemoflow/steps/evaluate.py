"""evaluate: greedy rollouts of the base model or of its adapter on held-out problems, and their score."""

from nemoflow.answers.boxed import Revision
from nemoflow.artifacts import Adapter, Model, Problems, Report, Traces
from nemoflow.config import Config, tuning
from nemoflow.errors import InputError, Stopped
from nemoflow.evaluation.rollouts import Dtype, Limits, choose, engines, load_student, trace_all
from nemoflow.evaluation.score import Score, Tally, score, verify_rollouts
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.records import Trace


class EvaluateConfig(Config):
    """How the student is asked; the defaults are the contest's."""

    max_new_tokens: int = 7680
    """Tokens after which a response is cut off."""
    revision: Revision = "c"
    """Revision of the contest's metric; `c` was live at the end."""
    limit: int = 0
    """Evaluate at most this many problems, chosen by a hash of seed and id; 0 takes all."""
    seed: int = 0
    """Decides which problems a `limit` takes; decoding is greedy and needs none."""
    dtype: Dtype = "auto"
    """`auto`: float32 on a CPU, as stored on a GPU."""
    batch_size: int = tuning(64, gt=0)
    """Problems generated at once."""
    threads: int = tuning(0, ge=0)
    """Threads of torch; 0 leaves its own choice."""


def run(config: EvaluateConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Generate, verify, count."""
    every = list(inputs["problems"].rows())
    problems = choose(every, config.limit, config.seed)
    if not problems:
        raise InputError(f"{inputs['problems'].address}: holds no problem; there is nothing to evaluate")
    adapter = inputs.get("adapter")
    name = f"base@{inputs['model'].fingerprint[:12]}" + (f"+adapter@{adapter.fingerprint[:12]}" if adapter else "")
    student = load_student(name, inputs["model"].folder(), adapter.folder() if adapter else None, config.dtype, config.threads)
    context.progress.start("rollouts", len(problems))

    def show(batch: list[Trace]) -> None:
        context.progress.advance(len(batch), tokens=sum(trace.usage.completion_tokens for trace in batch))
        if context.stopping():
            raise Stopped("evaluate was asked to stop; its rollouts are short and begin anew")

    limits = Limits(config.max_new_tokens, config.batch_size, config.revision)
    traces = trace_all(student, problems, limits, show)
    traces = verify_rollouts(traces, {problem.id: problem for problem in problems}, config.revision)
    outputs["rollouts"].write(traces)
    result = score(traces)
    outputs["report"].write_json("report.json", _report(config, name, result))
    dropped = {"beyond-limit": len(every) - len(problems)} if config.limit else {}
    return Outcome(metrics=_metrics(result), rows_in=len(every), dropped=dropped, engines=engines())


def _report(config: EvaluateConfig, name: str, result: Score) -> dict[str, object]:
    return {"v": 1, "model": name, "revision": config.revision, "max_new_tokens": config.max_new_tokens, **result.to_json()}


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
    }


EVALUATE = Step(
    name="evaluate",
    version=1,
    config=EvaluateConfig,
    run=run,
    inputs={"problems": Problems, "model": Model, "adapter": Optional(Adapter)},
    outputs={"rollouts": Traces, "report": Report},
    pool="eval",
    image="train",
)
