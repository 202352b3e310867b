"""Tries: which attempt at a node this is, how the one before ended, and how many passing failures it may still have.

What starts the attempts (Argo) counts all of them alike and forgets the rest. So an attempt is told its number and how the last one
ended, keeps the count of its own failures in the node's failure record, and leaves a last word for whoever decides on a next one.
"""

from dataclasses import dataclass
from pathlib import Path

from nemoflow.errors import EXIT_NO_MEMORY, EXIT_TRY_AGAIN, GivenUp, NemoflowError, PeerLost, Stopped
from nemoflow.flow.manifest import FailureRecord

ASKED_TO_STOP = "asked to stop"
MORE_MEMORY = "with more memory"
WORDS_CHARS = 1000
"""Kubernetes keeps 4,096 bytes of all containers together."""
ATTEMPTS = 500
"""In all, whatever ended them: a training that is sent away every twenty minutes has a week."""


@dataclass(frozen=True)
class Tries:
    """One attempt among several; the default is a single one that nobody counts."""

    attempt: int = 0
    """0 is the first; what earlier runs of the node left is then of no account."""
    retries: int | None = None
    """Passing failures that are tried again; None: nobody counts."""
    after: int = 0
    """Exit code of the attempt before."""
    last_words: Path | None = None
    """A file that is read when the process is gone, however it went."""

    def begin(self) -> None:
        """Leave word of what is to be known should nothing more be said; GivenUp where this is one attempt too many."""
        if self.attempt >= ATTEMPTS:
            raise GivenUp(f"begun {ATTEMPTS} times; given up, look at what ended the attempts before: nemoflow show RUN --cluster FILE")
        if self.after == EXIT_NO_MEMORY:
            self.say(MORE_MEMORY)

    def say(self, words: str) -> None:
        """Replace the last words; a file that takes none costs nothing but the words."""
        if self.last_words is not None:
            try:
                self.last_words.write_text(" ".join(words.split())[:WORDS_CHARS], encoding="utf-8")
            except OSError:
                return

    def passing(self, before: FailureRecord | None, error: NemoflowError | None) -> int:
        """Passing failures of the node, this one included."""
        earlier = before.passing if before is not None and self.attempt > 0 else 0
        return earlier + _is_own(error)

    def judge(self, error: NemoflowError | None, passing: int) -> NemoflowError | None:
        """The error to end with: GivenUp for one passing failure too many."""
        if not _is_own(error) or self.retries is None or passing <= self.retries:
            return error
        return GivenUp(f"{error}; given up after {passing} such failures ({self.retries} are tried again)")


def _is_own(error: NemoflowError | None) -> bool:
    """Whether it passes and is the attempt's own. To be stopped is the fault of nobody; to lose another pod is that pod's."""
    return error is not None and error.exit_code == EXIT_TRY_AGAIN and not isinstance(error, Stopped | PeerLost)
