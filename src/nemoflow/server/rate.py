"""How often a trigger may start something: a bucket that fills steadily and from which each start takes one."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Rate:
    """Starts of each name in an hour; kept in memory, so a restart forgives what was spent."""

    per_hour: int
    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    """What is left by name, and when that was so."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str) -> float:
        """Take one; 0 where there was one, else the seconds until there is."""
        with self._lock:
            now = self.clock()
            left, since = self._left.get(name, (float(self.per_hour), now))
            left = min(float(self.per_hour), left + (now - since) * self.per_hour / 3600)
            self._left[name] = (left - 1 if left >= 1 else left, now)
            return 0.0 if left >= 1 else (1 - left) * 3600 / self.per_hour

    def give_back(self, name: str) -> None:
        """One that was not needed."""
        with self._lock:
            left, since = self._left.get(name, (float(self.per_hour), self.clock()))
            self._left[name] = (min(float(self.per_hour), left + 1), since)
