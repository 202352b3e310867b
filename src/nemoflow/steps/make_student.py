"""The step `make-student`: the tiny NemotronH that the demo teaches, trained from nothing in about a minute."""

from importlib.metadata import version

from pydantic import Field

from nemoflow.artifacts import Model, Problems
from nemoflow.config import Config, tuning
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step


class MakeStudentConfig(Config):
    """Shape and training of the tiny base; what it sees is told in training/student.py."""

    pattern: str = Field("M*-M*-", pattern=r"^[M-]*\*[M*-]*$", max_length=200)
    """Layers in order: M mamba, * attention, - feed-forward; at least one *, as transformers counts positions there when it generates."""
    hidden: int = Field(96, ge=16, le=1024)
    """Width of a position."""
    steps: int = Field(1500, ge=1, lt=2**32)
    """Batches it is trained on."""
    batch: int = Field(8, ge=2, le=2**16)
    """Rows of a batch; eight learned more in the same time than 16 or 32."""
    learning_rate: float = Field(3e-3, gt=0, allow_inf_nan=False)
    """Highest learning rate, reached after the warm-up; it falls along a cosine."""
    warmup: int = Field(20, ge=1, lt=2**32)
    """Steps of warm-up."""
    drill_share: float = Field(0.875, ge=0, le=1)
    """Share of drills; the rest are puzzles of the training side, answered at once."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Decides the first weights and every batch."""
    checkpoint_every: int = tuning(200, ge=1, lt=2**32)
    """Steps between checkpoints; a kill loses at most so many."""
    threads: int = Field(1, ge=0, le=1024)
    """Threads of torch, 0 for its own choice; sums round differently with their number, so it is part of the identity."""


def run(config: MakeStudentConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Build tokenizer and model, train on drills and on problems of the training side, write the folder."""
    from nemoflow.training.student import Recipe, Surroundings, make_student

    problems = [problem for problem in inputs["problems"].rows() if problem.gold is not None]
    context.progress.start("pretraining the student", config.steps)
    around = Surroundings(
        checkpoints=context.scratch.path(),
        saved=context.scratch.save,
        advanced=lambda steps, loss: context.progress.advance(steps, loss=round(loss, 4)),
        stopping=context.stopping,
    )
    made = make_student(problems, Recipe(**config.model_dump()), around, outputs["model"].folder())
    return Outcome(
        metrics={"parameters": made.parameters, "vocabulary": made.vocabulary, "loss": made.loss},
        rows_in=len(problems),
        engines={name: version(name) for name in ("torch", "transformers")},
    )


MAKE_STUDENT = Step(
    name="make-student",
    version=1,
    config=MakeStudentConfig,
    run=run,
    inputs={"problems": Problems},
    outputs={"model": Model},
    pool="train",
    image="train",
)
