"""What is asked of a model, how patiently, and what comes back: values that need no HTTP library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nemoflow.records import Usage


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn; part of what a trace is."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 7680
    mode: str = ""
    """How hard the model thinks and with what, such as `high` or `low+python`; empty is the model's own way."""
    recipe: str = ""
    """Whatever else decides the trace, as canonical JSON: fields of the request, repairs, limits of tools. Empty where there is nothing."""


@dataclass(frozen=True)
class Patience:
    """How hard an endpoint is pressed and how long it is waited for; never part of what a trace is."""

    concurrency: int = 256
    """Requests in flight at once, at most."""
    start: int | None = None
    """In flight at the beginning; it rises while the server gives more for it. None begins with `concurrency`."""
    total_timeout_s: float = 900.0
    """Seconds that one attempt may take, from sending to the last byte."""
    idle_timeout_s: float = 600.0
    """Seconds without a single byte. Where answers are not streamed, this must exceed the longest generation."""
    connect_timeout_s: float = 10.0
    """Seconds to open a connection."""
    retries: int = 4
    """Attempts after the first."""
    backoff_s: float = 0.5
    """Mean wait before the first retry; it doubles with each."""
    max_wait_s: float = 60.0
    """Longest wait before a retry, also where the server's `Retry-After` asks for more."""
    stream: bool = False
    """Take answers piece by piece: a server notices at once that nobody waits any more, and silence is noticed within `idle_timeout_s`."""


@dataclass(frozen=True)
class Reply:
    """What an attempt got, out of one completion or several."""

    text: str
    finish: str
    usage: Usage
    seconds: float
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What is worth knowing of how it came about, such as `repairs` or `calls`; it goes into the trace's `meta`."""


def model_name(model: str, revision: str) -> str:
    """Model and revision in one word, as traces carry it."""
    return f"{model}@{revision}" if revision else model
