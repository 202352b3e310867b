r"""Equations and inequalities.

A left side that only names something (`x`, `f(x)`, `AB`, `|AB|`, `V_1:V_2`, words) makes an equation an assignment, which equals its value;
other equations are compared as equations. Inequalities in one variable become regions.
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from nemoflow.answers.forms.nodes import Node, number
from nemoflow.answers.forms.parser import NAMING, parse
from nemoflow.answers.forms.shapes import Equation, Inequality, Interval, Region, Shape
from nemoflow.answers.forms.tokens import Token, Unreadable
from nemoflow.answers.forms.values import exact

EQUAL, ABOUT, MEMBER = "=", "\\approx", "\\in"
LESS, MORE = ("<", "<="), (">", ">=")
RELATIONS = frozenset((EQUAL, ABOUT, MEMBER, "\\equiv", "!=", *LESS, *MORE))
ROUNDED = Fraction(1, 20)
"""Relative difference between two numbers that may be one of them rounded."""
_UNNAMED = frozenset("+ - * / ^ \\frac \\sqrt \\pm % !".split())  # noqa: SIM905
_NAMED_RATIO = re.compile(r"\\frac\{[A-Z]{2}\}\{[A-Z]{2}\}|[A-Z]{2}/[A-Z]{2}")
INFINITY = Node("constant", name="infty")

Read = Callable[[Sequence[Token]], Shape]
Split = Callable[[Sequence[Token], Callable[[Token], bool]], list[Sequence[Token]]]


def related(source: Sequence[Token], read: Read, split: Split) -> Shape:
    """The shape of tokens with a relation among them.

    Args:
        source: the tokens.
        read: reads a side.
        split: cuts outside of brackets.
    """
    sides = split(source, lambda token: token.text in RELATIONS)
    signs = [token.text for token in source if token.text in RELATIONS] if len(sides) > 1 else []
    if len(signs) != len(sides) - 1:
        signs = _outer_signs(source, split)
    if not all(sides):
        if sides[0] or not all(sides[1:]) or set(signs) - {EQUAL, ABOUT}:
            raise Unreadable("a relation with a side missing")
        sides, signs = sides[1:], signs[1:]
        if not signs:
            return read(sides[0])
    if "\\equiv" in signs:
        raise Unreadable("a congruence")
    if MEMBER in signs:
        if len(signs) != 1 or not name_of(sides[0], split):
            raise Unreadable("one variable in one set is read")
        return read(sides[1])
    if set(signs) <= {EQUAL, ABOUT}:
        return _equation(sides, signs, read, split)
    if set(signs) <= {*LESS} or set(signs) <= {*MORE}:
        return _inequality(sides, signs, split)
    if signs == ["!="]:
        return _unequal(sides, split)
    raise Unreadable("relations of several kinds")


def _outer_signs(source: Sequence[Token], split: Split) -> list[str]:
    signs: list[str] = []
    rest = source
    while True:
        first = split(rest, lambda token: token.text in RELATIONS)[0]
        if len(first) == len(rest):
            return signs
        signs.append(rest[len(first)].text)
        rest = rest[len(first) + 1 :]


def name_of(side: Sequence[Token], split: Split) -> str:
    """The name that a left side is; empty where it is an expression."""
    texts = [token.text for token in side]
    if _NAMED_RATIO.fullmatch("".join(texts)):
        return "".join(texts)
    if any(text in _UNNAMED for text in texts if text != "'") or not side:
        return ""
    if texts[0] == "|" and texts[-1] == "|" and len(side) > 3:
        return name_of(side[1:-1], split)
    if ":" in texts:
        parts = split(side, lambda token: token.text == ":")
        return ":".join(texts) if all(part and name_of(part, split) for part in parts) else ""
    if all(token.kind in ("word", "text") for token in side):
        return " ".join(texts).lower()
    if side[0].kind == "number" or any(token.kind == "number" for token in side if not _is_below(side)):
        return ""
    if all(token.kind == "symbol" for token in side):
        return "".join(texts) if len(side) == 1 or all(text.isupper() for text in texts) else ""
    if side[0].kind == "symbol" or texts[0].removeprefix("\\") in NAMING:
        return "".join(texts) if "_" in texts or "(" in texts or "{" in texts or "'" in texts or side[0].kind == "command" else ""
    return ""


def _is_below(side: Sequence[Token]) -> bool:
    """Numbers in a name stand in subscripts or brackets."""
    return any(token.text in ("_", "(") for token in side)


def _equation(sides: list[Sequence[Token]], signs: list[str], read: Read, split: Split) -> Shape:
    if len(sides) == 2 and not name_of(sides[0], split) and name_of(sides[1], split):
        sides = sides[::-1]
    name = name_of(sides[0], split)
    names = _names(sides[0], split)
    if not name and not names:
        if (constant := _constant_chain(sides, signs, read)) is not None:
            return constant
        if len(sides) > 2 or ABOUT in signs:
            raise Unreadable("a chain of equations between expressions")
        return Equation("", None, _difference(sides[0], sides[1]))
    about = signs.index(ABOUT) if ABOUT in signs else len(signs)
    last = sides[about] if about else sides[1]
    value = read(last)
    return Equation(name, value, _difference_or_none(sides[0], last), names)


def _constant_chain(sides: list[Sequence[Token]], signs: list[str], read: Read) -> Shape | None:
    r"""`5 \cdot 6 = 30` is 30, `\frac{\sqrt3}{3} \approx 0.577` the first."""
    try:
        nodes = [parse(side) for side in sides]
    except Unreadable:
        return None
    if ABOUT not in signs and any(node.symbols or any(below.op == "call" for below in node.walk()) for node in nodes):
        return None
    _check_equal(sides)
    about = signs.index(ABOUT) if ABOUT in signs else len(signs)
    return read(sides[about])


def _check_equal(sides: Sequence[Sequence[Token]]) -> None:
    """Raise Unreadable where numbers that are said to be equal are further apart than rounding takes them (`7 = 42`)."""
    found = []
    for side in sides:
        try:
            found.append(exact(parse(side)))
        except Unreadable:
            continue
    known = [value for value in found if value is not None]
    if known and max(known) - min(known) > ROUNDED * max(map(abs, known)):
        raise Unreadable("an equation between numbers that differ")


def _names(side: Sequence[Token], split: Split) -> tuple[str, ...]:
    """The names of a left side such as `(p, q)`."""
    if len(side) < 5 or side[0].text != "(" or side[-1].text != ")":
        return ()
    names = tuple(name_of(part, split) for part in split(side[1:-1], lambda token: token.text in (",", ";")))
    return names if len(names) > 1 and all(names) else ()


def _difference(left: Sequence[Token], right: Sequence[Token]) -> Node:
    return Node("add", (parse(left), Node("negative", (parse(right),))))


def _difference_or_none(left: Sequence[Token], right: Sequence[Token]) -> Node | None:
    try:
        return _difference(left, right)
    except Unreadable:
        return None


def _inequality(sides: list[Sequence[Token]], signs: list[str], split: Split) -> Shape:
    if signs[0] in MORE:
        sides, signs = sides[::-1], [sign.replace(">", "<") for sign in signs[::-1]]
    closed = [sign == "<=" for sign in signs]
    if len(sides) == 3:
        return _between(sides, closed, split)
    if len(sides) > 3:
        raise Unreadable("a chain of inequalities")
    left, right = parse(sides[0]), parse(sides[1])
    if name_of(sides[0], split) and not right.symbols:
        return _region(sides[0], Node("negative", (INFINITY,)), right, False, closed[0])
    if name_of(sides[1], split) and not left.symbols:
        return _region(sides[1], left, INFINITY, closed[0], False)
    if left.op == "abs" and left.args[0].op == "symbol" and not right.symbols:
        return Region((Interval(Node("negative", (right,)), right, closed[0], closed[0]),), left.args[0].name)
    if right.op == "abs" and right.args[0].op == "symbol" and not left.symbols:
        return _outside(left, INFINITY, closed[0], False, right.args[0].name)
    difference = _difference(sides[0], sides[1])
    return _solved(difference, closed[0]) or Inequality(difference, is_strict=not closed[0])


def _solved(difference: Node, closed: bool) -> Region | None:
    """What `difference < 0` says of its variable, where that is one and the difference is linear in it."""
    names = difference.symbols
    if len(names) != 1:
        return None
    [name] = names
    values = [exact(_put(difference, name, Fraction(point))) for point in (0, 1, 2, 5, -3)]
    if any(value is None for value in values):
        return None
    start, slope = values[0] or Fraction(0), (values[1] or Fraction(0)) - (values[0] or Fraction(0))
    if not slope or any((value or 0) != start + slope * point for value, point in zip(values, (0, 1, 2, 5, -3), strict=True)):
        return None
    root = number(-start / slope)
    ends = (Node("negative", (INFINITY,)), root, False, closed) if slope > 0 else (root, INFINITY, closed, False)
    return Region((Interval(*ends),), name)


def _put(node: Node, name: str, value: Fraction) -> Node:
    if node.op == "symbol" and node.name == name:
        return number(value)
    return Node(node.op, tuple(_put(argument, name, value) for argument in node.args), node.name, node.value, node.places)


def _between(sides: list[Sequence[Token]], closed: list[bool], split: Split) -> Shape:
    low, middle, high = parse(sides[0]), parse(sides[1]), parse(sides[2])
    if middle.op == "abs" and middle.args[0].op == "symbol":
        return _outside(low, high, closed[0], closed[1], middle.args[0].name)
    if not name_of(sides[1], split) or middle.symbols & (low.symbols | high.symbols):
        raise Unreadable("a variable between two bounds is expected")
    return _region(sides[1], low, high, closed[0], closed[1])


def _region(side: Sequence[Token], low: Node, high: Node, low_closed: bool, high_closed: bool) -> Region:
    return Region((Interval(low, high, low_closed, high_closed),), "".join(token.text for token in side))


def _outside(low: Node, high: Node, low_closed: bool, high_closed: bool, name: str) -> Region:
    """What |x| between two bounds says of x."""
    below = Interval(Node("negative", (high,)), Node("negative", (low,)), high_closed, low_closed)
    return Region((below, Interval(low, high, low_closed, high_closed)), name)


def _unequal(sides: list[Sequence[Token]], split: Split) -> Shape:
    from nemoflow.answers.forms.reader import but_for

    if name_of(sides[1], split) and not name_of(sides[0], split):
        sides = sides[::-1]
    left, right = parse(sides[0]), parse(sides[1])
    if name_of(sides[0], split) and not right.symbols:
        return but_for([right], "".join(token.text for token in sides[0]))
    return Inequality(Node("add", (left, Node("negative", (right,)))), is_strict=True, is_unequal=True)


def value_of(shape: Shape) -> Shape:
    """What an assignment assigns; anything else is itself."""
    return shape.value if isinstance(shape, Equation) and shape.value is not None else shape
