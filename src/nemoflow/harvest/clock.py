"""The clock of a contest: seconds pooled over its problems, as AIMO-2's winners kept it (arXiv 2504.16891, section 6.3).

Each problem brings `each_s` into a pool and takes as long as it needs, up to `most_s`; what it does not use is left for those after it.

    clock = Clock(each_s=350, most_s=560)
    clock.allow()          # 350: nothing is saved yet
    clock.spend(100)
    clock.allow()          # 560: 350 and the 250 saved, capped
"""


class Clock:
    """What the next problem may take."""

    def __init__(self, each_s: float, most_s: float) -> None:
        self._each_s, self._most_s = each_s, most_s
        self.saved_s = 0.0
        """Left over by the problems before."""

    def allow(self) -> float:
        """Seconds that the next problem may take; never below 0."""
        return max(0.0, min(self._most_s, self._each_s + self.saved_s))

    def spend(self, seconds: float) -> None:
        """A problem took so long; more than was allowed is paid for by those after it."""
        self.saved_s += self._each_s - seconds
