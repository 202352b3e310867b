"""Corpus rows as token ids: the prefix that evaluation sends, then the response to learn; only the response carries labels.

Prefix and completion are tokenised apart, as generation sees them: the ids that the student is trained after are the ids that
it is asked to go on from. A row that is too long is dropped whole and counted; a cut response would teach to stop before the box.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from nemoflow.prompts.modes import told_mode
from nemoflow.prompts.render import render_completion, render_prefix
from nemoflow.prompts.tools import given
from nemoflow.records import Example

IGNORED = -100
"""Label that the loss leaves out."""


@dataclass(frozen=True)
class Row:
    """One row to train on."""

    prompt: list[int]
    completion: list[int]
    given: tuple[tuple[int, int], ...] = ()
    """Stretches of the completion that the student is handed, not asked for: what Python printed."""
    problem: str = field(default="", compare=False)
    """Id of the problem."""
    mode: str = field(default="", compare=False)
    """What the prompt says of the effort and of Python; empty where it says nothing."""

    @property
    def input_ids(self) -> list[int]:
        """All tokens."""
        return self.prompt + self.completion

    @property
    def labels(self) -> list[int]:
        """The completion's tokens, and nothing to learn before them or where they are given."""
        labels = [IGNORED] * len(self.prompt) + self.completion
        for start, end in self.given:
            labels[len(self.prompt) + start : len(self.prompt) + end] = [IGNORED] * (end - start)
        return labels

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class Rows:
    """What is trained on and what was left out."""

    kept: list[Row] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def dropped(self) -> int:
        """Rows left out."""
        return self.reasons.total()

    @property
    def tokens(self) -> int:
        """Tokens of all kept rows."""
        return sum(len(row) for row in self.kept)

    @property
    def longest(self) -> int:
        """Length of the longest kept row."""
        return max((len(row) for row in self.kept), default=0)


def encode(tokenizer: Any, message: str, response: str, learn_outputs: bool = True) -> Row:
    """A user message and its response as ids; the response ends with the tokenizer's end of turn.

    Without `learn_outputs` what Python printed is tokenised apart, as it is when the student runs code, and carries no labels.
    """
    prefix = tokenizer.encode(render_prefix(tokenizer, message), add_special_tokens=False)
    completion = render_completion(response, tokenizer.eos_token)
    spans = [] if learn_outputs else given(completion)
    ids: list[int] = []
    masked: list[tuple[int, int]] = []
    done = 0
    for start, end in spans:
        ids += tokenizer.encode(completion[done:start], add_special_tokens=False)
        printed = tokenizer.encode(completion[start:end], add_special_tokens=False)
        masked.append((len(ids), len(ids) + len(printed)))
        ids += printed
        done = end
    rest = tokenizer.encode(completion[done:], add_special_tokens=False)
    return Row(prefix, ids + rest, tuple(masked), mode=told_mode(message))


def encode_all(tokenizer: Any, examples: Iterable[Example], max_length: int, learn_outputs: bool = True) -> Rows:
    """Every example as ids; rows over `max_length` tokens are dropped with the reason `too-long`."""
    rows = Rows()
    for example in examples:
        row = encode(tokenizer, example.prompt, example.response, learn_outputs)
        if len(row) > max_length:
            rows.reasons["too-long"] += 1
        else:
            rows.kept.append(replace(row, problem=example.problem_id))
    return rows
