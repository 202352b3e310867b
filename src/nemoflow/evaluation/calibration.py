"""Local score against board score over a team's submissions: what the next board score will be, and how little few points say.

With one submission the difference has the interval of two independent shares (R. G. Newcombe, "Interval estimation for the difference
between independent proportions", Statistics in Medicine 17, 1998, method 10). From two on, what is predicted is local + offset with
Student's t over the offsets; from five on a line is fitted too, and used only where its slope is surely not 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from nemoflow.evaluation.score import wilson

T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Student's t that leaves 2.5 % on each side, for 1 to 30 degrees of freedom."""
LINE_POINTS = 5
FEW = 5


@dataclass(frozen=True)
class Point:
    """One submission with both scores."""

    name: str
    right: float
    problems: float
    """Where each was asked several times, attempts over samples: they are not independent."""
    board: float
    """Share, 0 to 1."""

    @property
    def local(self) -> float:
        """Share that is right."""
        return self.right / self.problems


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"

    def to_json(self) -> dict[str, float]:
        """Rounded to what it can mean."""
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


@dataclass(frozen=True)
class Line:
    """Least squares: board = centre_board + slope (local - centre_local)."""

    slope: Estimate
    centre_local: float
    centre_board: float
    spread: float
    """Sum of squares of the local scores about their mean."""
    residual: float
    """Standard deviation about the line, n - 2 degrees of freedom."""
    count: int

    def at(self, local: float) -> Estimate:
        """The next board score at a local one, with its prediction interval."""
        middle = self.centre_board + self.slope.value * (local - self.centre_local)
        wide = 1 + 1 / self.count + (local - self.centre_local) ** 2 / self.spread
        margin = _t(self.count - 2) * self.residual * math.sqrt(wide)
        return _clipped(middle, margin, margin)


@dataclass(frozen=True)
class Calibration:
    """What the points say."""

    points: Sequence[Point]
    board_problems: int
    offset: Estimate | None
    """Board less local of the next submission; None where there is no point."""
    line: Line | None
    """None with fewer than five points, or where all local scores are the same."""

    @property
    def uses_line(self) -> bool:
        """Whether a gain at home is surely another gain on the board."""
        return self.line is not None and not self.line.slope.low <= 1 <= self.line.slope.high

    @property
    def order(self) -> tuple[int, int]:
        """Pairs of submissions whose order on the board is that of their local scores, of those that differ in both."""
        pairs = [(b.local - a.local) * (b.board - a.board) for a, b in combinations(self.points, 2)]
        return sum(pair > 0 for pair in pairs), sum(pair != 0 for pair in pairs)

    def expect(self, local: float) -> Estimate | None:
        """The next submission's board score."""
        if self.offset is None:
            return None
        if self.line is not None and self.uses_line:
            return self.line.at(local)
        middle = local + self.offset.value
        return _clipped(middle, self.offset.value - self.offset.low, self.offset.high - self.offset.value)

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        agreeing, pairs = self.order
        return {
            "v": 1,
            "points": [{"name": p.name, "right": p.right, "problems": p.problems, "local": p.local, "board": p.board} for p in self.points],
            "board_problems": self.board_problems,
            "offset": self.offset.to_json() if self.offset else None,
            "slope": self.line.slope.to_json() if self.line else None,
            "predicts_by": None if self.offset is None else "line" if self.uses_line else "offset",
            "order": {"agreeing": agreeing, "pairs": pairs},
        }

    def lines(self) -> list[str]:
        """For people."""
        count = len(self.points)
        if self.offset is None:
            return ["no submission has both a local and a board score; nothing is known of how they go together"]
        last = self.points[-1].board
        low, high = wilson(round(last * self.board_problems), self.board_problems)
        said = [
            f"next board score less local: {self.offset}, 95 %, from {count} submission{'s' if count > 1 else ''}",
            f"a board score over {self.board_problems} rows is itself a draw: {last:.3f} is {low:.3f} to {high:.3f} on others",
        ]
        if count < FEW:
            said.append(f"{count} point{'s say' if count > 1 else ' says'} little: read the interval, not the figure")
        if self.line is not None:
            slope = self.line.slope
            use = "the line predicts" if self.uses_line else "1 is within it, so the offset predicts"
            said.append(f"a point more at home was {slope.value:.2f} points on the board ({slope.low:.2f} to {slope.high:.2f}); {use}")
        agreeing, pairs = self.order
        if pairs:
            said.append(f"the board's order is the local one in {agreeing} of {pairs} pairs")
        return said


def calibrate(points: Sequence[Point], board_problems: int) -> Calibration:
    """Fit what so few points allow; `board_problems` are the rows behind a board score."""
    return Calibration(tuple(points), board_problems, _offset(points, board_problems), _line(points))


def _offset(points: Sequence[Point], board_problems: int) -> Estimate | None:
    if not points:
        return None
    sampled = [_difference(point, board_problems) for point in points]
    if len(points) == 1:
        return sampled[0]
    offsets = [point.board - point.local for point in points]
    mean = sum(offsets) / len(offsets)
    deviation = math.sqrt(sum((offset - mean) ** 2 for offset in offsets) / (len(offsets) - 1))
    margin = _t(len(offsets) - 1) * deviation * math.sqrt(1 + 1 / len(offsets))
    # Points that agree by chance, or by the board's rounding, do not make the next one surer than sampling lets it be.
    least = min(one.high - one.low for one in sampled) / 2
    return Estimate(mean, mean - max(margin, least), mean + max(margin, least))


def _difference(point: Point, board_problems: int) -> Estimate:
    """Board less local of one submission, by Newcombe's method 10."""
    low, high = wilson(point.right, point.problems)
    below, above = wilson(round(point.board * board_problems), board_problems)
    value = point.board - point.local
    down = math.hypot(max(0.0, point.board - below), high - point.local)
    up = math.hypot(max(0.0, above - point.board), point.local - low)
    return Estimate(value, value - down, value + up)


def _line(points: Sequence[Point]) -> Line | None:
    count = len(points)
    if count < LINE_POINTS:
        return None
    local, board = [point.local for point in points], [point.board for point in points]
    centre, height = sum(local) / count, sum(board) / count
    spread = sum((x - centre) ** 2 for x in local)
    if spread < 1e-12:
        return None
    slope = sum((x - centre) * (y - height) for x, y in zip(local, board, strict=True)) / spread
    rest = sum((y - height - slope * (x - centre)) ** 2 for x, y in zip(local, board, strict=True))
    residual = math.sqrt(rest / (count - 2))
    margin = _t(count - 2) * residual / math.sqrt(spread)
    return Line(Estimate(slope, slope - margin, slope + margin), centre, height, spread, residual, count)


def _t(freedom: int) -> float:
    return T_95[freedom - 1] if freedom <= len(T_95) else 1.96 + 2.46 / freedom


def _clipped(middle: float, down: float, up: float) -> Estimate:
    """Within 0 and 1, as a share is."""
    value, low, high = (min(1.0, max(0.0, figure)) for figure in (middle, middle - down, middle + up))
    return Estimate(value, low, high)
