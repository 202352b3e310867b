"""What a training step costs: tokens, padding, seconds and memory; it counts what goes through the model and changes nothing of it."""

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from nemoflow.training.examples import IGNORED
from nemoflow.training.ranks import ALONE, Ranks

GIB = 2**30
_STATUS, _REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"
"""What Linux takes in `clear_refs` to let the peak of the resident memory begin anew."""


def count_cells(labels: Any) -> tuple[int, int]:
    """(tokens, places) of a micro batch: a row, or what lies in it, ends with a token that is learned, and padding follows it."""
    import torch

    places = torch.arange(1, labels.shape[1] + 1, device=labels.device)
    last = (labels.ne(IGNORED) * places).amax(dim=1)
    return int(last.sum()), labels.numel()


@dataclass
class Meter:
    """Counts micro batches between `begin` and `figures`: one step of the optimizer."""

    clock: Callable[[], float] = time.perf_counter
    _tokens: int = 0
    _cells: int = 0
    _begun: float = 0.0

    def begin(self) -> None:
        """A step begins."""
        self._tokens = self._cells = 0
        self._begun = self.clock()

    def saw(self, batch: Mapping[str, Any]) -> None:
        """A micro batch goes in."""
        tokens, cells = count_cells(batch["labels"])
        self._tokens += tokens
        self._cells += cells

    def figures(self, ranks: Ranks = ALONE) -> dict[str, float]:
        """The step's tokens, tokens a second, share of padding (0 to 1), seconds, and the most memory since the start in GiB.

        Tokens of all processes together, and the memory of the one that has most.
        """
        seconds = max(self.clock() - self._begun, 1e-9)
        tokens, cells = (int(count) for count in ranks.total(self._tokens, self._cells))
        return {
            "tokens": tokens,
            "tokens_per_s": round(tokens / seconds, 1),
            "padding": round(1 - tokens / cells, 6) if cells else 0.0,
            "seconds": round(seconds, 4),
            "peak_memory_gib": round(ranks.largest(peak_memory() / GIB), 3),
        }


def forget_peak() -> None:
    """Let the peak begin anew: the GPU's, or this process' where there is none and the system allows it."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        _REFERENCES.write_text(_FORGET_PEAK)


def peak_memory() -> int:
    """Most bytes held since `forget_peak`: on the GPU what torch gave out, else this process' resident memory."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    with suppress(OSError, IndexError, ValueError):
        return int(_STATUS.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def speed(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What a manifest says of all steps: `seconds_per_step` (median), `tokens_per_s` (all tokens over all seconds), `peak_memory_gib`."""
    if not rows:
        return {}
    return {
        "seconds_per_step": median(row["seconds"] for row in rows),
        "tokens_per_s": round(sum(row["tokens"] for row in rows) / sum(row["seconds"] for row in rows), 1),
        "peak_memory_gib": max(row["peak_memory_gib"] for row in rows),
    }
