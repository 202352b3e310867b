"""How many replicas of a teacher a harvest needs to be done in time: a pure function of what is to be asked and how fast one answers."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """What is to be asked, and until when."""

    requests: int
    tokens_per_request: float
    """Generated tokens of a mean answer; prompts cost little beside them."""
    tokens_per_s: float
    """What one replica generates for all its requests together."""
    finish_s: float
    """Seconds within which all answers should be there, loading not counted."""


@dataclass(frozen=True)
class Sizing:
    """How many, and how long they will take."""

    replicas: int
    needed: int
    """How many it would take to be done in time."""
    seconds: float
    demand: Demand

    def __str__(self) -> str:
        """In words, with the figures that led there."""
        speed = f"{self.demand.tokens_per_s:g} tokens/s a replica"
        asked = f"{self.demand.requests} requests of {self.demand.tokens_per_request:g} tokens at {speed}"
        held_back = f" ({self.needed} would be done in {_time(self.demand.finish_s)})" if self.needed > self.replicas else ""
        return f"{asked}: {self.replicas} replica{'' if self.replicas == 1 else 's'}, about {_time(self.seconds)}{held_back}"


def size(demand: Demand, most: int) -> Sizing:
    """The fewest replicas that are done in time, but no more than `most`, nor more than there are requests, and at least one.

    Replicas share the work evenly: each takes whole requests, so that a few long ones at the end are not counted.
    """
    work_s = demand.requests * demand.tokens_per_request / demand.tokens_per_s
    needed = max(1, math.ceil(work_s / demand.finish_s))
    replicas = min(needed, most, max(1, demand.requests))
    return Sizing(replicas, needed, work_s / replicas, demand)


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
