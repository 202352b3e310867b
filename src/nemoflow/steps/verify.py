"""The step `verify`: every trace gets its verdict against the gold answer, by the contest's metric or by symbolic equality.

`more` are further traces of the same problems, such as those with Python; they come out behind the others, in the one output.
"""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import chain

from pydantic import Field

from nemoflow.answers.boxed import Revision
from nemoflow.answers.code_tests import Tests, read_tests
from nemoflow.answers.verdicts import Attempt, Metric, Verdicts, open_verifier
from nemoflow.artifacts import Problems, Traces
from nemoflow.config import Config, tuning
from nemoflow.curate.statements import Statements
from nemoflow.errors import InputError
from nemoflow.flow.step import Context, InputArtifact, Inputs, Number, Optional, Outcome, Outputs, Shard, Step
from nemoflow.records import Trace, with_unique_ids
from nemoflow.steps.watch import filled, watched


class VerifyConfig(Config):
    """Options of `verify`."""

    metric: Metric = "competition"
    """`competition` is the contest's metric to the bit; `symbolic` reads LaTeX and compares by mathematics."""
    revision: Revision = "c"
    """Revision of the contest's metric."""
    workers: int = tuning(2, ge=1)
    """Processes that compare symbols."""
    timeout_s: float = Field(5.0, gt=0)
    """CPU seconds for one symbolic comparison; what takes longer is unclear, so it is part of the identity."""
    memory_mb: int = Field(1024, ge=256)
    """Memory of one comparing process; what needs more is unclear, so it is part of the identity."""
    code_seconds: float = Field(10.0, gt=0, le=600)
    """CPU seconds of a program for each of its tests, where a problem is one of code."""
    code_memory_mb: int = Field(512, ge=16, le=65536)
    """MiB of such a program."""
    sandbox_url: str = tuning("")
    """Where programs run: the URL of `nemoflow sandbox serve`; empty is this machine."""
    sandbox_token_env: str = tuning("")
    """Variable with the token that the sandbox asks for."""


class _Counts:
    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter(right=0, wrong=0, unclear=0)
        self.rules: Counter[str] = Counter()
        self.by_category: dict[str, Counter[str]] = {}
        self.by_mode: dict[str, Counter[str]] = {}

    def add(self, category: str, verdict: str, rule: str, mode: str = "") -> None:
        self.verdicts[verdict] += 1
        self.rules[rule] += 1
        self.by_category.setdefault(category, Counter())[verdict] += 1
        if mode:
            self.by_mode.setdefault(mode, Counter())[verdict] += 1

    def metrics(self) -> dict[str, Number]:
        """Counts, and shares of right traces over all, by category and by the mode that they were asked for in."""
        rates = {f"pass_rate.{name}": _share(counts) for name, counts in sorted(self.by_category.items())}
        rates |= {f"pass_rate.mode.{name}": _share(counts) for name, counts in sorted(self.by_mode.items())}
        rules = {f"rule.{name}": count for name, count in sorted(self.rules.items())}
        return {**self.verdicts, "pass_rate": _share(self.verdicts), **rates, **rules}


def _share(counts: Counter[str]) -> float:
    return round(counts["right"] / counts.total(), 6) if counts.total() else 0.0


def run(config: VerifyConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Look up the gold answers, verify in order, write every trace with its verdict."""
    statements = Statements()
    golds = _golds(inputs["problems"], statements, context.shard)
    tests = _tests(inputs["problems"], context.shard)
    sets = [inputs[name] for name in ("traces", "more") if name in inputs]
    pending: deque[Trace] = deque()
    counts = _Counts()

    def mine(traces: InputArtifact) -> Iterator[Trace]:
        for trace in statements.agreeing(filled(traces), traces.address):
            if context.shard.holds(trace.problem_id):
                if trace.problem_id not in golds:
                    raise InputError(f"{traces.address}: trace {trace.id}: {_no_such_problem(trace, inputs['problems'])}")
                yield trace

    def attempts() -> Iterator[Attempt]:
        for trace in watched(chain.from_iterable(map(mine, sets)), "verify", context):
            pending.append(trace)
            yield Attempt(golds[trace.problem_id], trace.response, trace.error, trace.finish == "length", tests=tests.get(trace.problem_id))

    def verified() -> Iterator[Trace]:
        with (
            open_verifier(config.metric, config.revision, config.workers, config.timeout_s, config.memory_mb) as verdicts,
            _with_code(config, verdicts, bool(tests)) as every,
        ):
            for verdict in every(attempts()):
                trace = pending.popleft()
                counts.add(trace.category, verdict.verdict, verdict.rule, str(trace.meta.get("mode", "")))
                yield trace.model_copy(update={"verdict": verdict})

    written = outputs["traces"].write(verified())
    engines = {"math-verify": version("math-verify")} if config.metric == "symbolic" else {}
    return Outcome(metrics=counts.metrics(), rows_in=written, engines=engines)


def _golds(problems: InputArtifact, statements: Statements, shard: Shard) -> dict[str, str | None]:
    every = with_unique_ids(statements.agreeing(filled(problems), problems.address), problems.address)
    return {problem.id: problem.gold for problem in every if shard.holds(problem.id)}


def _tests(problems: InputArtifact, shard: Shard) -> dict[str, Tests]:
    rows = ((problem.id, read_tests(problem.meta, f"{problems.address}: problem {problem.id}")) for problem in filled(problems))
    return {name: tests for name, tests in rows if tests and shard.holds(name)}


@contextmanager
def _with_code(config: VerifyConfig, verdicts: Verdicts, has_code: bool) -> Iterator[Verdicts]:
    if not has_code:
        yield verdicts
        return
    from nemoflow.answers.code import OUTPUT_CHARS, also_code
    from nemoflow.sandbox.limits import Limits
    from nemoflow.sandbox.remote import RemoteSandbox

    limits = Limits(calls=1000, seconds=config.code_seconds, memory_mb=config.code_memory_mb, output_chars=OUTPUT_CHARS)
    place = RemoteSandbox(config.sandbox_url, limits, config.sandbox_token_env) if config.sandbox_url else None
    with also_code(verdicts, limits, place) as every:
        yield every


def _no_such_problem(trace: Trace, problems: InputArtifact) -> str:
    return f"problem_id {trace.problem_id!r} is no problem of {problems.address}; wire the problems that were harvested"


VERIFY = Step(
    name="verify",
    version=5,
    config=VerifyConfig,
    run=run,
    inputs={"problems": Problems, "traces": Traces, "more": Optional(Traces)},
    outputs={"traces": Traces},
    sharded=True,
)
