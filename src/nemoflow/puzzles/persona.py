"""Which solver teacher speaks: its error rate and seed, the model id that says both, and its answer to a conversation.

The answer depends on the persona, the messages, the request's seed and the choice's index, and on nothing else: not on the
order of requests, on `n`, on temperature. A request without a seed is one request like any other, so it too repeats itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import xxhash

from nemoflow.errors import ConfigError
from nemoflow.prompts.chat import SUFFIX
from nemoflow.prompts.judge import read_question as read_question_to_judge
from nemoflow.prompts.teacher import HINT
from nemoflow.puzzles.catalog import family_of
from nemoflow.puzzles.family import Family
from nemoflow.puzzles.mistakes import UNREADABLE, Response, Runs, respond
from nemoflow.puzzles.modes import conclude, judge, respond_in_mode

VERSION = 2
"""Raised whenever the same request would get another answer, solvers and their explanations included."""
HINTED_SHARE = 0.25
"""A teacher that is told the answer errs at this share of its error rate."""

HINT_OPEN, HINT_CLOSE = HINT.split("{gold}")


def model_id(error_rate: float, seed: int, style: str = "", learned: str = "", modes: bool = False) -> str:
    """All that decides the teacher's answers, such as `solver-v2-e0.12-s7`: an endpoint's identity is its model's name.

    Args:
        error_rate: share of answers with a mistake.
        seed: decides which answers, and which mistake.
        style: how it explains, where not each kind's usual way.
        learned: digest of the prompts that its solvers learned from.
        modes: whether it heeds efforts, runs Python and judges.
    """
    tail = f"{f'-{style}' if style else ''}{f'-k{learned}' if learned else ''}{'-modes' if modes else ''}"
    return f"solver-v{VERSION}-e{error_rate:g}-s{seed}{tail}"


def digest_of(statements: Iterable[str]) -> str:
    """A name of eight hex digits for a set of prompts, whatever their order."""
    return xxhash.xxh3_64_hexdigest(orjson.dumps(sorted(statements)))[:8]


@dataclass(frozen=True)
class Persona:
    """A solver teacher with its habits."""

    error_rate: float = 0.0
    seed: int = 0
    find: Callable[[str], Family | None] = family_of
    """Which family reads a statement."""
    style: str = ""
    """How it explains, where a kind has that style; else the kind's usual way."""
    known: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What `batch.learn` gave."""
    learned: str = ""
    """`digest_of` the prompts that it learned from."""
    modes: bool = False
    """Whether it heeds efforts, runs Python and judges; see modes.py."""
    runs: Runs = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", Runs(self.known, self.style))
        if not 0 <= self.error_rate <= 1:
            raise ConfigError(f"error rate: a share from 0 to 1, got {self.error_rate}")
        if float(f"{self.error_rate:g}") != self.error_rate:
            raise ConfigError(f"error rate: at most six digits, so that the model's name can hold it, got {self.error_rate!r}")

    @property
    def model(self) -> str:
        """The model id that it is served under."""
        return model_id(self.error_rate, self.seed, self.style, self.learned, self.modes)

    def reply(self, messages: Sequence[tuple[str, str]], request_seed: int | None, index: int) -> Response:
        """Choice `index` of the answer to (role, content) messages; without `modes` only the last user message is read."""
        question = next((content for role, content in reversed(messages) if role == "user"), "")
        if self.modes and (said := _without_a_puzzle(question)):
            return said
        statement, hinted = read_question(question)
        family = self.find(statement)
        if family is None:
            return UNREADABLE
        rng = Random(orjson.dumps([self.seed, request_seed, index, messages]))
        rate = self.error_rate * (HINTED_SHARE if hinted else 1)
        if self.modes:
            return respond_in_mode(family.name, self.runs.of(family), statement, messages, rng, rate)
        return respond(self.runs.of(family), statement, rng, rate)


def _without_a_puzzle(question: str) -> Response | None:
    """The answer to a judge's question, or to what Python printed."""
    answers = read_question_to_judge(question)
    return judge(*answers) if answers else conclude(question)


def read_question(question: str) -> tuple[str, bool]:
    """(statement without the contest's suffix, whether the STaR hint was there)."""
    head, found, tail = question.rpartition(HINT_OPEN)
    hinted = bool(found) and tail.rstrip().endswith(HINT_CLOSE.rstrip())
    text = head if hinted else question
    return text.rstrip().removesuffix(SUFFIX).rstrip(), hinted
