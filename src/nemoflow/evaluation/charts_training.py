"""The curve of a training run as one SVG: loss with the held-out loss over it, then learning rate and gradient norm, small."""

from collections.abc import Callable, Mapping, Sequence

from nemoflow.evaluation.charts import RIGHT, WIDTH, round_ticks, svg_of, thinned
from nemoflow.evaluation.markup import text

STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1b2430; }
.muted { fill: #5a6675; } .strong { font-weight: 600; } .grid { stroke: #dfe4ea; }
.line { fill: none; stroke: #0b7a55; stroke-width: 1.6; stroke-linejoin: round; } .held { fill: none; stroke: #b3402f; stroke-width: 1.6; }
.dot { fill: #b3402f; }
@media (prefers-color-scheme: dark) {
svg { background: #12171e; } text { fill: #e7ecf2; } .muted { fill: #9dabbc; } .grid { stroke: #2c3642; } .line { stroke: #3ecf9a; }
.held { stroke: #ff8f7d; } .dot { fill: #ff8f7d; } }
"""
LEFT = 48
"""Room for a learning rate."""
Point = tuple[float, float]


def curves_svg(log: Sequence[Mapping[str, float]], *, standalone: bool = True) -> str:
    """Of the rows of `log.jsonl`; `standalone` brings its own colours, light and dark."""
    edge = max(row["step"] for row in log)
    held = [(row["step"], row["held_out_loss"]) for row in log if "held_out_loss" in row]
    loss = [(row["step"], row["loss"]) for row in log]
    parts = panel("loss", loss, held, edge, 0, 190)
    top = 200
    for heading, name in (("learning rate", "learning_rate"), ("gradient norm", "grad_norm")):
        if points := [(row["step"], row[name]) for row in log if name in row]:
            parts += panel(heading, points, [], edge, top, 90)
            top += 100
    parts += across(edge, top)
    said = f"Loss from {loss[0][1]:.4g} to {loss[-1][1]:.4g} in {len(loss)} steps" + (f", {held[-1][1]:.4g} held out" if held else "")
    return svg_of(top + 32, said, parts, STYLE if standalone else "")


def across(edge: float, top: float) -> list[str]:
    """The scale of steps under the lowest panel."""
    parts = [f'<text class="muted" x="{WIDTH - RIGHT}" y="{top + 25:g}" text-anchor="end">step</text>']
    ticks = round_ticks(0.0, edge)
    for tick in ticks:
        x = LEFT + (WIDTH - LEFT - RIGHT) * tick / max(edge, ticks[-1])
        parts.append(f'<text class="muted" x="{x:.1f}" y="{top + 6:g}" text-anchor="middle">{tick:g}</text>')
    return parts


def panel(name: str, points: Sequence[Point], held: Sequence[Point], edge: float, top: float, height: float) -> list[str]:
    """A name, a scale from zero, a line, and the held-out points with a line of their own."""
    floor, head = top + height - 4, top + 22
    ticks = round_ticks(0.0, max([value for _, value in (*points, *held)] or [1.0]) or 1.0)
    ticks = ticks if height > 100 else [ticks[0], ticks[-1]]
    place = _placer(max(edge, round_ticks(0.0, edge)[-1]), ticks[-1], floor, head)
    parts = [f'<text class="strong" x="{LEFT}" y="{top + 13:g}">{text(name)}</text>']
    for tick in ticks:
        _, y = place((0.0, tick))
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text class="muted" x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    parts.append(_line("line", [place(point) for point in thinned(points, 300)]))
    if held:
        parts.append(_line("held", [place(point) for point in held]))
        parts += [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in map(place, held)]
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{top + 13:g}" text-anchor="end">held out</text>')
        parts.append(f'<circle class="dot" cx="{WIDTH - RIGHT - 56}" cy="{top + 9:g}" r="3"/>')
    return parts


def _placer(edge: float, high: float, floor: float, head: float) -> Callable[[Point], Point]:
    def place(point: Point) -> Point:
        return LEFT + (WIDTH - LEFT - RIGHT) * point[0] / edge, floor - (floor - head) * point[1] / high

    return place


def _line(name: str, points: Sequence[Point]) -> str:
    return f'<polyline class="{name}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def _short(value: float) -> str:
    """`0.003` as it is, `2e-05` without the zero: the scale has 30 units."""
    return f"{value:g}".replace("e-0", "e-")
