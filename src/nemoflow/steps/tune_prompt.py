"""tune-prompt: choose the system line, the suffix and the shown examples of a prompt on a dev split, by successive halving.

The test set is handed in only to be kept away: a dev problem, or an example, that is also a test problem is refused. What comes out is a
file that `evaluate` and `harvest` take. Its accuracy on the dev split is that of the best of many, so it is too high: score it on the test.
Beside it lies what the dev problems are known by, so that `evaluate` refuses to score the prompt on one of them, wherever the file went.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import xxhash
from pydantic import Field, model_validator

from nemoflow.answers.verdicts import Metric
from nemoflow.artifacts import Adapter, Endpoint, Files, Model, Problems, Report, Traces
from nemoflow.curate.statements import statement_of
from nemoflow.errors import InputError
from nemoflow.evaluation.asks import Ask
from nemoflow.evaluation.candidates import digests_of, forms, refuse_meeting, shot_sets
from nemoflow.evaluation.halving import Round, Turn, gain_over_first, halve
from nemoflow.evaluation.paired import Gain
from nemoflow.evaluation.rollouts import choose
from nemoflow.evaluation.score import is_right, need_gold, verify_rollouts
from nemoflow.flow.step import Context, InputArtifact, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.prompts.chat import SUFFIX
from nemoflow.prompts.form import FILE, TUNED, Form, Shot
from nemoflow.records import Problem, Trace, with_unique_ids
from nemoflow.steps.engines import Engine, EngineConfig, open_engine


class TunePromptConfig(EngineConfig):
    """What is tried, and on how many problems."""

    systems: tuple[str, ...] = ("",)
    """System messages to try; the empty one sends none."""
    suffixes: tuple[str, ...] = (SUFFIX,)
    """Lines behind the statement to try; the empty one sends none."""
    shots: tuple[int, ...] = (0,)
    """Numbers of shown examples to try; they come from the input `shots`, right traces of the train side."""
    shot_sets: int = Field(2, ge=1, le=64)
    """Different sets of examples of each number."""
    first: int = Field(16, ge=1)
    """Dev problems of the first round; each round has twice as many, and half of the candidates."""
    limit: int = Field(0, ge=0, lt=2**32)
    """Dev problems at most, chosen by a hash of seed and id; 0 takes all."""
    metric: Metric = "competition"
    """What counts as right."""

    @model_validator(mode="after")
    def _something_to_try(self) -> Self:
        for name in ("systems", "suffixes", "shots"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"{name} = {list(values)}: at least one, each once")
        if min(self.shots) < 0:
            raise ValueError(f"shots = {list(self.shots)}: numbers of examples are 0 and more")
        return self


def run(config: TunePromptConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Make candidates, halve them, compare the winner with the contest's own form."""
    dev = _dev(config, inputs)
    tried = forms(config.systems, config.suffixes, _shots(config, inputs, dev))
    with open_engine(config, inputs, context) as engine:
        tuning = _Tuning(config, tried, engine, context)
        rounds = list(tuning.rounds(dev))
    winner = rounds[-1].standings[0].candidate
    gain = gain_over_first(tuning.of(0), tuning.of(winner))
    outputs["prompt"].write_json(FILE, tried[winner].model_dump(mode="json"))
    split = {"fingerprint": inputs["dev"].fingerprint, "problems": len(dev)}
    outputs["prompt"].write_json(TUNED, {"v": 1, "dev": split, "seen": digests_of(dev)})
    outputs["report"].write_json("report.json", {"v": 1, "dev": split, **_report(tried, rounds, winner, gain)})
    outputs["rollouts"].write(trace for number in range(len(tried)) for trace in tuning.of(number))
    context.progress.note(
        f"candidate {winner} of {len(tried)} won: {gain.points:+.2f} points over the contest's form on {len(dev)} problems"
    )
    accuracy = [sum(map(is_right, tuning.of(number))) / len(dev) for number in (0, winner)]
    return Outcome(
        metrics={
            "candidates": len(tried),
            "rounds": len(rounds),
            "asked": sum(map(len, tuning.found.values())),
            "winner": winner,
            "base_accuracy": accuracy[0],
            "accuracy": accuracy[1],
            **{name: gain.to_json()[name] for name in ("points", "low", "high", "chance")},
        },
        rows_in=len(dev),
        engines=dict(engine.facts),
    )


