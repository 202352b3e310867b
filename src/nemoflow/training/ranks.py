"""Ranks: the processes that train together, as one of them sees the others; what they tell each other besides gradients.

All of them call the same methods in the same order. Words go by gloo, apart from the gradients' own connections: a process that waits for
another's upload holds up no kernel of a GPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

WAIT = timedelta(hours=2)
"""How long a process waits for the others' words; the first may be saving a checkpoint to a bucket, others read a large base."""
GRADIENTS = timedelta(minutes=10)
"""How long for their gradients: nobody does anything else between words and these."""


@dataclass(frozen=True)
class Ranks:
    """One process' place among those that train together."""

    index: int = 0
    count: int = 1
    words: Any = None
    """The group of torch.distributed by which they talk; None for a process alone."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes checkpoints, logs and the adapter."""
        return self.index == 0

    def any(self, flag: bool) -> bool:
        """Whether it is so for one of them."""
        return self.largest(float(flag)) > 0

    def largest(self, value: float) -> float:
        """The largest of their values."""
        if self.count == 1:
            return value
        import torch.distributed as dist

        return float(self._reduced([value], dist.ReduceOp.MAX)[0])

    def total(self, *values: float) -> list[float]:
        """The sum of each of their values."""
        if self.count == 1:
            return list(values)
        import torch.distributed as dist

        return self._reduced(values, dist.ReduceOp.SUM)

    def first(self, value: Any) -> Any:
        """The first one's value."""
        return self.all(value)[0]

    def all(self, value: Any) -> list[Any]:
        """Everybody's value, in the order of the processes."""
        if self.count == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value, group=self.words)
        return values

    def wait(self) -> None:
        """Until all of them are here."""
        self.any(False)

    def _reduced(self, values: Sequence[float], how: Any) -> list[float]:
        import torch
        import torch.distributed as dist

        held = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(held, how, group=self.words)
        return [float(value) for value in held]


ALONE = Ranks()


def meet(store: Any, index: int, count: int) -> Ranks:
    """Connect the calling process with the others by a store of torch.distributed: gradients by NCCL on GPUs, else by gloo."""
    import torch
    import torch.distributed as dist

    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=index, world_size=count, timeout=GRADIENTS)
    return Ranks(index, count, dist.new_group(backend="gloo", timeout=WAIT))
