"""Leases on a sleeping teacher: who needs it, how many replicas that makes, and the loop that makes it so.

Every run that needs the teacher holds a lease of its own. A lease is live while its Workflow runs or, where it names none, while it
is renewed. The teacher should have as many replicas as the largest live lease asks for, and none without one.

Wakes, releases and janitors all change their own lease first and then `settle`: read the scale, then the leases, write the scale only if
nobody wrote it since, and read both again until they agree. So the last to write always looks once more at what it wrote. One that
is killed between its write and that look may leave the wrong number behind, until somebody settles again: the janitor does each minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nemoflow.errors import ProviderError
from nemoflow.records import Record

MOST_TURNS = 30
"""Turns of `settle` that somebody else's writes may spoil before it gives up."""
SLACK_S = 5.0
"""What a renewed lease lives beyond its time: the server's clock is read in whole seconds."""


class WorkflowName(Record):
    """A Workflow of Argo. Names come again, uids do not."""

    name: str
    uid: str


@dataclass(frozen=True)
class Lease:
    """One run's need of a teacher. Times are the API server's, in seconds since 1970."""

    name: str
    holder: str
    """In words, who holds it."""
    replicas: int
    workflow: WorkflowName | None = None
    duration_s: float = 0.0
    """Without a Workflow: how long it lives unless it is renewed."""
    since: float = 0.0
    renewed: float = 0.0
    version: str = ""
    """What the API server calls this state of it; a lease that was changed since is not dropped."""


@dataclass(frozen=True)
class Scale:
    """How many replicas are wanted, and which state of the Deployment said so."""

    replicas: int
    version: str


class LeasedTeacher(Protocol):
    """A Deployment, its leases and the Workflows that hold them; every method is one call of the API server."""

    def scale(self) -> Scale:
        """How many replicas are wanted now."""
        ...

    def set_scale(self, replicas: int, version: str) -> bool:
        """Want so many; False, and nothing changed, where the Deployment is no longer in the state `version`."""
        ...

    def leases(self) -> tuple[Sequence[Lease], float]:
        """All leases on this teacher, and what time it is there."""
        ...

    def hold(self, lease: Lease) -> None:
        """Take a lease, or renew the one of that name."""
        ...

    def drop(self, name: str, version: str = "") -> bool:
        """Give a lease back; False where there is none, or none in the state `version`."""
        ...

    def why_over(self, workflow: WorkflowName) -> str:
        """Empty while a Workflow runs, else in words why it does not."""
        ...


@dataclass(frozen=True)
class Seen:
    """A lease, and why it counts no more; empty where it does."""

    lease: Lease
    why_dead: str

    @property
    def is_live(self) -> bool:
        """Whether it counts."""
        return not self.why_dead


@dataclass(frozen=True)
class Settled:
    """What a teacher was found at, and what it was left at."""

    before: int
    replicas: int
    seen: tuple[Seen, ...]

    @property
    def dead(self) -> tuple[Seen, ...]:
        """Leases that count no more."""
        return tuple(seen for seen in self.seen if not seen.is_live)


def look_at(teacher: LeasedTeacher) -> tuple[Seen, ...]:
    """Every lease with the reason why it is dead, if it is; changes nothing."""
    leases, now = teacher.leases()
    return tuple(Seen(lease, _why_dead(lease, now, teacher)) for lease in leases)


def wanted(seen: Sequence[Seen]) -> int:
    """Replicas that the live leases make: the largest of them, for runs share a teacher."""
    return max((each.lease.replicas for each in seen if each.is_live), default=0)


def settle(teacher: LeasedTeacher) -> Settled:
    """Bring the scale to what the live leases make; what was dead is told, not dropped.

    Raises ProviderError where others write all the time.
    """
    before: int | None = None
    for _ in range(MOST_TURNS):
        scale = teacher.scale()  # before the leases: a write that comes in between spoils ours
        before = scale.replicas if before is None else before
        seen = look_at(teacher)
        if scale.replicas == wanted(seen):
            return Settled(before, scale.replicas, seen)
        teacher.set_scale(wanted(seen), scale.version)
    raise ProviderError(f"the teacher's scale was changed by others {MOST_TURNS} times in a row; is an autoscaler at it?")


def tidy(teacher: LeasedTeacher) -> Settled:
    """The janitor's turn: settle, then drop the dead leases, unless their holders renewed them meanwhile."""
    settled = settle(teacher)
    for seen in settled.dead:
        teacher.drop(seen.lease.name, seen.lease.version)
    return settled


def _why_dead(lease: Lease, now: float, teacher: LeasedTeacher) -> str:
    if lease.workflow is not None:
        return teacher.why_over(lease.workflow)
    late = now - lease.renewed - lease.duration_s
    return f"not renewed for {now - lease.renewed:.0f} s; {lease.duration_s:g} s are allowed" if late > SLACK_S else ""
