"""The step `load-problems`: reads a file of problems in one of the known formats and holds a part of it out."""

from pydantic import Field, field_validator

from nemoflow.artifacts import Files, Problems
from nemoflow.config import Config
from nemoflow.errors import InputError
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step


class LoadProblemsConfig(Config):
    """Options of `load-problems`; the file itself is the input `file`, a path or URI."""

    format: str = "jsonl"
    """Layout of the file: aime, gsm8k, jsonl (own or simple foreign rows), kaggle (the contest's train.csv), math (MATH, MATH-500)."""
    eval_share: float = Field(0.1, ge=0, le=1)
    """Share of the problems that is held out, by a hash of their ids."""
    per_category: int = Field(0, ge=0)
    """Most training problems of each category; 0 takes all."""
    eval_per_category: int = Field(0, ge=0)
    """Most held-out problems of each category; 0 takes all."""
    seed: int = 0
    """Decides who is held out and who is taken."""

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
    from nemoflow.problems.split import limit, split

    problems = read(config.format, inputs["file"].folder())
    sides = split(problems, config.eval_share, config.seed)
    if not sides.train and config.eval_share < 1:
        raise InputError(
            f"{inputs['file'].address}: eval_share {config.eval_share:g} holds out all of its {len(problems)} problems; use a smaller one"
        )
    train = limit(sides.train, config.per_category, config.seed)
    held_out = limit(sides.eval, config.eval_per_category, config.seed)
    outputs["train"].write(train)
    outputs["eval"].write(held_out)
    left_out = len(problems) - len(train) - len(held_out)
    return Outcome(
        metrics={"train": len(train), "eval": len(held_out), "without_gold": sum(problem.gold is None for problem in problems)},
        rows_in=len(problems),
        dropped={"over-limit": left_out} if left_out else {},
    )


LOAD_PROBLEMS = Step(
    name="load-problems",
    version=1,
    config=LoadProblemsConfig,
    run=run,
    inputs={"file": Files},
    outputs={"train": Problems, "eval": Problems},
)
