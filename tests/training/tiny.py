"""A tiny student and a tiny corpus for tests, and a process that runs one of the two training steps until it is killed."""

import json
import sys
import time
from itertools import islice
from pathlib import Path

from tests.steps.alone import Alone, write_lines

from nemoflow.prompts.chat import render_response, user_message
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.split import draw
from nemoflow.records import Example, Problem
from nemoflow.steps.make_student import MAKE_STUDENT
from nemoflow.steps.train import TRAIN
from nemoflow.training.student import Recipe, Surroundings, make_student

STUDENT = {"hidden": 32, "steps": 12, "batch": 4, "checkpoint_every": 4, "warmup": 2}
QUICK = {
    "r": 4,
    "alpha": 8,
    "epochs": 4,
    "micro_batch": 2,
    "accumulation": 2,
    "learning_rate": 1e-3,
    "max_length": 512,
    "precision": "fp32",
    "quantization": "none",
    "activation_checkpointing": False,
    "threads": 1,
    "checkpoint_every": 4,
    "base_name": "test/tiny",
}
"""16 rows in steps of 4 are 16 steps; dropout stays on, so that a resume has random state to restore."""
BRIEF = {
    "steps": 4,
    "prompts": 2,
    "samples": 4,
    "micro_batch": 4,
    "max_new_tokens": 16,
    "kinds": {"numeral": 1, "unit": 1},
    "level": "easy",
    "learning_rate": 1e-2,
    "warmup": 0.0,
    "precision": "fp32",
    "quantization": "none",
    "activation_checkpointing": False,
    "threads": 1,
    "checkpoint_every": 1,
    "base_name": "test/tiny",
}
"""A reinforcement of a few short responses."""


def puzzles(count: int, kinds: tuple[str, ...] = ("numeral", "unit")) -> list[Problem]:
    return [problem for kind in kinds for problem in islice(draw(FAMILIES[kind], "train", 3, "easy"), count)]


def example(problem: Problem) -> Example:
    response = render_response(FAMILIES[problem.category].trace(problem.statement), problem.gold)
    return Example(
        id=problem.id,
        problem_id=problem.id,
        trace_id=problem.id,
        category=problem.category,
        source="teacher",
        prompt=user_message(problem.statement),
        response=response,
    )


def untaught(folder: Path, pattern: str = "M*-", hidden: int = 32) -> Path:
    """A student after a single step: the right shapes and tokenizer, no knowledge."""
    recipe = Recipe(pattern, hidden, 1, 4, 1e-3, 1, 0.5, 100, 1, 0)
    folder.mkdir(parents=True, exist_ok=True)
    make_student(puzzles(20), recipe, Surroundings(folder, lambda: None, lambda steps, loss: None, lambda: False), folder)
    return folder


def attending(folder: Path, family: str = "llama") -> Path:
    """An untrained model with the student's tokenizer; a Llama is one whose rows may lie side by side."""
    from tests.training.families import tiny
    from transformers import AutoTokenizer

    untaught(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = tiny(family, len(tokenizer))
    model.config.update({name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")})
    model.save_pretrained(folder)
    return folder


def student_step(root: Path, **fields: object) -> Alone:
    return Alone(MAKE_STUDENT, {"problems": write_lines(root / "problems.jsonl", puzzles(20))}, root / "root", **fields)


def train_step(root: Path, base: Path, **fields: object) -> Alone:
    corpus = write_lines(root / "corpus.jsonl", [example(problem) for problem in puzzles(8)])
    return Alone(TRAIN, {"corpus": corpus, "model": base}, root / "root", **fields)


def wait_for(root: Path, name: str, seconds: float = 400.0) -> None:
    """Until a file or folder of that name lies somewhere under the root."""
    deadline = time.monotonic() + seconds
    while not any(root.rglob(name)):
        assert time.monotonic() < deadline, f"no {name} under {root} after {seconds} s"
        time.sleep(0.005)


def four_gpus_in_sight(monkeypatch, arguments):
    """Let a trainer's arguments count GPUs as on a machine with four."""
    finish = arguments.__post_init__

    def with_four(self):
        finish(self)
        self._n_gpu = 4

    monkeypatch.setattr(arguments, "__post_init__", with_four)


if __name__ == "__main__":
    kind, place = sys.argv[1], Path(sys.argv[2])
    if kind == "student":
        student_step(place).run(**STUDENT)
    else:
        train_step(place, Path(sys.argv[3])).run(**{**QUICK, **json.loads(sys.argv[4] if sys.argv[4:] else "{}")})
