"""Share: how many GPUs each team held over time, as bars for a terminal and as an SVG.

It is drawn from Workloads: those at work and those that are over and still there, which is as long as their pods are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from nemoflow.argo.queues import Claim

BLOCKS = " ▁▂▃▄▅▆▇█"
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 260, 40, 34, 30
COLORS = ("#2f6fb0", "#c8641e", "#0b7a55", "#8a4fb0", "#a8324a", "#6b7280")
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1b2430; } .muted { fill: #5a6675; }
.grid { stroke: #dfe4ea; } .limit { stroke: #1b2430; stroke-dasharray: 5 4; }
@media (prefers-color-scheme: dark) {
svg { background: #12171d; } text { fill: #e7ecf2; } .muted { fill: #9dabbc; } .grid { stroke: #2c3642; } .limit { stroke: #e7ecf2; } }
"""


@dataclass(frozen=True)
class Share:
    """GPUs of each team, on average over each of equal stretches of time."""

    begin: float
    end: float
    teams: Mapping[str, Sequence[float]]

    @property
    def bin_s(self) -> float:
        """Length of a stretch."""
        return (self.end - self.begin) / max(1, len(next(iter(self.teams.values()), ())))

    def hours(self, team: str) -> float:
        """GPU hours of a team."""
        return sum(self.teams[team]) * self.bin_s / 3600

    def lines(self, most: float) -> list[str]:
        """A bar chart in text, a line a team; a full block is `most` GPUs."""
        width = max((len(team) for team in self.teams), default=0)
        return [
            f"{team:<{width}}  |{''.join(_block(value, most) for value in values)}|  {self.hours(team):.1f} GPU hours"
            for team, values in self.teams.items()
        ]


def share(claims: Iterable[Claim], teams: Iterable[str], begin: float, end: float, bins: int) -> Share:
    """Cut what was held into stretches. Teams without a GPU in that time are in it with zeros."""
    found = {team: [0.0] * bins for team in teams}
    step = (end - begin) / bins
    for claim in claims:
        if claim.since is None or claim.team not in found:
            continue
        since, until = claim.since, end if claim.ended is None else claim.ended
        for index in range(bins):
            low = begin + index * step
            overlap = min(until, low + step) - max(since, low)
            if overlap > 0:
                found[claim.team][index] += sum(claim.held.values()) * overlap / step
    return Share(begin, end, found)


def _block(value: float, most: float) -> str:
    if value <= 0 or most <= 0:
        return BLOCKS[0]
    return BLOCKS[max(1, min(8, round(8 * value / most)))]


def to_svg(shared: Share, quota: float) -> str:
    """Areas on top of each other, the latest at the right; a broken line is the GPUs that there are for all."""
    bins = len(next(iter(shared.teams.values()), ()))
    high = max([quota, 1.0, *(sum(column) for column in zip(*shared.teams.values(), strict=True))])
    across, up = (WIDTH - LEFT - 12) / max(1, bins), (HEIGHT - BOTTOM - TOP) / high
    parts = [_grid(high, up)]
    below = [0.0] * bins
    for index, (team, values) in enumerate(shared.teams.items()):
        above = [low + value for low, value in zip(below, values, strict=True)]
        color, x = COLORS[index % len(COLORS)], LEFT + 130 * (index % 5)
        parts.append(f'<path fill="{color}" d="{_area(below, above, across, up)}"><title>{escape(team)}</title></path>')
        parts.append(f'<rect x="{x}" y="{8 + 15 * (index // 5)}" width="10" height="10" fill="{color}"/>')
        parts.append(f'<text x="{x + 15}" y="{17 + 15 * (index // 5)}">{escape(team)} {shared.hours(team):.1f} GPU h</text>')
        below = above
    y = HEIGHT - BOTTOM - quota * up
    parts.append(f'<line class="limit" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 12}" y2="{y:.1f}"/>')
    parts += _times(shared)
    said = "; ".join(f"{team} {shared.hours(team):.1f} GPU hours" for team in shared.teams)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="GPUs by team. {escape(said)}">'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _area(below: Sequence[float], above: Sequence[float], across: float, up: float) -> str:
    def point(index: float, value: float) -> str:
        return f"{LEFT + index * across:.1f},{HEIGHT - BOTTOM - value * up:.1f}"

    rising = [point(index + side, value) for index, value in enumerate(above) for side in (0, 1)]
    falling = [point(index + side, value) for index, value in reversed(list(enumerate(below))) for side in (1, 0)]
    return f"M{' L'.join([*rising, *falling])} Z"


def _grid(high: float, up: float) -> str:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if high / step <= 6)
    parts = []
    for tick in range(0, int(high) + 1, step):
        y = HEIGHT - BOTTOM - tick * up
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 12}" y2="{y:.1f}"/>')
        parts.append(f'<text class="muted" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick}</text>')
    return "".join(parts)


def _times(shared: Share) -> list[str]:
    parts = []
    for quarter in range(5):
        at = shared.begin + (shared.end - shared.begin) * quarter / 4
        x = LEFT + (WIDTH - LEFT - 12) * quarter / 4
        anchor = "start" if quarter == 0 else "end" if quarter == 4 else "middle"
        stamp = datetime.fromtimestamp(at).strftime("%d %b %H:%M")
        parts.append(f'<text class="muted" x="{x:.1f}" y="{HEIGHT - 12}" text-anchor="{anchor}">{stamp}</text>')
    return parts