class _Tuning:
    """Candidates under way, with all that they said."""

    def __init__(self, config: TunePromptConfig, tried: Sequence[Form], engine: Engine, context: Context) -> None:
        self._config, self._tried, self._engine, self._context = config, tried, engine, context
        self.found: dict[int, list[Trace]] = {number: [] for number in range(len(tried))}

    def of(self, number: int) -> list[Trace]:
        """What a candidate said, in the order of the problems."""
        return self.found[number]

    def rounds(self, dev: Sequence[Problem]) -> Iterator[Round]:
        """Each as it ends."""
        self._context.progress.start("prompts", None)
        for found in halve(len(self._tried), dev, self._config.first, self._ask):
            kept = [standing.candidate for standing in found.standings if standing.is_kept]
            best = found.standings[0]
            self._context.progress.note(
                f"{found.problems} problems, {len(found.standings)} candidates: best {best.candidate} with {best.right} right; kept {kept}"
            )
            yield found

    def _ask(self, turns: Sequence[Turn]) -> list[Trace]:
        traces = self._engine.answer([Ask(problem, form=self._tried[number]) for number, problem in turns])
        by_id = {problem.id: problem for _, problem in turns}
        verified = verify_rollouts(traces, by_id, self._config.revision, self._config.metric)
        for (number, _), trace in zip(turns, verified, strict=True):
            self.found[number].append(trace.model_copy(update={"meta": {**trace.meta, "candidate": number}}))
        return verified


def _dev(config: TunePromptConfig, inputs: Inputs) -> list[Problem]:
    """The dev problems, in an order by hash, so that the first ones are as mixed as all; InputError where they meet the test."""
    address = inputs["dev"].address
    problems = choose(list(with_unique_ids(inputs["dev"].rows(), address)), config.limit, config.seed)
    if not problems:
        raise InputError(f"{address}: holds no problem; there is nothing to tune on")
    need_gold(problems, address)
    refuse_meeting(((problem.id, problem.statement) for problem in problems), inputs["test"].rows(), ("dev", "the test"))
    return sorted(problems, key=lambda problem: xxhash.xxh3_64_intdigest(f"dev/{config.seed}/{problem.id}".encode()))


def _shots(config: TunePromptConfig, inputs: Inputs, dev: Sequence[Problem]) -> list[tuple[Shot, ...]]:
    if not any(config.shots):
        return [()]
    if "shots" not in inputs:
        raise InputError(f"shots = {list(config.shots)}: wire the input `shots`, verified traces of the train side, for examples to show")
    pool = list(_examples(inputs["shots"]))
    for other, name in ((dev, "dev"), (inputs["test"].rows(), "the test")):
        refuse_meeting(((shot.problem_id, shot.statement) for _, shot in pool), other, ("shots", name))
    return shot_sets(pool, config.shots, config.shot_sets, config.seed)


def _examples(traces: InputArtifact) -> Iterator[tuple[str, Shot]]:
    """The first right trace of each problem."""
    seen: set[str] = set()
    for trace in traces.rows():
        if is_right(trace) and trace.problem_id not in seen and (statement := statement_of(trace)):
            seen.add(trace.problem_id)
            yield trace.category, Shot(problem_id=trace.problem_id, statement=statement, response=trace.response)


def _report(tried: Sequence[Form], rounds: Sequence[Round], winner: int, gain: Gain) -> dict[str, Any]:
    return {
        "winner": winner,
        "gain": gain.to_json(),
        "rounds": [{"problems": one.problems, "standings": [each.to_json() for each in one.standings]} for one in rounds],
        "candidates": [{"system": form.system, "suffix": form.suffix, "shots": [shot.problem_id for shot in form.shots]} for form in tried],
    }


TUNE_PROMPT = Step(
    name="tune-prompt",
    version=2,
    config=TunePromptConfig,
    run=run,
    inputs={
        "dev": Problems,
        "test": Problems,
        "shots": Optional(Traces),
        "model": Optional(Model),
        "adapter": Optional(Adapter),
        "endpoint": Optional(Endpoint),
    },
    outputs={"prompt": Files, "report": Report, "rollouts": Traces},
    pool="eval",
    image="train",
)
