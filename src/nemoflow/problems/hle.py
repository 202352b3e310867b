"""Humanity's Last Exam (Phan et al. 2025, arXiv 2501.14249; MIT). For evaluation, never for training: its rows carry a canary.

    {"id": "66...", "question": "...", "image": "", "answer": "C", "answer_type": "multipleChoice", "rationale": "...",
     "raw_subject": "Physics", "category": "Physics"}

A question that shows an image cannot be asked in text: its `meta.image` is true, and `load-problems` leaves it out.
"""

import re

from nemoflow.problems.rows import Row
from nemoflow.problems.source import Hub, Source
from nemoflow.records import Problem


def problem(row: Row) -> Problem:
    """The problem of a row."""
    subject = row.values.get("category") or row.values.get("raw_subject") or "other"
    if not isinstance(subject, str):
        raise row.wrong("category", "a subject such as 'Math' is right")
    kept = {name: row.values[name] for name in ("answer_type", "raw_subject", "canary") if isinstance(row.values.get(name), str)}
    return Problem(
        id=f"hle-{row.word('id')}",
        statement=row.text("question"),
        gold=row.word("answer"),
        category="hle_" + re.sub(r"[^a-z]+", "_", subject.lower()).strip("_"),
        source="hle",
        meta=kept | ({"image": True} if row.values.get("image") else {}),
    )


SOURCE = Source("hle", problem, licence="MIT", hub=Hub("cais/hle", split="test"))
