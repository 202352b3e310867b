"""Rows of any kind, seen alike: problems, traces, examples, and what other makers write; counted, measured, sampled.

survey = survey_rows(rows, wanted=Wanted(reason="too-short"), sample=5, seed=0)
survey.counts["kind"], survey.sample
"""

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import xxhash

from nemoflow.prompts.chat import SUFFIX

COUNTED = ("kind", "source", "model", "mode", "verdict", "reason", "licence", "finish")
STATEMENTS = ("statement", "prompt", "problem", "question", "query", "instruction", "Q")
RESPONSES = ("response", "solution", "generated_solution", "output", "completion", "generation", "A")
_CORRECT: Mapping[bool | None, str] = {True: "right", False: "wrong"}


@dataclass(frozen=True)
class Seen:
    """A row as a reader sees it."""

    id: str
    problem_id: str
    statement: str
    response: str
    gold: str
    told: Mapping[str, str]
    """Kind, source and so on, by name; empty where the row does not say."""
    raw: Mapping[str, Any]


def seen(row: Mapping[str, Any]) -> Seen:
    """A row of any kind; what it lacks is empty."""
    meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
    verdict = row.get("verdict")
    judged = verdict if isinstance(verdict, dict) else {}
    correct = row.get("correct")
    told = {
        "kind": _text(row, "category", "kind"),
        "source": _text(row, "source"),
        "model": _text(row, "model"),
        "mode": _text(meta, "mode") or _text(row, "mode"),
        "verdict": _text(judged, "verdict") or _text(row, "verdict") or _CORRECT.get(correct if isinstance(correct, bool) else None, ""),
        "reason": _text(meta, "rejected") or _text(row, "rejected", "reason"),
        "licence": _text(meta, "licence") or _text(row, "licence", "license"),
        "finish": _text(row, "finish"),
    }
    gold = _text(judged, "gold") or _text(row, "gold", "expected_answer", "answer")
    return Seen(
        id=_text(row, "id", "trace_id", "key"),
        problem_id=_text(row, "problem_id"),
        statement=(_turn(row, "user") or _text(row, *STATEMENTS)).removesuffix(f"\n{SUFFIX}"),
        response=_text(row, *RESPONSES) or _turn(row, "assistant") or _text(meta, "solution"),
        gold=gold,
        told=told,
        raw=row,
    )


@dataclass(frozen=True)
class Wanted:
    """Which rows are looked at; what is empty says nothing."""

    told: Mapping[str, str] = field(default_factory=dict)
    """By name, such as `{"reason": "too-short"}`."""
    contains: str = ""
    """Text that statement or response holds."""

    def takes(self, row: Seen) -> bool:
        """Whether a row is one of them."""
        fits = all(row.told.get(name, "") == value for name, value in self.told.items())
        return fits and (not self.contains or self.contains in row.statement or self.contains in row.response)


@dataclass
class Survey:
    """What rows hold."""

    rows: int = 0
    passed_over: int = 0
    """Rows that were not wanted."""
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in COUNTED})
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Kinds by reason: what each filter took."""
    lengths: dict[str, "array[int]"] = field(default_factory=lambda: defaultdict(lambda: array("q")))
    """Characters of responses (of statements where there are none), by kind."""
    statements: set[int] = field(default_factory=set)
    """Hashes of the different statements."""
    texts: set[int] = field(default_factory=set)
    """Hashes of the different pairs of statement and response."""
    sample: list[Seen] = field(default_factory=list)

    def add(self, row: Seen) -> None:
        """Count a row."""
        self.rows += 1
        for name, value in row.told.items():
            self.counts[name][value] += 1
        if row.told["reason"]:
            self.reasons[row.told["reason"]][row.told["kind"]] += 1
        self.lengths[row.told["kind"]].append(len(row.response or row.statement))
        self.statements.add(_key(row.statement))
        self.texts.add(_key(f"{row.statement}\0{row.response}"))

    @property
    def all_lengths(self) -> list[int]:
        """Of all kinds, sorted."""
        return sorted(length for lengths in self.lengths.values() for length in lengths)


def survey_rows(rows: Iterable[Mapping[str, Any]], wanted: Wanted, sample: int, seed: int) -> Survey:
    """Look at all rows once. The sample is drawn by a hash of seed and row: the same rows whatever their order."""
    survey = Survey()
    drawn: list[tuple[int, int, Seen]] = []
    for number, raw in enumerate(rows):
        row = seen(raw)
        if not wanted.takes(row):
            survey.passed_over += 1
            continue
        survey.add(row)
        if sample:
            entry = (-_key(f"{seed}\0{row.id}\0{row.statement}\0{row.response}"), -number, row)
            (heapq.heappush if len(drawn) < sample else heapq.heappushpop)(drawn, entry)
    survey.sample = [row for _, _, row in sorted(drawn, key=lambda entry: (-entry[0], -entry[1]))]
    return survey


def quantile(ordered: list[int], share: float) -> int:
    """Of sorted numbers; 0 of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def _key(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _text(row: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value):
            return str(value)
    return ""


def _turn(row: Mapping[str, Any], role: str) -> str:
    messages = row.get("messages")
    for message in reversed(messages) if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("role") == role and isinstance(message.get("content"), str):
            return str(message["content"])
    return ""
