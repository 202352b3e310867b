"""The page's part about modes: how often each effort, without and with Python, is right, and what it costs in tokens."""

from nemoflow.evaluation.charts import AccuracyRow, accuracy_chart_svg, costs_svg, percent
from nemoflow.evaluation.compare import counts
from nemoflow.evaluation.markup import figure, section, table, text
from nemoflow.evaluation.report import Evidence
from nemoflow.evaluation.score import Tally
from nemoflow.prompts.modes import MODES

HEADS = ("mode", "base", "adapter", "fixed", "broken", "tokens of base", "of adapter", "runs of code")


def modes_section(evidence: Evidence) -> str:
    """Nothing where no mode was told."""
    rows = mode_rows(evidence)
    if not rows:
        return ""
    key = '<span class="key base"></span>base model <span class="key adapter"></span>with the adapter; the lines are 95 % Wilson intervals'
    bars = figure(accuracy_chart_svg(rows), key)
    costs = figure(costs_svg(rows), "Tokens that an answer takes, and how often it is right: up and to the left is better.")
    lines = [_line(evidence, row) for row in rows]
    return section(
        "Accuracy per mode",
        f'<div class="columns">{bars}{costs}</div>',
        table(HEADS, lines, numbers=range(1, len(HEADS)), label="Accuracy per mode"),
        lead="The same problems, asked in each mode in the words of the corpus. With Python, code in a response is run as it is written.",
    )


def mode_rows(evidence: Evidence) -> list[AccuracyRow]:
    """A row a mode: the efforts from high to low, then the same with Python."""
    base, adapter = evidence.base.modes, evidence.adapter.modes
    modes = sorted({*base, *adapter}, key=lambda mode: (MODES.index(mode) if mode in MODES else len(MODES), mode))
    return [AccuracyRow(mode, base.get(mode, Tally()), adapter.get(mode, Tally())) for mode in modes]


def _line(evidence: Evidence, row: AccuracyRow) -> tuple[str, ...]:
    changes = counts(evidence.pairs, mode=row.name)
    runs = sum(len(pair.adapter.meta.get("calls", ())) for pair in evidence.pairs if pair.mode == row.name)
    return (
        text(row.name),
        f"<b>{percent(row.base.accuracy)}</b>",
        f"<b>{percent(row.adapter.accuracy)}</b>",
        f"{changes['fixed']:,}",
        f"{changes['broken']:,}",
        f"{row.base.mean_tokens:,.0f}",
        f"{row.adapter.mean_tokens:,.0f}",
        f"{runs:,}",
    )
