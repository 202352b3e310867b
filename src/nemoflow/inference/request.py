"""What is asked of a model, and how patiently: values that need no HTTP library."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn; part of what a trace is."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 7680


@dataclass(frozen=True)
class Patience:
    """How hard an endpoint is pressed and how long it is waited for; never part of what a trace is."""

    concurrency: int = 32
    """Requests in flight at once."""
    total_timeout_s: float = 900.0
    """Seconds that one attempt may take, from sending to the last byte."""
    idle_timeout_s: float = 600.0
    """Seconds without a single byte. Answers are not streamed, so this must exceed the longest generation."""
    connect_timeout_s: float = 10.0
    """Seconds to open a connection."""
    retries: int = 4
    """Attempts after the first."""
    backoff_s: float = 0.5
    """Mean wait before the first retry; it doubles with each."""
    max_wait_s: float = 60.0
    """Longest wait before a retry, also where the server's `Retry-After` asks for more."""


def model_name(model: str, revision: str) -> str:
    """Model and revision in one word, as traces carry it."""
    return f"{model}@{revision}" if revision else model
