"""Charts as inline SVG, drawn with the page's colours: accuracy bars with intervals, gains, small histograms.

Every chart is 400 units wide, so that its text is as large as the page's on a telephone, and carries its content as a
label for those who do not see it. `standalone` gives the accuracy chart as a file of its own, light and dark.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nemoflow.evaluation.markup import text
from nemoflow.evaluation.paired import Gain
from nemoflow.evaluation.score import Tally

WIDTH = 400
LEFT = 34
RIGHT = 14

STANDALONE_STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1b2430; }
.muted { fill: #5a6675; } .grid { stroke: #dfe4ea; } .base { fill: #7a8698; } .adapter { fill: #0b7a55; } .worse { fill: #b3402f; }
.whisker { stroke: #1b2430; stroke-width: 1.3; } .strong { font-weight: 600; }
@media (prefers-color-scheme: dark) {
text { fill: #e7ecf2; } .muted { fill: #9dabbc; } .grid { stroke: #2c3642; } .base { fill: #8794a7; } .adapter { fill: #3ecf9a; }
.worse { fill: #ff8f7d; }
.whisker { stroke: #e7ecf2; } }
"""


@dataclass(frozen=True)
class AccuracyRow:
    """A kind of problem (or all of them) and how both models do on it."""

    name: str
    base: Tally
    adapter: Tally
    is_total: bool = False
    """Over all kinds; the name does not tell, as a kind may have any."""


@dataclass(frozen=True)
class GainRow:
    """A kind of problem (or all of them) and the adapter's gain on it, in points."""

    name: str
    gain: Gain
    is_total: bool = False


def percent(share: float) -> str:
    """`97.8 %`; whole numbers at the ends of the scale."""
    return f"{100 * share:.0f} %" if share in (0.0, 1.0) else f"{100 * share:.1f} %"


def accuracy_chart_svg(rows: Sequence[AccuracyRow], *, standalone: bool = False) -> str:
    """A pair of bars for each row, with 95 % intervals; `standalone` adds title, legend and style for use outside the page."""
    top, step, right = (46 if standalone else 4), 58, 60
    span = WIDTH - right - 2
    height = top + step * len(rows) + 22
    parts = [_legend() if standalone else ""]
    for tick in range(0, 101, 25):
        x = 2 + span * tick / 100
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{height - 20}"/>')
        anchor = "start" if tick == 0 else "middle"
        parts.append(f'<text class="muted" x="{x:.1f}" y="{height - 5}" text-anchor="{anchor}">{tick} %</text>')
    for index, row in enumerate(rows):
        y = top + step * index
        parts.append(f'<text class="strong" x="2" y="{y + 15}">{text(row.name)}</text>')
        parts.append(_bar("base", row.base, y + 21, span))
        parts.append(_bar("adapter", row.adapter, y + 37, span))
    said = "; ".join(f"{row.name}: base {percent(row.base.accuracy)}, adapter {percent(row.adapter.accuracy)}" for row in rows)
    return svg_of(height, f"Accuracy by kind. {said}", parts, STANDALONE_STYLE if standalone else "")


