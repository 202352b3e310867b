"""The page's parts to read: problems with both models' responses, and traces that the filters dropped."""

from collections.abc import Mapping

from nemoflow.evaluation.compare import Change, Pair, examples, extracted
from nemoflow.evaluation.markup import quote, section, text
from nemoflow.evaluation.report import Evidence, reject_reason
from nemoflow.records import Trace

EACH: Mapping[Change, int] = {"broken": 5, "fixed": 3, "wrong": 2, "right": 1}
"""Examples of a kind: flips above all, and of those the losses, since few of them tell what training harmed."""

WORDS: dict[Change, str] = {"fixed": "fixed", "broken": "broken", "wrong": "still wrong", "right": "right before"}


def examples_section(evidence: Evidence) -> str:
    """Problems that training fixed, broke or left as they were; the first one is open."""
    chosen = examples(evidence.pairs, EACH)
    blocks = [_example(pair, is_open=index == 0) for index, pair in enumerate(chosen)]
    return section(
        "Answers to read",
        *blocks,
        lead="The first of each kind that training broke, fixed, left wrong or that was right before; chosen by order, not by looks. "
        "Every answer that turned is in <code>flips.jsonl</code> beside this page.",
    )


def dropped_examples(evidence: Evidence) -> str:
    """One dropped trace for each reason."""
    return "".join(
        f'<details><summary><span class="badge wrong">{text(reject_reason(trace))}</span> {text(trace.category)} · {text(trace.problem_id)}'
        f"</summary>{_asked(trace)}{_answered('What came back', trace)}</details>"
        for trace in evidence.rejects
    )


def _example(pair: Pair, *, is_open: bool) -> str:
    return (
        f'<details{" open" if is_open else ""}><summary><span class="badge {pair.change}">{WORDS[pair.change]}</span> '
        f"{_kind(pair)} · gold <code>{text(pair.problem.gold)}</code> · base <code>{_extracted(pair.base)}</code>"
        f" · adapter <code>{_extracted(pair.adapter)}</code></summary>"
        f"{quote('Problem', pair.problem.statement)}"
        f'<div class="columns"><div>{_answered("Base model", pair.base)}</div>'
        f"<div>{_answered('With the adapter', pair.adapter)}</div></div>"
        "</details>"
    )


def _kind(pair: Pair) -> str:
    return text(f"{pair.problem.category} · {pair.mode}" if pair.mode else pair.problem.category)


def _asked(trace: Trace) -> str:
    return quote("Asked", trace.messages[-1].content) if trace.messages else ""


def _answered(who: str, trace: Trace) -> str:
    cut = ", cut off" if trace.finish == "length" else ""
    return quote(f'{who} <span class="muted">{trace.usage.completion_tokens:,} tokens{cut}</span>', trace.error or trace.response)


def _extracted(trace: Trace) -> str:
    found = extracted(trace)
    return text(found if found and len(found) <= 40 else f"{found[:40]}…" if found else "none")
