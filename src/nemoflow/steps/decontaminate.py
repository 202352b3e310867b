"""The step `decontaminate`: drops the traces of problems that occur in the evaluation set, and refuses where they are many."""

from typing import Self

from pydantic import Field, model_validator

from nemoflow.artifacts import Model, Problems, Report, Traces
from nemoflow.config import Config
from nemoflow.curate.decision import part
from nemoflow.curate.decontaminate import BOILERPLATE, NEAR, NEAR_WORDS, SAME, WORDS, Contamination, EvalIndex, Match, Meaning, survey
from nemoflow.curate.encoder import load_encoder
from nemoflow.curate.statements import Statements
from nemoflow.errors import InputError
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.steps.watch import filled, filled_where_handed_in, watched


class DecontaminateConfig(Config):
    """Options of `decontaminate`."""

    words: int = Field(WORDS, ge=2)
    """Words in a row that a training statement may not share with an evaluation statement; numbers are words."""
    boilerplate: float = Field(BOILERPLATE, ge=0, le=1)
    """A word in more than this share of the statements of either side tells nothing; runs of such words are boilerplate."""
    max_share: float = Field(0.1, ge=0, le=1)
    """Largest share of contaminated problems: beyond it something is wrong with the split, and the step refuses."""
    near_words: int = Field(NEAR_WORDS, ge=2)
    """Words in a row that make a near miss, which is listed for a person and stays."""
    same: float = Field(SAME, gt=0, le=1)
    """With the input `encoder`: cosine of the embeddings from which a statement is an evaluation statement in other words."""
    near: float = Field(NEAR, gt=0, le=1)
    """The cosine from which it is a near miss."""
    drop: tuple[str, ...] = ()
    """Ids of problems that a person found to be contaminated among the near misses."""
    keep: tuple[str, ...] = ()
    """Ids of problems that match and that a person found to be others all the same."""

    @model_validator(mode="after")
    def _near_is_nearer_than_same(self) -> Self:
        if self.near > self.same:
            raise ValueError(f"near {self.near:g} is more than same {self.same:g}: a near miss is less alike than a match")
        return self


def run(config: DecontaminateConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Index the evaluation statements, survey the training problems, part the traces."""
    traces, problems, evaluation = inputs["traces"], inputs["problems"], inputs["eval"]
    agreed = Statements()
    statements = {problem.id: problem.statement for problem in agreed.agreeing(filled(problems), problems.address)}
    index = EvalIndex(evaluation.rows(), statements.values(), config.words, config.boilerplate, config.near_words)
    if not len(index):
        raise InputError(f"{evaluation.address}: holds no problems, so nothing can be compared with it; wire the evaluation's problems")
    meaning = None
    if "encoder" in inputs:
        encoder = load_encoder(inputs["encoder"].folder(), inputs["encoder"].address)
        meaning = Meaning(encoder, index.statements, config.same, config.near)
    rows = watched(agreed.agreeing(filled_where_handed_in(traces), traces.address), "decontaminate", context)
    found = judged(survey(rows, statements, index, meaning), config)
    refuse_many(found, config, traces.address, evaluation.address)
    with outputs["kept"].writer() as kept, outputs["rejected"].writer() as rejected:
        tally = part(found.decide(traces.rows()), kept.add, rejected.add)
    outputs["near_misses"].write_json("near_misses.json", {"near_misses": [miss.as_json() for miss in found.near_misses]})
    metrics = {
        "kept": tally.kept,
        "dropped": tally.dropped,
        "problems": found.problems,
        "contaminated_problems": len(found.matches),
        "near_misses": len(found.near_misses),
        "share": round(found.share, 6),
    }
    return Outcome(metrics=metrics, rows_in=tally.total, dropped=dict(tally.reasons))


def refuse_many(found: Contamination, config: DecontaminateConfig, traces: str, evaluation: str) -> None:
    """InputError beyond the allowed share: then something is wrong with the split."""
    if found.share > config.max_share:
        problem_id, match = min(found.matches.items())
        raise InputError(
            f"{traces}: {len(found.matches)} of {found.problems} problems occur in {evaluation} "
            f"(such as {problem_id!r} in {match.eval_id!r}: {match.text!r}), more than max_share = {config.max_share:g}; "
            "split the sets anew, or allow more"
        )


def judged(found: Contamination, config: DecontaminateConfig) -> Contamination:
    """What a person said counts more than words and numbers."""
    for problem_id in config.keep:
        found.matches.pop(problem_id, None)
    told = {miss.problem_id: miss.match for miss in found.near_misses}
    found.matches |= {problem_id: told.get(problem_id, Match("", "named in drop")) for problem_id in config.drop}
    found.near_misses = [miss for miss in found.near_misses if miss.problem_id not in (*config.keep, *config.drop)]
    return found


DECONTAMINATE = Step(
    name="decontaminate",
    version=3,
    config=DecontaminateConfig,
    run=run,
    inputs={"traces": Traces, "problems": Problems, "eval": Problems, "encoder": Optional(Model)},
    outputs={"kept": Traces, "rejected": Traces, "near_misses": Report},
)
