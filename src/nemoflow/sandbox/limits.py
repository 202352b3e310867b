"""What a session may use, and what a call comes back with."""

from typing import Literal

from pydantic import Field

from nemoflow.config import Config

GRACE_S = 1.0
"""Between the interruption of a call, which keeps its variables, and the end of its process, which does not."""

Status = Literal["ok", "error", "time", "memory", "lost", "spent"]


class Limits(Config):
    """What one session may use. A call beyond its time is interrupted; memory, files and threads are refused by the kernel."""

    calls: int = Field(16, ge=1, le=1000)
    """Calls of a session; the CPU time of all of them together is `calls * seconds`."""
    seconds: float = Field(10.0, gt=0, le=600)
    """CPU seconds of a call; on the clock it may take twice as long, and a second."""
    memory_mb: int = Field(512, ge=16, le=65536)
    """MiB of address space beyond what the interpreter has at its start."""
    files_mb: int = Field(16, ge=1, le=4096)
    """MiB of files in the session's own folder; they are memory, and gone with the session."""
    threads: int = Field(16, ge=1, le=256)
    """Threads at once. There is one process, which cannot make others."""
    output_chars: int = Field(1000, ge=20, le=1_000_000)
    """Characters of output that come back: the first and the last half of what was printed."""

    @property
    def wall_s(self) -> float:
        """Seconds on the clock after which a call is interrupted."""
        return 2 * self.seconds + 1


class Output(Config):
    """What came of a call."""

    status: Status
    """`ok`; `error` (an exception); `time` and `memory` (interrupted, variables are kept); `lost` (the process is gone, and the variables
    with it; the next call starts anew); `spent` (no call is left, nothing was run)."""
    text: str
    """What was printed, the value of a last expression, and the exception."""
    cut: int = Field(0, ge=0)
    """Characters in the middle of the output that were left out."""
    seconds: float = Field(0.0, ge=0)
    """CPU time, as the session itself measured it."""
