"""The corpus card: what a corpus holds, counted. It names no time and no place, so equal corpora have equal cards."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from nemoflow.records import Example, Trace

NARROWEST = 64
"""Characters of the narrowest class of the length histogram; each further class is twice as wide."""
UNKNOWN_LICENCE = "unknown"
OWN_LICENCE = "of the teacher's maker"
"""What a model wrote: its maker's terms say what may be done with it."""


class Card:
    """Counts examples as they are written, in any order."""

    def __init__(self) -> None:
        self.rows = 0
        self._problems: set[str] = set()
        self._traces: set[str] = set()
        names = ("category", "source", "model", "mode", "verdict", "licence", "revision")
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in names}
        self._lengths: Counter[int] = Counter()
        self._tokens: Counter[int] = Counter()
        self._chars = 0
        self._rationalized_from: set[str] = set()

    def add(self, example: Example, trace: Trace) -> None:
        """Count an example and the trace that it was made of."""
        self.rows += 1
        self._problems.add(example.problem_id)
        self._traces.add(example.trace_id)
        told = {
            "category": example.category,
            "source": example.source,
            "model": trace.model,
            "mode": trace.mode,
            "verdict": trace.verdict.verdict if trace.verdict is not None else "none",
            "licence": _licence(trace),
        }
        for name, value in told.items():
            self._counts[name][value] += 1
        if isinstance(trace.meta.get("revision"), str):
            self._counts["revision"][f"{trace.model}@{trace.meta['revision']}"] += 1
        if isinstance(trace.meta.get("parent"), str):
            self._rationalized_from.add(trace.meta["parent"])
        self._lengths[_class_of(len(example.response))] += 1
        if trace.usage.completion_tokens:
            self._tokens[_class_of(trace.usage.completion_tokens)] += 1
        self._chars += len(example.response)

    def as_json(self) -> dict[str, Any]:
        """Counts by category, source, model, mode, verdict, licence and revision, and histograms of response lengths."""
        return {
            "rows": self.rows,
            "problems": len(self._problems),
            "traces": len(self._traces),
            **{f"by_{name}": dict(sorted(counts.items())) for name, counts in self._counts.items()},
            "response_chars": {
                "mean": round(self._chars / self.rows, 1) if self.rows else 0.0,
                "histogram": _histogram(self._lengths),
            },
            "response_tokens": {"counted": self._tokens.total(), "histogram": _histogram(self._tokens)},
            "lineage": {
                "trace_id": "hash of problem, prompt, model, sampling, seed and sample: the request; an example names it as `trace_id`",
                "failed_traces_rationalized": len(self._rationalized_from),
            },
        }


def as_markdown(card: Mapping[str, Any]) -> str:
    """The card for people: what is in the corpus, in tables."""
    lines = [
        "# Corpus card",
        "",
        f"{card['rows']:,} examples of {card['problems']:,} problems, from {card['traces']:,} traces; "
        f"{card['response_chars']['mean']:,.0f} characters a response on average.",
    ]
    for name in ("category", "source", "model", "mode", "verdict", "licence", "revision"):
        counts = {key or "(none)": count for key, count in card[f"by_{name}"].items()}
        if counts and set(counts) != {"(none)"}:
            lines += ["", f"## By {name}", "", f"| {name} | examples | share |", "| --- | ---: | ---: |"]
            ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            lines += [f"| {_cell(key)} | {count:,} | {100 * count / card['rows']:.1f} % |" for key, count in ranked]
    for name in ("chars", "tokens"):
        if histogram := card[f"response_{name}"]["histogram"]:
            lines += ["", f"## Responses by {name}", "", "| below | examples | |", "| ---: | ---: | --- |"]
            most = max(entry["rows"] for entry in histogram)
            lines += [f"| {entry['below']:,} | {entry['rows']:,} | {'#' * max(1, 30 * entry['rows'] // most)} |" for entry in histogram]
    if card.get("left_out"):
        lines += ["", "## Left out", "", "| reason | traces |", "| --- | ---: |"]
        lines += [f"| {_cell(reason)} | {count:,} |" for reason, count in sorted(card["left_out"].items())]
    if card.get("ablations"):
        lines += ["", "## Other mixes of the same traces", "", "| mix | examples | traces | tokens | by source | by category | by mode |"]
        lines += ["| --- | ---: | ---: | ---: | --- | --- | --- |"]
        lines += [_ablation(row) for row in card["ablations"]]
    return "\n".join([*lines, "", f"Lineage: an example's `trace_id` is the {card['lineage']['trace_id']}.", ""])


def _ablation(row: Mapping[str, Any]) -> str:
    counts = (
        ", ".join(f"{key or '(none)'} {count:,}" for key, count in row[f"by_{name}"].items()) for name in ("source", "category", "mode")
    )
    return f"| {_cell(row['name'])} | {row['rows']:,} | {row['traces']:,} | {row['tokens']:,} | {' | '.join(map(_cell, counts))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _licence(trace: Trace) -> str:
    told = trace.meta.get("licence")
    if isinstance(told, str) and told:
        return told
    return UNKNOWN_LICENCE if trace.source == "public" else OWN_LICENCE


def _histogram(classes: Counter[int]) -> list[dict[str, int]]:
    return [{"below": below, "rows": classes[below]} for below in sorted(classes)]


def _class_of(length: int) -> int:
    """The upper bound of a length's class, a doubling of the narrowest."""
    below = NARROWEST
    while length >= below:
        below *= 2
    return below
