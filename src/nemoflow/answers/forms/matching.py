r"""Whether two shapes are the same answer.

>>> matched(r"\{1, 2\}", "2, 1"), matched("(1, 2)", "(2, 1)"), matched("1-1/e", "1+1/e")
(Match(is_same=True, rule='set'), Match(is_same=False, rule='tuple'), Match(is_same=False, rule='expression'))
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nemoflow.answers.forms.equality import is_infinite, order, proportional, same
from nemoflow.answers.forms.nodes import Node
from nemoflow.answers.forms.phrases import EVERYTHING
from nemoflow.answers.forms.reader import as_region, read
from nemoflow.answers.forms.relations import value_of
from nemoflow.answers.forms.shapes import (
    Based,
    Choice,
    Day,
    Equation,
    Inequality,
    Interval,
    Listing,
    Matrix,
    Moment,
    Ratio,
    Region,
    Shape,
    Value,
    Words,
)  # fmt: skip
from nemoflow.answers.forms.tokens import Unreadable

MOST_ITEMS = 100
CHOICES = frozenset("ABCDE")
"""Letters that stand for a choice in either case."""
_TRIGONOMETRIC = frozenset("sin cos tan cot sec csc".split())  # noqa: SIM905
_COMMA = re.compile(r"\d\s*,\s*\d")
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
    return found


def _read(answer: str) -> Shape:
    try:
        return read(answer)
    except Unreadable:
        if _COMMA.search(answer):
            return read(answer, commas_group=False)
        raise


def _by_other_commas(gold: str, answer: str) -> bool:
    """`1,234` beside a list is a list, `1,22` beside `1.22` a decimal number."""
    for one, other in ((gold, answer), (answer, gold)):
        comma = _DECIMAL_COMMA.fullmatch(one)
        if comma and _DECIMAL_POINT.fullmatch(other) and match(read(f"{comma.group(1)}.{comma.group(2)}"), read(other)):
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
        return _equations(gold, answer)
    if isinstance(gold, Choice) or isinstance(answer, Choice):
        return _choices(gold, answer)
    if EVERYTHING in (gold, answer) or isinstance(gold, Region) or isinstance(answer, Region):
        return _regions(gold, answer)
    if isinstance(gold, Matrix) or isinstance(answer, Matrix):
        return _matrices(gold, answer)
    if isinstance(gold, Listing) or isinstance(answer, Listing):
        return _listings(gold, answer)
    if isinstance(gold, Value) and isinstance(answer, Value):
        return _values(gold, answer) or _letter(gold) == _letter(answer) in CHOICES
    return _others(gold, answer)


def _others(gold: Shape, answer: Shape) -> bool:
    if isinstance(gold, Words) and isinstance(answer, Words):
        return gold.text == answer.text
    if isinstance(gold, Inequality) and isinstance(answer, Inequality):
        return _inequalities(gold, answer)
    if isinstance(gold, Ratio) or isinstance(answer, Ratio):
        return _ratios(gold, answer)
    if isinstance(gold, Moment) and isinstance(answer, Moment):
        return _moments(gold, answer)
    if isinstance(gold, Day) and isinstance(answer, Day):
        return (gold.month, gold.day) == (answer.month, answer.day) and (gold.year == answer.year or None in (gold.year, answer.year))
    if isinstance(gold, Based) or isinstance(answer, Based):
        return _based(gold, answer)
    return False


def _values(gold: Value, answer: Value) -> bool:
    if _same_quantity(gold, answer):
        return True
    if gold.otherwise is not None and _same_quantity(gold.otherwise, answer):
        return True
    return answer.otherwise is not None and _same_quantity(gold, answer.otherwise)


def _same_quantity(gold: Value, answer: Value) -> bool:
    if gold.unit is None or answer.unit is None or gold.unit == answer.unit:
        return _same_number(gold.node, answer.node)
    if gold.unit.dimension != answer.unit.dimension:
        return False
    return same(_times(gold.node, gold.unit.factor / answer.unit.factor), answer.node)


def _times(node: Node, factor: object) -> Node:
    return Node("multiply", (node, Node("number", value=factor)))  # type: ignore[arg-type]


def _same_number(gold: Node, answer: Node) -> bool:
    if is_infinite(gold) or is_infinite(answer):
        return is_infinite(gold) == is_infinite(answer)
    for op in ("percent", "degrees"):
        if gold.op == op and answer.op == op:
            return same(gold.args[0], answer.args[0])
    if gold.op == "percent" or answer.op == "percent":
        bare = (gold.args[0] if gold.op == "percent" else gold, answer.args[0] if answer.op == "percent" else answer)
        return same(*bare) or same(gold, answer)
    angles = [any(node.op == "degrees" for node in side.walk()) for side in (gold, answer)]
    if angles[0] != angles[1]:
        return _angles(gold, answer)
    return same(gold, answer)


def _angles(gold: Node, answer: Node) -> bool:
    """One side has degrees: the other is in degrees without saying so, or in radians if it speaks of pi."""
    sides = (gold, answer)
    if any(node.op in _TRIGONOMETRIC for side in sides for node in side.walk()):
        return same(gold, answer)
    if any(node.op == "constant" and node.name == "pi" for side in sides for node in side.walk()):
        return same(gold, answer)
    return same(_without_degrees(gold), _without_degrees(answer))


def _without_degrees(node: Node) -> Node:
    args = tuple(_without_degrees(argument) for argument in node.args)
    return args[0] if node.op == "degrees" else Node(node.op, args, node.name, node.value, node.places)


def _equations(gold: Shape, answer: Shape) -> bool:
    if isinstance(gold, Equation) and isinstance(answer, Equation):
        return _two_equations(gold, answer)
    equation, other = (gold, answer) if isinstance(gold, Equation) else (answer, gold)
    assert isinstance(equation, Equation)
    if equation.value is None:
        return False
    return match(equation.value, other) if equation is gold else match(other, equation.value)


def _two_equations(gold: Equation, answer: Equation) -> bool:
    if gold.value is not None and answer.value is not None and (gold.names or answer.names):
        return gold.names == answer.names and match(gold.value, answer.value)
    if gold.value is not None and answer.value is not None and _same_names(gold.name, answer.name) and match(gold.value, answer.value):
        return True
    if gold.difference is None or answer.difference is None:
        return False
    return proportional(gold.difference, answer.difference) is not None


def _same_names(gold: str, answer: str) -> bool:
    """Names are the same, or one is a function's value and the other `y` or a function's value too."""
    if gold.lower() == answer.lower():
        return True
    functional = ["(" in name or name == "y" for name in (gold, answer)]
    worded = [len(name) > 3 and name.replace(" ", "").isalpha() for name in (gold, answer)]
    return all(functional) or any(worded)


def _inequalities(gold: Inequality, answer: Inequality) -> bool:
    if (gold.is_strict, gold.is_unequal) != (answer.is_strict, answer.is_unequal):
        return False
    ratio = proportional(gold.difference, answer.difference)
    return ratio is not None and (gold.is_unequal or bool(getattr(ratio, "real", ratio) > 0))


def _choices(gold: Shape, answer: Shape) -> bool:
    letters = [_letter(shape) for shape in (gold, answer)]
    return letters[0] == letters[1] != ""


def _letter(shape: Shape) -> str:
    if isinstance(shape, Choice):
        return shape.letter
    if isinstance(shape, Value) and shape.node.op in ("symbol", "constant") and len(shape.node.name) == 1:
        return shape.node.name.upper()
    return ""


def _matrices(gold: Shape, answer: Shape) -> bool:
    rows = [_rows(shape) for shape in (gold, answer)]
    if rows[0] is None or rows[1] is None:
        return False
    return [len(row) for row in rows[0]] == [len(row) for row in rows[1]] and all(
        match(*entries) for pair in zip(rows[0], rows[1], strict=True) for entries in zip(*pair, strict=True)
    )


def _rows(shape: Shape) -> Sequence[Sequence[Shape]] | None:
    """Rows; a vector is one column, whichever way it was written."""
    if isinstance(shape, Matrix):
        return tuple(zip(*shape.rows, strict=True)) if len(shape.rows) == 1 else shape.rows
    if isinstance(shape, Listing) and shape.kind in ("tuple", "list"):
        if all(isinstance(item, Listing) for item in shape.items):
            return [item.items for item in shape.items if isinstance(item, Listing)]
        return [(item,) for item in shape.items]
    return None


def _listings(gold: Shape, answer: Shape) -> bool:
    if not (isinstance(gold, Listing) and isinstance(answer, Listing)):
        listing, other = (gold, answer) if isinstance(gold, Listing) else (answer, gold)
        assert isinstance(listing, Listing)
        if listing.kind == "tuple" or not all(match(listing.items[0], item) for item in listing.items[1:]):
            return False
        return match(listing.items[0], other) if listing is gold else match(other, listing.items[0])
    kinds = {gold.kind, answer.kind}
    if kinds <= {"bare", "set"}:
        return _unordered(gold.items, answer.items)
    if kinds == {"bare", "tuple"} or kinds == {"bare", "list"}:
        return _ordered(gold.items, answer.items) or _by_name(gold.items, answer.items)
    if len(kinds) == 1 or (kinds == {"tuple", "list"} and len(gold.items) > 2):
        return _ordered(gold.items, answer.items)
    return False


def _ordered(gold: Sequence[Shape], answer: Sequence[Shape]) -> bool:
    return len(gold) == len(answer) and all(match(one, other) for one, other in zip(gold, answer, strict=True))


def _by_name(gold: Sequence[Shape], answer: Sequence[Shape]) -> bool:
    """`x=1, y=2` beside `y=2, x=1`."""
    names = [{item.name: item for item in items if isinstance(item, Equation) and item.name} for items in (gold, answer)]
    return (
        len(names[0]) == len(gold) == len(answer)
        and set(names[0]) == set(names[1])
        and all(match(one, names[1][name]) for name, one in names[0].items())
    )


def _unordered(gold: Sequence[Shape], answer: Sequence[Shape]) -> bool:
    """Each item has its own partner; where all items on one side have names of their own, the others stand in that order."""
    gold, answer = _without_repeats(gold), _without_repeats(answer)
    if len(gold) != len(answer) or len(gold) > MOST_ITEMS:
        return False
    if _are_assignments(gold) != _are_assignments(answer):
        return _ordered([value_of(item) for item in gold], [value_of(item) for item in answer])
    rest = list(answer)
    for item in gold:
        partner = next((other for other in rest if match(item, other)), None)
        if partner is None:
            return False
        rest.remove(partner)
    return True


def _without_repeats(items: Sequence[Shape]) -> Sequence[Shape]:
    """Tuples once each; a number that is written twice may be a double root."""
    return list(dict.fromkeys(items)) if all(isinstance(item, Listing) for item in items) else items


def _are_assignments(items: Sequence[Shape]) -> bool:
    """Values of different things (`x = 1, y = 2`), not several values of one (`x = 1, x = 2`, `x_1 = 1, x_2 = 2`)."""
    names = {item.name.partition("_")[0] for item in items if isinstance(item, Equation) and item.name}
    return len(names) == len(items) > 1


def _regions(gold: Shape, answer: Shape) -> bool:
    try:
        one, other = as_region(gold), as_region(answer)
    except Unreadable:
        return False
    if one.name and other.name and one.name != other.name:
        return False
    left, right = _intervals(one), _intervals(other)
    return len(left) == len(right) and all(_same_interval(*pair) for pair in zip(left, right, strict=True))


def _intervals(region: Region) -> list[Interval]:
    """In order, points as intervals, neighbours that touch as one."""
    found: list[Interval] = []
    for part in region.parts:
        if isinstance(part, Interval):
            found.append(part)
        else:
            points = [item.node for item in part.items if isinstance(item, Value)]
            if len(points) != len(part.items):
                raise Unreadable("a set of numbers is expected")
            found.extend(Interval(point, point, True, True) for point in points)
    found.sort(key=lambda interval: (order(interval.low), order(interval.high)))
    return _merged(found)


def _merged(intervals: list[Interval]) -> list[Interval]:
    merged = intervals[:1]
    for before, after in pairwise(intervals):
        last = merged[-1]
        if before.high_closed != after.low_closed and _same_bound(last.high, after.low):
            merged[-1] = Interval(last.low, after.high, last.low_closed, after.high_closed)
        else:
            merged.append(after)
    return merged


def _same_interval(gold: Interval, answer: Interval) -> bool:
    return (
        (gold.low_closed or bool(is_infinite(gold.low))) == (answer.low_closed or bool(is_infinite(answer.low)))
        and (gold.high_closed or bool(is_infinite(gold.high))) == (answer.high_closed or bool(is_infinite(answer.high)))
        and _same_bound(gold.low, answer.low)
        and _same_bound(gold.high, answer.high)
    )


def _same_bound(gold: Node, answer: Node) -> bool:
    return _same_number(gold, answer)


def _ratios(gold: Shape, answer: Shape) -> bool:
    parts = [_parts(shape) for shape in (gold, answer)]
    if len(parts[0]) != len(parts[1]) or len(parts[0]) < 2:
        return False
    first, second = parts
    return all(
        same(Node("multiply", (first[0], other)), Node("multiply", (second[0], one)))
        for one, other in zip(first[1:], second[1:], strict=True)
    )


def _parts(shape: Shape) -> Sequence[Node]:
    if isinstance(shape, Ratio):
        return shape.parts
    if isinstance(shape, Value) and shape.node.op == "divide":
        return shape.node.args
    if isinstance(shape, Value):
        return (shape.node, Node("number", value=1))  # type: ignore[arg-type]
    if isinstance(shape, Moment) and not shape.half:
        return tuple(Node("number", value=part) for part in (shape.hour, shape.minute))  # type: ignore[arg-type]
    return ()


def _moments(gold: Moment, answer: Moment) -> bool:
    if (gold.minute, gold.second) != (answer.minute, answer.second):
        return False
    if gold.half and answer.half and gold.half != answer.half:
        return False
    if bool(gold.half) != bool(answer.half):
        with_half, without = (gold, answer) if gold.half else (answer, gold)
        return without.hour in (with_half.hour, with_half.hour % 12 + (12 if with_half.half == "pm" else 0))
    return gold.hour == answer.hour


def _based(gold: Shape, answer: Shape) -> bool:
    """The same digits and base; an answer may leave the base to the question."""
    if isinstance(gold, Based) and isinstance(answer, Based):
        return gold == answer
    based, other = (gold, answer) if isinstance(gold, Based) else (answer, gold)
    assert isinstance(based, Based)
    if not isinstance(other, Value) or other.node.op != "number" or other.node.places or other.node.value is None:
        return False
    return based.digits == str(other.node.value) and other.unit is None
