"""The step `load-problems`: reads a file of problems in one of the known formats and holds a part of it out."""

from pydantic import Field, field_validator

from nemoflow.artifacts import Files, Problems
from nemoflow.config import Config
from nemoflow.errors import InputError
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.problems.split import Split, limit, split
from nemoflow.records import Problem


class LoadProblemsConfig(Config):
    """Options of `load-problems`; the file itself is the input `file`, a path or URI."""

    format: str = "jsonl"
    """Layout of the file: jsonl (own or simple foreign rows), kaggle (the contest's train.csv), gsm8k, math (MATH, MATH-500), metamath,
    stackexchange, aops, aime, hmmt, hle, open_math_reasoning, nemotron_math."""
    eval_share: float = Field(0.1, ge=0, le=1)
    """Share of the problems that is held out, by a hash of their ids; 0 holds nothing out, as for a set only to learn from."""
    per_category: int = Field(0, ge=0)
    """Most training problems of each category; 0 takes all."""
    eval_per_category: int = Field(0, ge=0)
    """Most held-out problems of each category; 0 takes all."""
    seed: int = 0
    """Decides who is held out and who is taken."""
    id_prefix: str = ""
    """Put before every id, such as `public-`, where another set has the same ids; it changes nobody's side."""

    @field_validator("format")
    @classmethod
    def _known(cls, name: str) -> str:
        from nemoflow.problems.catalog import SOURCES

        if name not in SOURCES:
            raise ValueError(f"known formats: {', '.join(SOURCES)}")
        return name


def run(config: LoadProblemsConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Read all, then part."""
    from nemoflow.problems.catalog import read

    address, folder = inputs["file"].address, inputs["file"].folder().resolve()
    try:
        problems = read(config.format, folder)
    except InputError as error:  # a bucket's file is read from a copy, whose name tells a user nothing
        raise InputError(str(error).replace(str(folder), address)) from None
    asked = [problem for problem in problems if not problem.meta.get("image")]
    sides = split(asked, config.eval_share, config.seed)
    _refuse_empty_side(sides, config.eval_share, address)
    train = limit(sides.train, config.per_category, config.seed)
    held_out = limit(sides.eval, config.eval_per_category, config.seed)
    outputs["train"].write(_named(problem, config.id_prefix) for problem in train)
    outputs["eval"].write(_named(problem, config.id_prefix) for problem in held_out)
    left_out = {"over-limit": len(asked) - len(train) - len(held_out), "shows-an-image": len(problems) - len(asked)}
    return Outcome(
        metrics={"train": len(train), "eval": len(held_out), "without_gold": sum(problem.gold is None for problem in problems)},
        rows_in=len(problems),
        dropped={reason: count for reason, count in left_out.items() if count},
    )


def _refuse_empty_side(sides: Split, eval_share: float, address: str) -> None:
    """0 and 1 ask for an empty side; whatever lies between asks for both, and what is missing would stop a later, dearer step."""
    count = len(sides.train) + len(sides.eval)
    if not sides.train and eval_share < 1:
        raise InputError(f"{address}: eval_share {eval_share:g} holds out all of its {count} problems; use a smaller one, or more problems")
    if not sides.eval and eval_share > 0:
        raise InputError(
            f"{address}: eval_share {eval_share:g} holds out none of its {count} problems; "
            "use a larger one, another seed or more problems, or 0 to hold nothing out"
        )


def _named(problem: Problem, prefix: str) -> Problem:
    return problem.model_copy(update={"id": prefix + problem.id}) if prefix else problem


LOAD_PROBLEMS = Step(
    name="load-problems",
    version=3,
    config=LoadProblemsConfig,
    run=run,
    inputs={"file": Files},
    outputs={"train": Problems, "eval": Problems},
)
