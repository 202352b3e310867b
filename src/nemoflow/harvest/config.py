"""What every step that asks a teacher lets a user set."""

from pydantic import Field

from nemoflow.config import Config, tuning
from nemoflow.inference.request import Patience, Sampling


class AskConfig(Config):
    """How a teacher is asked. Everything from `concurrency` on changes the cost, never the traces."""

    temperature: float = Field(1.0, ge=0, le=2)
    """Sampling temperature."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus sampling: 1 keeps all."""
    max_tokens: int = Field(7680, ge=1)
    """Longest answer in tokens; the contest's own limit by default, since a longer trace could not be repeated there."""
    seed: int = 0
    """Base of each request's seed."""
    system: str = ""
    """System message; empty sends none, as the contest does."""
    concurrency: int = tuning(256, ge=1)
    """Requests in flight at once, at most, for each URL."""
    concurrency_start: int = tuning(32, ge=1)
    """In flight at the beginning. It doubles while the server gives more for it, and falls when the server answers 429 or 503."""
    stream: bool = tuning(False)
    """Take answers piece by piece, so that `idle_timeout_s` notices a silent server. Where samples may be cancelled it is on anyway."""
    total_timeout_s: float = tuning(900.0, gt=0)
    """Seconds that one attempt at a request may take."""
    idle_timeout_s: float = tuning(600.0, gt=0)
    """Seconds without a byte; where answers are not streamed it must exceed the longest generation."""
    retries: int = tuning(4, ge=0)
    """Further attempts at a request that failed in a way that may pass."""
    backoff_s: float = tuning(0.5, ge=0)
    """Mean wait before the first further attempt; it doubles with each."""
    max_wait_s: float = tuning(60.0, ge=0)
    """Longest wait between attempts, also where the server asks for more."""
    return_s: float = tuning(3600.0, gt=0)
    """Seconds that a teacher on a cluster gets to answer (again) before the first request, such as after its pod died."""
    commit_rows: int = tuning(256, ge=1)
    """Finished traces that are committed together for other runs to find; this run's own folder has each at once."""
    commit_s: float = tuning(10.0, gt=0)
    """Seconds after which a finished trace is committed at the latest."""
    max_error_share: float = tuning(0.1, ge=0, le=1)
    """Share of requests that may fail for good; beyond it the endpoint counts as down and the step ends with 75."""
    max_errors_in_a_row: int = tuning(16, ge=1)
    """Failures one after the other that mean the same."""

    def sampling(self) -> Sampling:
        """How an answer is drawn."""
        return Sampling(self.temperature, self.top_p, self.max_tokens)

    def patience(self, stream: bool = False) -> Patience:
        """How long the endpoint is waited for; `stream` where samples may be cancelled."""
        return Patience(
            concurrency=self.concurrency,
            start=self.concurrency_start,
            stream=self.stream or stream,
            total_timeout_s=self.total_timeout_s,
            idle_timeout_s=self.idle_timeout_s,
            retries=self.retries,
            backoff_s=self.backoff_s,
            max_wait_s=self.max_wait_s,
        )

    def refuse_repeats(self, attempts: int, field: str) -> None:
        """ValueError where several attempts would draw one answer; for the validators of the steps' configs."""
        if self.temperature == 0 and attempts > 1:
            raise ValueError(
                f"temperature 0 gives the same answer every time: {field} = {attempts} needs a temperature above 0, or {field} = 1"
            )
