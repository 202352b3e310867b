"""The contest's own files, NVIDIA Nemotron Model Reasoning Challenge (Kaggle, 2026): `train.csv` and `test.csv`.

    id,prompt,answer
    0a1b2c3d,"In the kingdom of glass, numbers are written in another numeral system. ...",XXXIV

A prompt belongs to the kind whose marker phrase it holds; of the 9,500 training rows each holds exactly one. `test.csv` has
no answers. The contest's rules name CC BY 4.0 with credit to the NVIDIA Research team, and forbid passing the files to
people outside of it: keep them where they are.
"""

import re
from functools import partial

from nemoflow.problems.rows import Row, csv_rows
from nemoflow.problems.source import Source
from nemoflow.records import Problem

MARKERS = {
    "bit manipulation": "bits",
    "gravitational": "gravity",
    "unit conversion": "unit",
    "encryption": "cipher",
    "numeral system": "numeral",
    "transformation rules is applied to equations": "equation",
}
"""Marker phrase to category; an equation puzzle is parted further, by whether its query holds a digit."""
OTHER = "other"
_QUERY = re.compile(r"result for:(.*)", re.DOTALL)


def problem(row: Row) -> Problem:
    """The problem of a row."""
    prompt = row.text("prompt")
    return Problem(
        id=row.text("id").strip(),
        statement=prompt,
        gold=row.text("answer") if "answer" in row.values else None,
        category=category_of(prompt),
        source="kaggle",
    )


def category_of(prompt: str) -> str:
    """The prompt's kind by its marker phrase; `other` where it holds none, or several."""
    found = [category for marker, category in MARKERS.items() if marker in prompt]
    if len(found) != 1:
        return OTHER
    if found[0] != "equation":
        return found[0]
    query = _QUERY.findall(prompt)
    last = query[-1] if query else prompt.strip().splitlines()[-1]
    return "equation_digits" if re.search(r"\d", last) else "equation_symbols"


SOURCE = Source("kaggle", problem, licence="CC BY 4.0", rows=partial(csv_rows, required=("id", "prompt")))
