"""The page's parts about the gain: what the gate decided, and how much better the adapter is on which kind, with intervals."""

from collections.abc import Container

from nemoflow.evaluation.charts import GainRow, gains_svg
from nemoflow.evaluation.decision import Decision
from nemoflow.evaluation.markup import figure, section, table, text
from nemoflow.evaluation.paired import Gain
from nemoflow.evaluation.report import Evidence

HEADS = ("kind", "points", "better", "worse", "p")


def gate_box(decision: Decision | None) -> str:
    """The decision, rule by rule; empty where no gate was asked."""
    if decision is None:
        return ""
    css = "passed" if decision.passed else "refused"
    title = "The gate passed the adapter." if decision.passed else "The gate refused the adapter: nothing was packaged."
    rules = "".join(f"<li><code>{text(rule.name)}</code> {_held(rule.passed)}: {text(rule.words)}</li>" for rule in decision.rules)
    return f'<div class="gate {css}" role="status"><b>{title}</b><ul>{rules}</ul></div>'


def _held(passed: bool) -> str:
    return "held" if passed else "<b>broken</b>"


def gain_card(gain: Gain) -> str:
    """The gain over all problems, beside the two accuracies."""
    return (
        f'<div class="score gain"><span class="name">gain in points</span><span class="big">{gain.points:+.1f}</span>'
        f'<span class="muted">{f"95 % interval {_interval(gain)}" if _interval(gain) else "every problem changed alike"}</span></div>'
    )


def gain_rows(evidence: Evidence) -> list[GainRow]:
    """A row a kind and, where there are several, one for all of them."""
    overall, kinds = evidence.gains
    rows = [GainRow(kind, gain) for kind, gain in kinds.items()]
    return [*rows, GainRow(total_name(kinds), overall, is_total=True)] if len(rows) > 1 else rows


def total_name(kinds: Container[str]) -> str:
    """What a row over all kinds is called: no kind has that name."""
    name = "all kinds"
    while name in kinds:
        name += " together"
    return name


def gain_section(evidence: Evidence) -> str:
    """A chart of the gains and a table of what they stand on."""
    rows = gain_rows(evidence)
    if not rows:
        return ""
    caption = (
        "The adapter's accuracy less the base's on the same problems; the lines are 95 % intervals of the paired bootstrap over problems."
    )
    lines = [_line(row) for row in rows]
    return section(
        "Gain over the base",
        f'<div class="columns">{figure(gains_svg(rows), caption)}<div>'
        f"{table(HEADS, lines, numbers=range(1, 5), label='Gain over the base')}</div></div>",
        lead="Better and worse are problems. p is one-sided: the chance of this many better ones "
        "if training had changed answers without direction.",
    )


def _interval(gain: Gain) -> str:
    """Empty where every problem changed alike: resampling such problems shows no doubt, and tells none away."""
    return f"{gain.low:+.1f} to {gain.high:+.1f}" if gain.low < gain.high else ""


def _line(row: GainRow) -> tuple[str, ...]:
    gain = row.gain
    chance = "&lt;&nbsp;0.001" if gain.chance < 0.001 else f"{gain.chance:.3f}"
    return (
        text(row.name),
        f'<b>{gain.points:+.1f}</b><br><span class="muted">{_interval(gain) or "all alike"}</span>',
        f"{gain.better:,}",
        f"{gain.worse:,}",
        chance,
    )
