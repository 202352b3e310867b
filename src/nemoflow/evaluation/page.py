"""The page: one HTML file without scripts or anything to fetch, for a wide or a narrow window, in light or dark.

The parts are in the order of a reader's questions: what did it learn, on which kinds, how sure is it, at what cost, from what,
what was left out, what ran and what it cost, what do its answers look like, what was packed, and where does each number come from.
"""

from nemoflow.evaluation.charts import AccuracyRow, accuracy_chart_svg, histograms_svg, percent
from nemoflow.evaluation.charts_reward import reward_svg
from nemoflow.evaluation.charts_training import curves_svg
from nemoflow.evaluation.compare import counts, mcnemar
from nemoflow.evaluation.markup import figure, section, table, text, whole_page
from nemoflow.evaluation.page_costs import costs_section, samples_section, spread_section
from nemoflow.evaluation.page_examples import dropped_examples, examples_section
from nemoflow.evaluation.page_gain import gain_card, gain_section, gate_box, total_name
from nemoflow.evaluation.page_modes import modes_section
from nemoflow.evaluation.page_noise import noise_section
from nemoflow.evaluation.page_prompt import prompt_section
from nemoflow.evaluation.page_run import dropped_section, lineage_section, run_section, submission_section
from nemoflow.evaluation.page_targets import targets_section
from nemoflow.evaluation.report import Evidence
from nemoflow.evaluation.score import Tally


def render(evidence: Evidence) -> str:
    """The whole page."""
    rows = accuracy_rows(evidence)
    body = "".join(
        (
            _headline(evidence),
            prompt_section(evidence),
            _accuracy_section(evidence, rows),
            gain_section(evidence),
            modes_section(evidence),
            noise_section(evidence),
            costs_section(evidence, rows),
            spread_section(evidence, rows),
            targets_section(evidence),
            _learning_section(evidence),
            samples_section(evidence),
            dropped_section(evidence, dropped_examples(evidence)),
            run_section(evidence),
            examples_section(evidence),
            submission_section(evidence),
            lineage_section(evidence),
        )
    )
    return whole_page(f"nemoflow report: {evidence.run}", body)


def _headline(evidence: Evidence) -> str:
    base, adapter = evidence.base.overall, evidence.adapter.overall
    changes = counts(evidence.pairs)
    kinds = len(evidence.adapter.kinds)
    return (
        f'<header><p class="eyebrow">nemoflow report · run <b>{text(evidence.run)}</b></p>'
        "<h1>What the adapter learned</h1>"
        f'<div class="scores">{_score("base model", base, "base")}<div class="arrow" aria-hidden="true">→</div>'
        f"{_score('with the adapter', adapter, 'adapter')}{gain_card(evidence.gains[0])}</div>"
        f"{gate_box(evidence.decision)}"
        f'<p class="lead">Of {_asked(evidence)} of {kinds} {"kind" if kinds == 1 else "kinds"}, the base model solves '
        f"<b>{base.right:,}</b> and the adapter <b>{adapter.right:,}</b>: {changes['fixed']:,} fixed, {changes['broken']:,} broken"
        f"{_chance(evidence)}. Scored by {_metric(evidence)}, {_drawn(evidence)}{_formed(evidence)}.</p></header>"
    )


def _asked(evidence: Evidence) -> str:
    """What was tried: problems, or attempts where each was asked in several modes."""
    attempts, modes = evidence.adapter.overall.problems, len(evidence.adapter.modes)
    samples = evidence.adapter.overall.samples
    if samples > 1:
        asked = f"in {modes} modes, {samples:,} times in each" if modes > 1 else f"{samples:,} times"
        return f"{attempts:,} attempts (each held-out problem {asked})"
    if modes < 2:
        return f"{attempts:,} held-out problems"
    return f"{attempts:,} attempts (each held-out problem in {modes} modes)"


def _drawn(evidence: Evidence) -> str:
    temperature = evidence.settings.get("temperature", 0)
    if temperature:
        return f"drawn at temperature {text(temperature)}, top_p {text(evidence.settings.get('top_p', 1))}"
    return "greedy" if evidence.adapter.overall.samples > 1 else "one greedy attempt each"


