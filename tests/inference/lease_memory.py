"""A teacher, its leases and Workflows in memory, with resource versions; and a director who decides whose call comes next.

Each participant is a thread that runs only while the director lets it make one call; it may be killed before a call, or after the call
had its effect and before it hears of it.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from nemoflow.inference.leases import Lease, Scale, WorkflowName


class Killed(BaseException):
    """What a participant dies of."""


@dataclass
class World:
    """What the API server keeps."""

    replicas: int = 0
    kept: dict[str, Lease] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    """Uids of the Workflows that are over or gone."""
    clock: float = 1000.0
    version: int = 1
    writes: list[tuple[str, int]] = field(default_factory=list)
    """Who wrote which scale, in order."""

    def changed(self) -> str:
        self.version += 1
        return str(self.version)


@dataclass
class MemoryTeacher:
    """The world as one participant calls it; `turn` is asked before each call and told after it."""

    world: World
    who: str
    turn: Callable[[bool], None] = lambda after: None

    def _call(self, effect):
        self.turn(False)
        result = effect()
        self.turn(True)
        return result

    def scale(self) -> Scale:
        return self._call(lambda: Scale(self.world.replicas, str(self._version)))

    def set_scale(self, replicas: int, version: str) -> bool:
        return self._call(lambda: self._write(replicas, version))

    def leases(self) -> tuple[Sequence[Lease], float]:
        return self._call(lambda: (list(self.world.kept.values()), self.world.clock))

    def hold(self, lease: Lease) -> None:
        self._call(lambda: self.world.kept.update({lease.name: replace(lease, version=self.world.changed())}))

    def drop(self, name: str, version: str = "") -> bool:
        return self._call(lambda: self._drop(name, version))

    def why_over(self, workflow: WorkflowName) -> str:
        return self._call(lambda: "over" if workflow.uid in self.world.over else "")

    @property
    def _version(self) -> int:
        return len(self.world.writes)

    def _write(self, replicas: int, version: str) -> bool:
        if version != str(self._version):
            return False
        self.world.replicas = replicas
        self.world.writes.append((self.who, replicas))
        return True

    def _drop(self, name: str, version: str) -> bool:
        lease = self.world.kept.get(name)
        if lease is None or version not in ("", lease.version):
            return False
        del self.world.kept[name]
        self.world.changed()
        return True


class Participant(threading.Thread):
    """Runs `work` on a teacher of its own, one call at a time."""

    def __init__(self, world: World, name: str, work: Callable[[MemoryTeacher], None]) -> None:
        super().__init__(daemon=True)
        self.label, self._work = name, work
        self.is_over, self.was_killed = False, False
        self._order, self._go, self._done = "", threading.Semaphore(0), threading.Semaphore(0)
        self._teacher = MemoryTeacher(world, name, self._turn)
        self.start()
        self._done.acquire()  # it stands before its first call, or has ended

    def run(self) -> None:
        try:
            self._work(self._teacher)
        except Killed:
            self.was_killed = True
        finally:
            self.is_over = True
            self._done.release()

    def step(self, order: str = "go") -> None:
        """One call; `before` and `after` kill it there."""
        self._order = order
        self._go.release()
        self._done.acquire()

    def _turn(self, after: bool) -> None:
        if not after:
            self._done.release()
            self._go.acquire()
        if self._order == ("after" if after else "before"):
            raise Killed
