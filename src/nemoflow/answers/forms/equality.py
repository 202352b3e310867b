r"""Whether two expressions have the same value: as fractions, as rounded decimals, at points.

Two expressions that agree to thirty digits at several points are the same: that is how identities are told here, without simplification.
Points are positive first, since answers leave out that a length is; at points of both signs only real values count.
"""

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

import mpmath

from nemoflow.answers.forms.nodes import Node
from nemoflow.answers.forms.tokens import Unreadable
from nemoflow.answers.forms.values import NotReal, Undefined, at, exact

AGREEMENT = mpmath.mpf(10) ** -28
"""Relative difference of forty digits that counts as none."""
ROUNDED = 4
"""Significant digits from which on a decimal number may stand for a fraction whose decimals have no end."""
ROUNDED_IRRATIONAL = 6
"""The same for a value that is no fraction, such as a root: three or four digits of it are an estimate."""
ROUNDED_ENDING = 7
"""The same for a value that could have been written to its end."""
DOUBLE = 15
"""Significant digits from which on a decimal number may be a float in double precision, whose last digit is not rounded."""
NOISY = 6
"""Places from which on a decimal number may be the outcome of arithmetic that rounds."""
NOISE = Fraction(1, 10**7)
"""Relative difference that such arithmetic makes."""
_COUNTED = frozenset("nkmNMKj")
_WHOLE = (2, 3, 5, 8)


def same(left: Node, right: Node) -> bool:
    """Whether they have the same value for all values of their variables, or one is the other as a decimal number.

    Args:
        left: the gold one.
        right: the answer.

    Raises:
        Unreadable: the value is beyond the bounds or not defined anywhere that was looked.
    """
    if left == right:
        return True
    one, other = exact(left), exact(right)
    if one is not None and other is not None:
        return one == other or rounds(left, one, right, other)
    free = left.symbols | right.symbols
    if not free:
        return _same_number(left, right)
    return _same_at_points(left, right, sorted(free))


def rounds(gold: Node, one: Any, answer: Node, other: Any, fewest: int | None = None) -> bool:
    """Whether a number written with a point is the other one rounded, or cut, to its places.

    An answer may have more places than a rounded gold answer; one with fewer was rounded too early.

    Args:
        gold: the gold answer.
        one: its value.
        answer: the answer.
        other: its value.
        fewest: significant digits from which on a number may be rounded; None for those of its kind, and for no rounding of a number that
            has a name (`3.14159` is not pi).
    """
    if _is_noise(gold, one, answer, other):
        return True
    if fewest is None and "constant" in (gold.op, answer.op):
        return False
    places = _places(gold)
    is_longer = places is not None and (_places(answer) or 0) > places
    return _is_rounded(gold, one, other, is_longer, fewest) or _is_rounded(answer, other, one, False, fewest)


def _is_noise(gold: Node, one: Any, answer: Node, other: Any) -> bool:
    """Whether decimals differ no more than arithmetic in single precision does, as in `2.9999999`, `3`."""
    if not isinstance(one, Fraction) or not isinstance(other, Fraction):
        return False
    places = max(_places(gold) or 0, _places(answer) or 0)
    return places >= NOISY and abs(one - other) <= NOISE * max(abs(one), abs(other))


def _is_rounded(short: Node, value: Any, precise: Any, is_rounded_too: bool, fewest: int | None) -> bool:
    places = _places(short)
    if places is None or isinstance(precise, mpmath.mpc) or isinstance(value, mpmath.mpc):
        return False
    if (short.significant or 0) >= DOUBLE and close(_mp(precise), _mp(value), mpmath.mpf(2) ** -51):
        return True
    if (short.significant or 0) < (fewest or _needed(precise, is_rounded_too)):
        return False
    with mpmath.workdps(40):
        unit = mpmath.mpf(10) ** -places
        gap = _mp(precise) - _mp(value)
        return bool(abs(gap) <= unit / 2 or (0 <= gap < unit if _mp(value) > 0 else -unit < gap <= 0))


def _needed(precise: Any, is_rounded_too: bool) -> int:
    if is_rounded_too:
        return ROUNDED
    if not isinstance(precise, Fraction):
        return ROUNDED_IRRATIONAL
    return ROUNDED_ENDING if _ends(precise) else ROUNDED


def _places(node: Node) -> int | None:
    """Digits after the point of a number that stands alone; `2.5 * 10^-3` has four."""
    while node.op in ("negative", "percent", "degrees"):
        node = node.args[0]
    if node.op == "multiply" and node.args[1].op == "power" and exact(node.args[1].args[0]) == 10:
        places, power = _places(node.args[0]), exact(node.args[1].args[1])
        return None if places is None or power is None else places - int(power)
    return node.places if node.op == "number" and node.places else None


def _ends(value: Any) -> bool:
    """Whether its decimal expansion ends."""
    if not isinstance(value, Fraction):
        return False
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _mp(value: Any) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _same_number(left: Node, right: Node) -> bool:
    one, other = at(left, {}), at(right, {})
    if close(one, other):
        return True
    precise = (exact(left) or one, exact(right) or other)
    return rounds(left, precise[0], right, precise[1]) or _near(left, right, one, other)


