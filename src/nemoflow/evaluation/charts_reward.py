"""The curve of a GRPO run as one SVG: the reward, the share right, the mean length of a response."""

from collections.abc import Mapping, Sequence

from nemoflow.evaluation.charts import svg_of
from nemoflow.evaluation.charts_training import STYLE, across, panel

PANELS = (("reward", "reward", 0, 150), ("share right", "right", 160, 120), ("tokens of a response", "tokens", 290, 100))
"""Heading, figure of a row, top and height."""


def reward_svg(log: Sequence[Mapping[str, float]], *, standalone: bool = True) -> str:
    """Of the rows of a run's `log.jsonl`; `standalone` brings its own colours, light and dark."""
    edge = max(row["step"] for row in log)
    parts = across(edge, 400)
    for heading, name, top, height in PANELS:
        if points := [(row["step"], max(0.0, row[name])) for row in log if name in row]:
            parts += panel(heading, points, [], edge, top, height)
    said = f"Reward from {log[0]['reward']:.3g} to {log[-1]['reward']:.3g} in {len(log)} steps"
    return svg_of(432, said, parts, STYLE if standalone else "")
