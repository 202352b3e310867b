"""Corpus rows as token ids: the prefix that evaluation sends, then the response to learn; only the response carries labels.

Prefix and completion are tokenised apart, as generation sees them: the ids that the student is trained after are the ids that
it is asked to go on from. A row that is too long is dropped whole and counted; a cut response would teach to stop before the box.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nemoflow.prompts.render import render_completion, render_prefix
from nemoflow.records import Example

IGNORED = -100
"""Label that the loss leaves out."""


@dataclass(frozen=True)
class Row:
    """One row to train on."""

    prompt: list[int]
    completion: list[int]

    @property
    def input_ids(self) -> list[int]:
        """All tokens."""
        return self.prompt + self.completion

    @property
    def labels(self) -> list[int]:
        """The completion's tokens, and nothing to learn before them."""
        return [IGNORED] * len(self.prompt) + self.completion

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


def encode(tokenizer: Any, message: str, response: str) -> Row:
    """A user message and its response as ids; the response ends with the tokenizer's end of turn."""
    prefix = render_prefix(tokenizer, message)
    completion = render_completion(response, tokenizer.eos_token)
    return Row(tokenizer.encode(prefix, add_special_tokens=False), tokenizer.encode(completion, add_special_tokens=False))


def encode_all(tokenizer: Any, examples: Iterable[Example], max_length: int) -> Rows:
    """Every example as ids; rows over `max_length` tokens are dropped with the reason `too-long`."""
    rows = Rows()
    for example in examples:
        row = encode(tokenizer, example.prompt, example.response)
        if len(row) > max_length:
            rows.reasons["too-long"] += 1
        else:
            rows.kept.append(row)
    return rows
