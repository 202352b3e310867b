"""What asking cost: requests, tokens, money, and what went wrong on the way."""

from collections import Counter
from dataclasses import dataclass, field

from pydantic import Field

from nemoflow.records import Record


class Price(Record):
    """Money for a million tokens, in whatever currency; 0 where a model is one's own."""

    prompt: float = Field(0.0, ge=0)
    completion: float = Field(0.0, ge=0)

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass
class Tally:
    """Counts of one client; several may share one."""

    sent: int = 0
    """Requests sent, further attempts included."""
    answered: int = 0
    cancelled: int = 0
    """Requests that were given up because nobody needed their answer any more."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cancelled_tokens: int = 0
    """Tokens that had come of requests which were given up; only streams tell."""
    cost: float = 0.0
    retries: Counter[str] = field(default_factory=Counter)
    """Further attempts, by what made them necessary."""

    def pay(self, price: Price, prompt_tokens: int, completion_tokens: int) -> None:
        """An answer came."""
        self.answered += 1
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.cost += price.of(prompt_tokens, completion_tokens)

    def give_up(self, price: Price, tokens: int) -> None:
        """A request was cancelled after so many tokens."""
        self.cancelled += 1
        self.cancelled_tokens += tokens
        self.cost += price.of(0, tokens)
