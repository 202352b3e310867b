"""Local score across, board score up: submissions with their intervals, what the next ones are expected to be, and where both are equal."""

import math
from collections.abc import Callable, Sequence

from nemoflow.evaluation.calibration import Calibration, Point
from nemoflow.evaluation.charts import STANDALONE_STYLE
from nemoflow.evaluation.markup import text
from nemoflow.evaluation.score import wilson

WIDTH, HEIGHT = 480, 440
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 52, 46
STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
BAND_PARTS = 40
STYLE = (
    STANDALONE_STYLE
    + """
.sheet { fill: #ffffff; } .equal { stroke: #7a8698; stroke-dasharray: 4 4; } .band { fill: #0b7a55; fill-opacity: 0.14; }
.fit { stroke: #0b7a55; stroke-width: 1.6; fill: none; }
@media (prefers-color-scheme: dark) { .sheet { fill: #12171d; } .band { fill: #3ecf9a; } .fit { stroke: #3ecf9a; } }
"""
)


def calibration_svg(found: Calibration) -> str:
    """A picture that stands alone, light and dark."""
    ticks = _ticks(_reach(found))
    low, high = ticks[0], ticks[-1]

    def across(share: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (share - low) / (high - low)

    def up(share: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (share - low) / (high - low)

    parts = [f'<rect class="sheet" width="{WIDTH}" height="{HEIGHT}"/>', *_titles(found)]
    for tick in ticks:
        x, y = across(tick), up(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text class="muted" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.3g}</text>')
        parts.append(f'<text class="muted" x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{tick:.3g}</text>')
    parts.append(f'<line class="equal" x1="{across(low):.1f}" y1="{up(low):.1f}" x2="{across(high):.1f}" y2="{up(high):.1f}"/>')
    frame = f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"/>'
    parts.append(f'<clipPath id="frame">{frame}</clipPath><g clip-path="url(#frame)">{_band(found, low, high, across, up)}</g>')
    parts += [_point(point, found.board_problems, across, up) for point in found.points]
    parts.append(f'<text class="muted" x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">local accuracy</text>')
    said = "; ".join(f"{point.name}: local {point.local:.3f}, board {point.board:.3f}" for point in found.points) or "no submission yet"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(said)}">'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>"
    )


def _titles(found: Calibration) -> list[str]:
    count = len(found.points)
    expected = f"; next is local {found.offset}" if found.offset else ""
    return [
        '<text class="strong" x="8" y="18">Board score (up) against local score (across)</text>',
        f'<text class="muted" x="8" y="36">{count} submission{"" if count == 1 else "s"}{text(expected)}</text>',
    ]


def _reach(found: Calibration) -> tuple[float, float]:
    """From the lowest to the highest share that is drawn."""
    shares = [share for point in found.points for share in (*_bounds(point, found.board_problems), point.board, point.local)]
    return (min(shares), max(shares)) if shares else (0.0, 1.0)


def _bounds(point: Point, board_problems: int) -> tuple[float, float, float, float]:
    return (*wilson(point.right, point.problems), *wilson(round(point.board * board_problems), board_problems))


def _ticks(reach: tuple[float, float]) -> list[float]:
    low, high = reach
    step = next((step for step in STEPS if (high - low) / step <= 6), STEPS[-1])
    first, last = math.floor(low / step + 1e-9), max(math.ceil(high / step - 1e-9), math.floor(low / step + 1e-9) + 1)
    return [step * index for index in range(first, last + 1)]


def _band(found: Calibration, low: float, high: float, across: Callable[[float], float], up: Callable[[float], float]) -> str:
    places = [low + (high - low) * index / BAND_PARTS for index in range(BAND_PARTS + 1)]
    expected = [(place, one) for place in places if (one := found.expect(place)) is not None]
    if not expected:
        return ""
    edge = [(across(place), up(one.high)) for place, one in expected]
    edge += [(across(place), up(one.low)) for place, one in reversed(expected)]
    middle = [(across(place), up(one.value)) for place, one in expected]
    return f'<polygon class="band" points="{_joined(edge)}"/><polyline class="fit" points="{_joined(middle)}"/>'


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _point(point: Point, board_problems: int, across: Callable[[float], float], up: Callable[[float], float]) -> str:
    left, right, below, above = _bounds(point, board_problems)
    x, y = f"{across(point.local):.1f}", f"{up(point.board):.1f}"
    reach = f"M{across(left):.1f} {y}H{across(right):.1f}M{x} {up(below):.1f}V{up(above):.1f}"
    return (
        f'<path class="whisker" fill="none" opacity="0.45" d="{reach}"/>'
        f'<circle class="adapter" cx="{x}" cy="{y}" r="4.5"><title>{text(point.name)}</title></circle>'
    )