def _formed(evidence: Evidence) -> str:
    return ", asked in a form of its own" if evidence.settings.get("prompt") else ""


def _metric(evidence: Evidence) -> str:
    if evidence.settings.get("metric") == "symbolic":
        return "mathematical equality"
    return f"the contest's metric, revision {text(evidence.settings['revision']).upper()}"


def _score(name: str, tally: Tally, css: str) -> str:
    low, high = tally.interval
    return (
        f'<div class="score {css}"><span class="name">{name}</span><span class="big">{percent(tally.accuracy)}</span>'
        f'<span class="muted">95 % interval {100 * low:.1f} to {percent(high)}</span></div>'
    )


def _chance(evidence: Evidence) -> str:
    """McNemar's p; none over several modes or samples, since attempts at one problem are not independent."""
    if len(evidence.adapter.modes) > 1 or evidence.adapter.overall.samples > 1:
        return ""
    changes = counts(evidence.pairs)
    chance = mcnemar(changes["fixed"], changes["broken"])
    return f" (exact McNemar p&nbsp;{'&lt;&nbsp;0.001' if chance < 0.001 else f'=&nbsp;{chance:.3f}'})"


def accuracy_rows(evidence: Evidence) -> list[AccuracyRow]:
    """A row a kind and, where there are several, one for all of them."""
    kinds = sorted({*evidence.base.kinds, *evidence.adapter.kinds})
    rows = [AccuracyRow(kind, evidence.base.kinds.get(kind, Tally()), evidence.adapter.kinds.get(kind, Tally())) for kind in kinds]
    if len(rows) > 1:
        rows.append(AccuracyRow(total_name(kinds), evidence.base.overall, evidence.adapter.overall, is_total=True))
    return rows


def _accuracy_section(evidence: Evidence, rows: list[AccuracyRow]) -> str:
    key = '<span class="key base"></span>base model <span class="key adapter"></span>with the adapter; the lines are 95 % Wilson intervals'
    chart = figure(accuracy_chart_svg(rows), key)
    return section(
        "Accuracy per kind",
        f'<div class="columns">{chart}<div>{_accuracy_table(evidence, rows)}</div></div>',
    )


def _accuracy_table(evidence: Evidence, rows: list[AccuracyRow]) -> str:
    lines = []
    for row in rows:
        changes = counts(evidence.pairs, None if row.is_total else row.name)
        lines.append((text(row.name), _share(row.base), _share(row.adapter), f"{changes['fixed']:,}", f"{changes['broken']:,}"))
    return table(("kind", "base", "adapter", "fixed", "broken"), lines, numbers=range(1, 5), label="Accuracy per kind")


def _share(tally: Tally) -> str:
    low, high = tally.interval
    interval = f"{100 * low:.1f} to {100 * high:.1f}"
    return f'<b>{percent(tally.accuracy)}</b><br><span class="muted">{tally.right:,} of {tally.problems:,}<br>{interval}</span>'


def _learning_section(evidence: Evidence) -> str:
    parts = []
    if log := evidence.log:
        caption = f"Training over {len(log):,} steps: a loss of {log[0]['loss']:.3f} at first, {log[-1]['loss']:.3f} at the end."
        parts.append(figure(curves_svg(log, standalone=False), caption))
    if log := evidence.rewards:
        caption = f"Reinforcement over {len(log):,} steps: a reward of {log[0]['reward']:.3f} at first, {log[-1]['reward']:.3f} at the end."
        parts.append(figure(reward_svg(log, standalone=False), caption))
    if evidence.lengths:
        total = sum(map(len, evidence.lengths.values()))
        caption = f"Length of the {total:,} responses that it learned from, in characters, thinking included."
        parts.append(figure(histograms_svg(evidence.lengths, "characters"), caption))
    return section("What taught it", f'<div class="columns">{"".join(parts)}</div>' if parts else "")
