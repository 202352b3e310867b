"""Rows as a page: one HTML file without scripts or anything to fetch; counts, lengths, what was dropped, a sample to read."""

from collections import Counter
from collections.abc import Mapping
from importlib.resources import files

from nemoflow.evaluation.charts import histograms_svg
from nemoflow.evaluation.markup import NOTHING_FETCHED, facts, figure, quote, section, table, text
from nemoflow.evaluation.rows import COUNTED, Seen, Survey, quantile

SHOWN = 20
"""Most values of a field, and most histograms."""
NONE = "(none)"


def render(surveys: Mapping[str, Survey]) -> str:
    """The page of one survey, or of two compared; keys are their names."""
    style = files("nemoflow.evaluation").joinpath("page.css").read_text(encoding="utf-8")
    title = text(f"nemoflow inspect: {' and '.join(surveys)}")
    body = "".join((_head(surveys), _overlap(surveys), _counts(surveys), _reasons(surveys), _lengths(surveys), _samples(surveys)))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{NOTHING_FETCHED}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def _head(surveys: Mapping[str, Survey]) -> str:
    said = []
    for name, survey in surveys.items():
        lengths = survey.all_lengths
        over = f", {survey.passed_over:,} others passed over" if survey.passed_over else ""
        said.append(
            (
                name,
                f"<b>{survey.rows:,}</b> rows of {len(survey.statements):,} different statements{over}; "
                f"{quantile(lengths, 0.5):,} characters at the median, {quantile(lengths, 0.95):,} at the 95th percentile",
            )
        )
    title = "Two corpora compared" if len(surveys) > 1 else "What the rows hold"
    return f'<header><p class="eyebrow">nemoflow inspect</p><h1>{title}</h1>{facts(said)}</header>'


def _overlap(surveys: Mapping[str, Survey]) -> str:
    if len(surveys) < 2:
        return ""
    (first, one), (second, two) = surveys.items()
    rows = [
        (what, f"{len(left & right):,}", f"{len(left - right):,}", f"{len(right - left):,}")
        for what, left, right in (("statements", one.statements, two.statements), ("statements with responses", one.texts, two.texts))
    ]
    heads = ("", "in both", f"only in {first}", f"only in {second}")
    return section("In common", table(heads, rows, numbers=range(1, 4), label="In common"))


def _counts(surveys: Mapping[str, Survey]) -> str:
    parts = []
    for field in COUNTED:
        counted = [survey.counts[field] for survey in surveys.values()]
        values = sum(counted, Counter[str]())
        if set(values) - {""}:
            shown = [value for value, _ in sorted(values.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]]
            rows = [(text(value or NONE), *_cells(value, surveys, field)) for value in shown]
            if len(values) > SHOWN:
                rows.append((f'<span class="muted">{len(values) - SHOWN:,} more</span>', *([""] * len(surveys))))
            parts.append(table((field, *surveys), rows, numbers=range(1, len(surveys) + 1), label=f"By {field}"))
    return section("Counts", f'<div class="columns">{"".join(parts)}</div>')


def _cells(value: str, surveys: Mapping[str, Survey], field: str) -> list[str]:
    return [
        f'{survey.counts[field][value]:,} <span class="muted">{100 * survey.counts[field][value] / max(survey.rows, 1):.1f} %</span>'
        for survey in surveys.values()
    ]


def _reasons(surveys: Mapping[str, Survey]) -> str:
    parts = []
    for name, survey in surveys.items():
        if survey.reasons:
            kinds = [kind for kind, _ in survey.counts["kind"].most_common(8)]
            rows = [
                (text(reason), f"{counts.total():,}", *(f"{counts[kind]:,}" for kind in kinds))
                for reason, counts in sorted(survey.reasons.items(), key=lambda item: (-item[1].total(), item[0]))
            ]
            heads = ("reason", "rows", *(kind or NONE for kind in kinds))
            parts.append(f"<h3>{text(name)}</h3>" + table(heads, rows, numbers=range(1, len(heads)), label=f"Reasons in {name}"))
    return section("What was dropped, and why", *parts)


def _lengths(surveys: Mapping[str, Survey]) -> str:
    """On one scale, so that corpora can be compared by eye."""
    groups: dict[str, list[int]] = {}
    kinds = [kind for kind, _ in sum((survey.counts["kind"] for survey in surveys.values()), Counter[str]()).most_common(SHOWN)]
    for kind in sorted(kinds):
        for name, survey in surveys.items():
            if survey.lengths.get(kind):
                groups[f"{kind or NONE} · {name}" if len(surveys) > 1 else kind or NONE] = list(survey.lengths[kind])
    caption = "Characters of the responses, thinking included; of the statements where there are none."
    return section("Lengths", figure(histograms_svg(groups, "characters"), caption) if groups else "")


def _samples(surveys: Mapping[str, Survey]) -> str:
    parts = []
    for name, survey in surveys.items():
        shown = "".join(_row(row, is_open=not place) for place, row in enumerate(survey.sample))
        parts.append((f"<h3>{text(name)}</h3>" if len(surveys) > 1 and shown else "") + shown)
    return section("Rows to read", *parts)


def _row(row: Seen, *, is_open: bool) -> str:
    told = " · ".join(text(value) for value in (row.id, *row.told.values()) if value)
    parts = [quote("Asked", row.statement)] if row.statement else []
    parts += [quote("Answered", row.response)] if row.response else []
    gold = f'<p class="muted">gold: {text(row.gold)}</p>' if row.gold else ""
    return f"<details{' open' if is_open else ''}><summary>{told}</summary>{''.join(parts)}{gold}</details>"