def costs_svg(rows: Sequence[AccuracyRow]) -> str:
    """A point for each row and model: mean tokens of an answer across, accuracy up; the adapter's points carry the rows' names."""
    height, bottom, top = 240, 34, 26
    ticks = round_ticks(0.0, max((tally.mean_tokens for row in rows for tally in (row.base, row.adapter)), default=0.0) or 1.0)

    def place(tally: Tally) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * tally.mean_tokens / ticks[-1]
        return x, height - bottom - (height - bottom - top) * tally.accuracy

    parts = []
    for share in range(0, 101, 25):
        y = height - bottom - (height - bottom - top) * share / 100
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text class="muted" x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{share}</text>')
    for tick in ticks:
        x = LEFT + (WIDTH - LEFT - RIGHT) * tick / ticks[-1]
        parts.append(f'<text class="muted" x="{x:.1f}" y="{height - bottom + 16}" text-anchor="middle">{tick:,.0f}</text>')
    taken = [(x - 6, x + 6, y + 4) for row in rows for x, y in (place(row.base), place(row.adapter))]
    for row in rows:
        for name, tally in (("base", row.base), ("adapter", row.adapter)):
            x, y = place(tally)
            parts.append(f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>')
        parts.append(_label(row.name, *place(row.adapter), taken))
    parts.append(f'<text class="muted" x="{WIDTH - RIGHT}" y="{height - 3}" text-anchor="end">tokens an answer</text>')
    parts.append('<text class="muted" x="2" y="10">% right</text>')
    said = "; ".join(f"{row.name}: {percent(row.adapter.accuracy)} at {row.adapter.mean_tokens:.0f} tokens" for row in rows)
    return svg_of(height, f"Accuracy of the adapter over tokens. {said}", parts)


def gains_svg(rows: Sequence[GainRow], *, standalone: bool = False) -> str:
    """A point and its 95 % interval for each row, left and right of no gain; `standalone` adds title and style."""
    top, step, bottom = (28 if standalone else 6), 44, 24
    height = top + step * len(rows) + bottom
    # One scale for all, no wider than it has to be, with 0 on it.
    low = min([0.0, *(row.gain.low for row in rows)])
    high = max([0.0, *(row.gain.high for row in rows)])
    ticks = round_ticks(_floor(low, max(high - low, 1.0)), max(high, low + 1.0))
    edge = 8

    def across(points: float) -> float:
        return edge + (WIDTH - 2 * edge) * (min(max(points, ticks[0]), ticks[-1]) - ticks[0]) / (ticks[-1] - ticks[0])

    parts = ['<text class="strong" x="2" y="14">Gain of the adapter over its base, in points</text>'] if standalone else []
    for tick in ticks:
        x = across(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{height - bottom}"/>')
        anchor = "start" if tick == ticks[0] else "end" if tick == ticks[-1] else "middle"
        parts.append(f'<text class="muted" x="{x:.1f}" y="{height - 7}" text-anchor="{anchor}">{_signed(tick)}</text>')
    for index, row in enumerate(rows):
        parts.append(_gain_row(row, top + step * index, across))
    said = "; ".join(f"{row.name}: {row.gain.points:+.1f} ({row.gain.low:+.1f} to {row.gain.high:+.1f})" for row in rows)
    return svg_of(height, f"Gain in points with 95 % intervals. {said}", parts, STANDALONE_STYLE if standalone else "")


def _gain_row(row: GainRow, y: float, across: Callable[[float], float]) -> str:
    low, high, at, middle = across(row.gain.low), across(row.gain.high), across(row.gain.points), y + 30
    zero = across(0.0)
    colour = "adapter" if row.gain.points >= 0 else "worse"
    return (
        f'<line class="whisker" x1="{zero:.1f}" y1="{y + 20}" x2="{zero:.1f}" y2="{y + 40}"/>'
        f'<text class="strong" x="2" y="{y + 15}">{text(row.name)}</text>'
        f'<text x="{WIDTH - 2}" y="{y + 15}" text-anchor="end">{row.gain.points:+.1f}</text>'
        f'<path class="whisker" fill="none" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 5}v10M{high:.1f} {middle - 5}v10"/>'
        f'<circle class="{colour}" cx="{at:.1f}" cy="{middle}" r="{6 if row.is_total else 4.5}"/>'
    )


def _floor(low: float, span: float) -> float:
    """A round number at or below `low`, coarse enough for a few ticks over `span`."""
    step = _step(span)
    return math.floor(low / step + 1e-9) * step


def _step(span: float) -> float:
    """A round number that cuts `span` into four to six parts."""
    unit = 10.0 ** math.floor(math.log10(span / 4))
    return next(unit * factor for factor in (1, 2, 2.5, 5, 10) if span / (unit * factor) <= 6)


def _signed(points: float) -> str:
    return f"{points:+g}" if abs(points) > 1e-9 else "0"


def _label(name: str, x: float, y: float, taken: list[tuple[float, float, float]]) -> str:
    """A point's name beside it, higher or lower where something stands already; `taken` is that, as (start, end, height)."""
    is_left = x > WIDTH * 0.6
    width = 7.2 * len(name)
    start, end = (x - 8 - width, x - 8) if is_left else (x + 8, x + 8 + width)
    steps = sorted(range(-12, 13), key=lambda step: (abs(step), step))
    heights = [y + 4 + 13 * step for step in steps if 24 <= y + 4 + 13 * step <= 205]
    free = (at for at in heights if all(abs(at - other) >= 12.5 or end < left or start > right for left, right, other in taken))
    at = next(free, min(max(y + 4, 24.0), 205.0))
    taken.append((start, end, at))
    return f'<text x="{end if is_left else start:.1f}" y="{at:.1f}" text-anchor="{"end" if is_left else "start"}">{text(name)}</text>'


def histograms_svg(groups: Mapping[str, Sequence[int]], unit: str, bins: int = 40) -> str:
    """One small histogram a group on one common scale, with its median."""
    row, height = 62, 62 * len(groups) + 34
    high = round_ticks(0.0, float(max(max(values) for values in groups.values())))[-1]
    parts, said = [], []
    for index, (name, values) in enumerate(groups.items()):
        base_line = row * index + row - 4
        middle = sorted(values)[len(values) // 2]
        parts.append(f'<text class="strong" x="2" y="{base_line - 44}">{text(name)}</text>')
        note = f"{len(values):,} · median {middle:,}"
        parts.append(f'<text class="muted" x="{WIDTH - 2}" y="{base_line - 44}" text-anchor="end">{note}</text>')
        parts.append(_columns(values, high, bins, base_line))
        parts.append(f'<line class="grid" x1="2" y1="{base_line}" x2="{WIDTH - 2}" y2="{base_line}"/>')
        said.append(f"{name}: {len(values)} with a median of {middle} {unit}")
    for tick in round_ticks(0.0, high):
        x = 2 + (WIDTH - 4) * tick / high
        anchor = "start" if tick == 0 else "end" if tick == high else "middle"
        parts.append(f'<text class="muted" x="{x:.1f}" y="{height - 18}" text-anchor="{anchor}">{tick:,.0f}</text>')
    parts.append(f'<text class="muted" x="{WIDTH - 2}" y="{height - 3}" text-anchor="end">{text(unit)}</text>')
    return svg_of(height, f"Lengths in {unit}. {'; '.join(said)}", parts)


def _bar(name: str, tally: Tally, y: float, span: float) -> str:
    low, high = (2 + span * bound for bound in tally.interval)
    width = max(span * tally.accuracy, 1.5)
    middle = y + 6
    return (
        f'<rect class="{name}" x="2" y="{y}" width="{width:.1f}" height="12" rx="2"/>'
        f'<path class="whisker" fill="none" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"/>'
        f'<text x="{WIDTH - 2}" y="{y + 10}" text-anchor="end">{percent(tally.accuracy)}</text>'
    )


def _legend() -> str:
    return (
        '<text class="strong" x="2" y="14">Held-out puzzles solved</text>'
        '<rect class="base" x="2" y="24" width="12" height="12" rx="2"/><text x="20" y="34">base model</text>'
        '<rect class="adapter" x="110" y="24" width="12" height="12" rx="2"/><text x="128" y="34">with the adapter</text>'
        f'<text class="muted" x="{WIDTH - 2}" y="34" text-anchor="end">95 % intervals</text>'
    )


def _columns(values: Sequence[int], high: float, bins: int, base_line: int) -> str:
    heights = [0] * bins
    for value in values:
        heights[min(bins - 1, int(bins * value / high))] += 1
    width, tallest = (WIDTH - 4) / bins, max(heights)
    return "".join(
        f'<rect class="adapter" x="{2 + width * index:.1f}" y="{base_line - 36 * count / tallest:.1f}"'
        f' width="{width - 1:.1f}" height="{36 * count / tallest:.1f}"/>'
        for index, count in enumerate(heights)
        if count
    )


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most so many points: means over stretches of equal length."""
    size = math.ceil(len(points) / most)
    stretches = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in stretches]


def round_ticks(low: float, high: float) -> list[float]:
    """Four to seven round numbers from `low` to at or above `high`."""
    span = max(high - low, 1e-9)
    step = _step(span)
    return [low + step * index for index in range(math.ceil(span / step - 1e-9) + 1)]


def svg_of(height: float, label: str, parts: Sequence[str], style: str = "") -> str:
    """The drawing with its label, and a style sheet where it stands alone."""
    sheet = f"<style>{style}</style>" if style else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{text(label)}">'
        f"{sheet}{''.join(parts)}</svg>"
    )
