"""The page's parts about the answers as such: how they end, what a right one costs, how varied they are, and what the teacher's were."""

from nemoflow.evaluation.charts import AccuracyRow, percent
from nemoflow.evaluation.markup import duration, section, table, text
from nemoflow.evaluation.report import MODELS, Evidence, Model
from nemoflow.evaluation.score import Tally
from nemoflow.evaluation.spread import spread

ENDINGS = ("kind", "model", "cut off", "no box", "tokens each", "tokens per right answer", "efficiency")
SPREADS = ("kind", "model", "different responses", "most frequent answer", "most frequent gold", "same elsewhere", "")


def costs_section(evidence: Evidence, rows: list[AccuracyRow]) -> str:
    """How responses end and what a right one costs, by kind and model."""
    lines = [_ending(evidence, row, model) for row in rows for model in MODELS]
    asked = evidence.seconds_asked
    took = ", ".join(f"{model} {duration(asked[model])}" for model in MODELS if model in asked)
    return section(
        "What an answer costs",
        table(ENDINGS, lines, numbers=range(2, 7), label="What an answer costs"),
        f'<p class="muted">Evaluations took: {took}.</p>' if took else "",
        lead="Tokens per right answer count those of the wrong ones too. Efficiency is the mean of what each attempt is worth: "
        "a wrong answer 0, a right one 1 less the share of the token limit that it took.",
    )


def _ending(evidence: Evidence, row: AccuracyRow, model: Model) -> tuple[str, ...]:
    tally = row.base if model == "base" else row.adapter
    cost = evidence.costs(model, None if row.is_total else row.name)
    each = cost.tokens_per_right
    return (
        text(row.name) if model == "base" else "",
        _model(model),
        _part(tally.truncated, tally),
        _part(tally.no_box, tally),
        f"{tally.mean_tokens:,.0f}" if tally.problems else "",
        f"{each:,.0f}" if each is not None else "",
        f"{cost.efficiency:.3f}",
    )


def spread_section(evidence: Evidence, rows: list[AccuracyRow]) -> str:
    """Whether either model says the same whatever it is asked."""
    kinds = [row for row in rows if not row.is_total]
    lines = [_spread(evidence, row.name, model) for row in kinds for model in MODELS]
    return section(
        "How varied the answers are",
        table(SPREADS, lines, numbers=range(2, 6), label="How varied the answers are"),
        lead="A model that collapsed says the same whatever it is asked: one answer far more often than any gold answer, "
        "or responses that stand, to the letter, under problems with other gold answers.",
    )


def _spread(evidence: Evidence, kind: str, model: Model) -> tuple[str, ...]:
    found = spread(evidence.attempts(model, kind))
    top = f"<code>{text(_short(found.top_answer))}</code> " if found.top_answer else ""
    return (
        text(kind) if model == "base" else "",
        _model(model),
        f"{found.distinct:,} of {found.responses:,}",
        f"{top}{percent(found.top_count / max(found.responses, 1))}",
        percent(found.top_gold_count / max(found.responses, 1)),
        percent(found.strays / max(found.responses, 1)),
        '<span class="badge wrong">collapsed</span>' if found.is_collapsed else '<span class="badge">varied</span>',
    )


def samples_section(evidence: Evidence) -> str:
    """The teacher's pass@k and maj@k; nothing where it was asked once."""
    lines = [
        (
            text(kind) if index == 0 else "",
            f"{one.problems:,}" if index == 0 else "",
            str(k),
            _bounded(one.passes[k], one.pass_bounds[k]),
            _bounded(one.majorities[k], one.majority_bounds[k]),
        )
        for kind, one in evidence.samples.items()
        for index, k in enumerate(one.passes)
    ]
    heads = ("kind", "problems", "k", "pass@k", "maj@k")
    return section(
        "Several samples of the teacher",
        table(heads, lines, numbers=range(1, 5), label="Several samples of the teacher") if lines else "",
        lead="pass@k: one of k samples is right. maj@k: the most frequent answer of k is. Exact means over all choices of k samples, "
        "over the first problems of the harvest.",
    )


def _bounded(share: float, bounds: tuple[float, float]) -> str:
    return f'{percent(share)} <span class="muted">{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}</span>'


def _model(model: Model) -> str:
    return f'<span class="whole"><span class="key {model}"></span>{model}</span>'


def _part(count: int, tally: Tally) -> str:
    return f'{count:,} <span class="muted">({percent(count / tally.problems)})</span>' if tally.problems else ""


def _short(answer: str) -> str:
    return answer if len(answer) <= 16 else f"{answer[:16]}…"
