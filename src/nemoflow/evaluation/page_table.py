"""The table of several evaluations, as plain text and as a page of its own."""

from collections.abc import Sequence

from nemoflow.evaluation.charts import GainRow, gains_svg, percent
from nemoflow.evaluation.markup import figure, section, table, text, whole_page
from nemoflow.evaluation.table import Row

HEADS = ("evaluation", "engine", "precision", "accuracy", "95 % interval", "to the first", "95 % interval", "tokens/s", "tokens per right")
NUMBERS = range(3, len(HEADS))


def table_text(rows: Sequence[Row]) -> str:
    """Columns of plain text."""
    lines = [HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    return "\n".join("  ".join(_padded(*cell) for cell in enumerate(zip(line, widths, strict=True))).rstrip() for line in lines)


def _padded(column: int, sized: tuple[str, int]) -> str:
    cell, width = sized
    return cell.rjust(width) if column in NUMBERS else cell.ljust(width)


def _cells(row: Row) -> tuple[str, ...]:
    low, high = row.tally.interval
    gain, each = row.gain, row.costs.tokens_per_right
    between = f"{gain.low:+.1f} to {gain.high:+.1f}" if gain and gain.low < gain.high else "all alike" if gain else ""
    return (
        row.name,
        row.engine,
        row.precision,
        percent(row.tally.accuracy),
        f"{100 * low:.1f} to {100 * high:.1f}",
        f"{gain.points:+.1f}" if gain else "",
        between,
        f"{row.tokens_per_s:,.0f}" if row.tokens_per_s else "",
        f"{each:,.0f}" if each is not None else "",
    )


def table_page(rows: Sequence[Row]) -> str:
    """One HTML file without scripts or anything to fetch."""
    gains = [GainRow(row.name, row.gain) for row in rows if row.gain]
    caption = f"Accuracy less that of {text(rows[0].name)} on the same problems; the lines are 95 % intervals of the paired bootstrap."
    body = section(
        "Side by side",
        table(HEADS, [[text(cell) for cell in _cells(row)] for row in rows], numbers=NUMBERS, label="Evaluations side by side"),
        figure(gains_svg(gains), caption) if gains else "",
        lead=f"{rows[0].tally.problems:,} attempts each. Tokens per second are those generated, loading left out.",
    )
    devices = sorted({row.device for row in rows if row.device})
    where = f'<p class="muted">Computed on: {text(", ".join(devices))}.</p>' if devices else ""
    head = '<header><p class="eyebrow">nemoflow compare</p><h1>Evaluations side by side</h1></header>'
    return whole_page("nemoflow: evaluations side by side", head + body + where)