def close(one: Any, other: Any, within: Any = AGREEMENT) -> bool:
    """Equal but for the last of forty digits."""
    with mpmath.workdps(40):
        return bool(abs(one - other) <= within * max(abs(one), abs(other), mpmath.mpf(10) ** -12))


def _near(left: Node, right: Node, one: Any, other: Any, slack: int = 1) -> bool:
    """Equal as far as the decimal numbers in an expression go; those that stand alone have been compared as such."""
    digits = _rounded_digits(left, right)
    return bool(digits) and min(digits) >= ROUNDED and close(one, other, slack * mpmath.mpf(5) * mpmath.mpf(10) ** -min(digits))


def _rounded_digits(left: Node, right: Node) -> list[int]:
    """Significant digits of the decimal numbers inside of two expressions; one that stands on both sides was not rounded."""
    sides = [[node for node in side.walk() if node.op == "number" and node.places] for side in (left, right) if _places(side) is None]
    shared = {node.value for node in sides[0]} & {node.value for node in sides[1]} if len(sides) == 2 else set()
    return [node.significant for side in sides for node in side if node.value not in shared and node.significant is not None]


def _same_at_points(left: Node, right: Node, free: list[str]) -> bool:
    positive = list(_agreements(left, right, _points(free, positive=True), real=False))
    if not positive:
        raise Undefined("no point was found where both have a value")
    if not all(positive):
        return _counts(left, right) and _same_at_whole_points(left, right, free)
    imaginary = any(node.op == "constant" and node.name == "i" for side in (left, right) for node in side.walk())
    return all(_agreements(left, right, _points(free, positive=False), real=not imaginary))


def _agreements(left: Node, right: Node, points: Iterable[Mapping[str, Any]], real: bool) -> Iterable[bool]:
    """Whether both sides agree, at each point where both have a value; ends with the first that they do not."""
    for point in points:
        try:
            one, other = at(left, point, real=real), at(right, point, real=real)
        except (Undefined, NotReal):
            continue
        agree = close(one, other) or _near(left, right, one, other, slack=20 if real else 1)
        yield agree
        if not agree:
            return


def _points(free: list[str], positive: bool) -> Iterable[dict[str, Any]]:
    """Four points; each variable has values of its own, with nothing in common."""
    for turn in range(4):
        with mpmath.workdps(40):
            point = {}
            for place, name in enumerate(free):
                value = mpmath.sqrt(mpmath.mpf(2 + 3 * turn + 7 * place + sum(map(ord, name)) % 11)) / (3 - (turn % 3) / mpmath.mpf(2))
                point[name] = value if positive or (turn + place) % 2 else -value
        yield point


def _counts(left: Node, right: Node) -> bool:
    """Whether variables are whole numbers, by their names and by what is done with them."""
    return any(
        node.op in ("factorial", "binomial", "sum", "product", "floor", "ceil", "call") or _is_alternating(node)
        for side in (left, right)
        for node in side.walk()
    )


def _is_alternating(node: Node) -> bool:
    if node.op in ("sin", "cos", "tan"):
        return any(below.name == "pi" for below in node.walk()) and bool(node.symbols & _COUNTED)
    if node.op != "power":
        return False
    base = exact(node.args[0])
    return base is not None and base < 0 and bool(node.args[1].symbols)


def _same_at_whole_points(left: Node, right: Node, free: list[str]) -> bool:
    counted = [name for name in free if name in _COUNTED]
    if not counted or len(counted) > 2:
        return False
    others = next(iter(_points([name for name in free if name not in counted], positive=True)))
    points = [
        {**others, **dict(zip(counted, map(mpmath.mpf, values), strict=True))}
        for values in combinations_with_replacement(_WHOLE, len(counted))
    ]
    found = list(_agreements(left, right, points, real=False))
    return len(found) >= 2 and all(found)


def proportional(left: Node, right: Node) -> Any | None:
    """The constant c for which left = c right, None where there is none: two equations `left = 0` and `right = 0` are then the same."""
    free = sorted(left.symbols | right.symbols)
    if not free:
        return None
    ratio = None
    seen = 0
    for positive in (True, False):
        for point in _points(free, positive):
            try:
                one, other = at(left, point), at(right, point)
            except Undefined:
                continue
            if other == 0 or one == 0:
                return None
            with mpmath.workdps(40):
                found = one / other
            if ratio is not None and not close(found, ratio) and not _near(left, right, found, ratio):
                return None
            ratio, seen = found, seen + 1
    if seen < 3:
        raise Unreadable("no points were found where both equations have a value")
    return ratio


def is_infinite(node: Node) -> int:
    """1 for infinity, -1 for minus infinity, else 0."""
    sign = 1
    while node.op == "negative":
        node, sign = node.args[0], -sign
    return sign if node.op == "constant" and node.name == "infty" else 0


def order(value: Node) -> float:
    """A bound of an interval as a float, for putting intervals in order; NaN where it has none."""
    if infinite := is_infinite(value):
        return infinite * math.inf
    try:
        found = at(value, {name: mpmath.mpf(7) for name in value.symbols})
        return math.nan if isinstance(found, mpmath.mpc) else float(found)
    except (Unreadable, OverflowError):
        return math.nan
