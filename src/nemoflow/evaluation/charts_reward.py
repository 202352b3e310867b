"""The curve of a GRPO run as one SVG: the reward, the share right, the mean length of a response."""

from collections.abc import Mapping, Sequence

from nemoflow.evaluation.charts import RIGHT, WIDTH, round_ticks, svg_of
from nemoflow.evaluation.charts_training import LEFT, STYLE, panel
from nemoflow.evaluation.markup import text

PANELS = (("reward", "reward", 0, 150), ("share right", "right", 160, 120), ("tokens of a response", "tokens", 290, 100))
"""Heading, figure of a row, top and height."""


def reward_svg(log: Sequence[Mapping[str, float]]) -> str:
    """Of the rows of a run's `log.jsonl`; a file of its own, light and dark."""
    edge = max(row["step"] for row in log)
    parts = [
        part
        for heading, name, top, height in PANELS
        for part in panel(heading, [(row["step"], max(0.0, row[name])) for row in log], [], edge, top, height)
    ]
    parts.append(f'<text class="muted" x="{WIDTH - RIGHT}" y="425" text-anchor="end">{text("step")}</text>')
    for tick in round_ticks(0.0, edge):
        x = LEFT + (WIDTH - LEFT - RIGHT) * tick / max(edge, round_ticks(0.0, edge)[-1])
        parts.append(f'<text class="muted" x="{x:.1f}" y="406" text-anchor="middle">{tick:g}</text>')
    said = f"Reward from {log[0]['reward']:.3g} to {log[-1]['reward']:.3g} in {len(log)} steps"
    return svg_of(432, said, parts, STYLE)
