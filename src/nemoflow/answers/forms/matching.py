r"""Whether two shapes are the same answer.

>>> matched(r"\{1, 2\}", "2, 1"), matched("(1, 2)", "(2, 1)"), matched("1-1/e", "1+1/e")
(Match(is_same=True, rule='set'), Match(is_same=False, rule='tuple'), Match(is_same=False, rule='expression'))
"""

import re
from dataclasses import dataclass

from nemoflow.answers.forms.equations import same_equations, same_inequalities
from nemoflow.answers.forms.listings import same_listings, same_matrices
from nemoflow.answers.forms.phrases import EVERYTHING
from nemoflow.answers.forms.quantities import same_digits, same_ratios, same_values
from nemoflow.answers.forms.reader import read
from nemoflow.answers.forms.regions import same_regions
from nemoflow.answers.forms.shapes import (
    Based,
    Choice,
    Day,
    Equation,
    Inequality,
    Listing,
    Matrix,
    Moment,
    Ratio,
    Region,
    Shape,
    Value,
    Words,
)  # fmt: skip
from nemoflow.answers.forms.times import same_days, same_moments
from nemoflow.answers.forms.tokens import Unreadable

CHOICES = frozenset("ABCDE")
"""Letters that stand for a choice in either case."""
_COMMA = re.compile(r"\d\s*,\s*\d")
_FRACTION = re.compile(r"\s*\$?\s*[+-]?(?:\d+\s*/\s*\d+|\\[dt]?frac\s*\{\d+\}\s*\{\d+\})\s*\$?\s*")
_ENGINEERS_I = re.compile(r"(?<=\d)j(?![A-Za-z])")
_I = re.compile(r"(?<![A-Za-z\\])i(?![A-Za-z])")
_DECIMAL_COMMA = re.compile(r"\s*\$?\s*([+-]?\d+),(\d+)\s*\$?\s*")
_DECIMAL_POINT = re.compile(r"\s*\$?\s*[+-]?\d+\.\d+\s*\$?\s*")


@dataclass(frozen=True, slots=True)
class Match:
    """Whether two answers are the same, and what they were compared as."""

    is_same: bool
    rule: str


def matched(gold: str, answer: str) -> Match:
    """Compare two answers as they were written.

    Raises:
        Unreadable: one of them is not mathematics as the reader knows it, or beyond its bounds.
    """
    left, right = _read(gold), _read(answer)
    found = Match(match(left, right), rule_of(left, right))
    if not found.is_same and (_COMMA.search(gold) or _COMMA.search(answer)) and _by_other_commas(gold, answer):
        return Match(True, found.rule)
    if not found.is_same and (_ENGINEERS_I.search(gold) or _ENGINEERS_I.search(answer)) and _by_other_i(gold, answer):
        return Match(True, found.rule)
    return found


def _read(answer: str) -> Shape:
    try:
        return read(answer)
    except Unreadable:
        if _COMMA.search(answer):
            return read(answer, commas_group=False)
        raise


def _by_other_i(gold: str, answer: str) -> bool:
    """`3+4j` beside `3+4i` is the same complex number."""
    for one, other in ((gold, answer), (answer, gold)):
        if _ENGINEERS_I.search(one) and not _I.search(one) and _I.search(other) and "j" not in other:
            return match(_read(_ENGINEERS_I.sub("i", one)), _read(other))
    return False


def _by_other_commas(gold: str, answer: str) -> bool:
    """`1,234` beside a list is a list, `1,22` beside `1.22` a decimal number."""
    for one, other in ((gold, answer), (answer, gold)):
        comma = _DECIMAL_COMMA.fullmatch(one)
        if (
            comma
            and (_DECIMAL_POINT.fullmatch(other) or _FRACTION.fullmatch(other))
            and match(read(f"{comma.group(1)}.{comma.group(2)}"), read(other))
        ):
            return True
    left, right = (read(text, commas_group=False) for text in (gold, answer))
    is_list = isinstance(left, Listing) and isinstance(right, Listing) and len(left.items) == len(right.items)
    return is_list and match(left, right)


def rule_of(left: Shape, right: Shape) -> str:
    """What a comparison goes by: the kind of the gold answer, or of the answer where the gold one is a single value."""
    for shape in (left, right):
        name = _RULES.get(type(shape), "")
        if isinstance(shape, Listing):
            return "list" if shape.kind == "bare" else shape.kind
        if name:
            return name
    return "number" if all(isinstance(shape, Value) and not shape.node.symbols for shape in (left, right)) else "expression"


_RULES: dict[type, str] = {
    Words: "words", Choice: "choice", Region: "interval", Equation: "equation", Inequality: "inequality", Matrix: "matrix", Ratio: "ratio",
    Moment: "time", Day: "date", Based: "base",
}  # fmt: skip


def match(gold: Shape, answer: Shape) -> bool:
    """Whether they are the same answer. Not symmetric in one respect: an answer may be more precise than a rounded gold answer."""
    if gold == answer:
        return True
    if isinstance(gold, Equation) or isinstance(answer, Equation):
        return same_equations(gold, answer, match)
    if isinstance(gold, Choice) or isinstance(answer, Choice):
        return _choices(gold, answer)
    if EVERYTHING in (gold, answer) or isinstance(gold, Region) or isinstance(answer, Region):
        return same_regions(gold, answer)
    if isinstance(gold, Matrix) or isinstance(answer, Matrix):
        return same_matrices(gold, answer, match)
    if isinstance(gold, Listing) or isinstance(answer, Listing):
        return same_listings(gold, answer, match)
    if isinstance(gold, Value) and isinstance(answer, Value):
        return same_values(gold, answer) or _letter(gold) == _letter(answer) in CHOICES
    return _others(gold, answer)


def _others(gold: Shape, answer: Shape) -> bool:
    if isinstance(gold, Words) and isinstance(answer, Words):
        return gold.text == answer.text
    if isinstance(gold, Inequality) and isinstance(answer, Inequality):
        return same_inequalities(gold, answer)
    if isinstance(gold, Ratio) or isinstance(answer, Ratio):
        return same_ratios(gold, answer)
    if isinstance(gold, Moment) and isinstance(answer, Moment):
        return same_moments(gold, answer)
    if isinstance(gold, Day) and isinstance(answer, Day):
        return same_days(gold, answer)
    if isinstance(gold, Based) or isinstance(answer, Based):
        return same_digits(gold, answer)
    return False


def _choices(gold: Shape, answer: Shape) -> bool:
    letters = [_letter(shape) for shape in (gold, answer)]
    return letters[0] == letters[1] != ""


def _letter(shape: Shape) -> str:
    if isinstance(shape, Choice):
        return shape.letter
    if isinstance(shape, Value) and shape.node.op in ("symbol", "constant") and len(shape.node.name) == 1:
        return shape.node.name.upper()
    return ""
