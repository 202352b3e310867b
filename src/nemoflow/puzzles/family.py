"""What every kind of puzzle offers: generate, solve, explain."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from nemoflow.records import Problem


@dataclass(frozen=True)
class Solution:
    """A solver's finding. An empty `answer` means that it found none."""

    answer: str
    rule: str
    """The hidden rule in words, such as `factor 2.5`."""
    confidence: Literal["forced", "likely", "guess", "none"]
    """`forced`: every rule that fits the examples gives this answer; `none`: no rule fits."""
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """One kind of puzzle."""

    name: str
    """Category of its problems, such as `numeral`."""
    marker: str
    """Phrase that its prompts hold and no other kind's do."""
    generate: Callable[[Random], Problem]
    """A problem drawn with the generator's state; `meta["hidden"]` names the hidden parameters that a split keeps apart."""
    solve: Callable[[str], Solution]
    """Solve a prompt; a prompt that it cannot read gives confidence `none` with the reason in `rule`."""
    explain: Callable[[str], str]
    """The solver's run on a prompt as reasoning, without think tags or box; empty where it found nothing."""
