"""What an expression is worth: exactly as a fraction where it has one, else to forty digits at given values of its variables.

Everything has a bound (sizes of powers, of factorials, terms of a sum), so that no answer costs more than some milliseconds: what goes
beyond is `TooLarge`, and not decided here.
"""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import mpmath

from nemoflow.answers.forms.nodes import Node
from nemoflow.answers.forms.tokens import Unreadable

DIGITS = 40
LARGEST_BITS = 20_000
"""Of a number that is computed exactly."""
LARGEST_EXPONENT = 1e5
"""Natural logarithm of the largest number that is computed with."""
LARGEST_FACTORIAL = 2_000
MOST_TERMS = 200
"""Terms of a sum or product."""

Point = Mapping[str, Any]


class TooLarge(Unreadable):
    """A value beyond the bounds."""


class Undefined(Unreadable):
    """No value here: a division by zero, the logarithm of zero, a pole."""


class NotReal(Unreadable):
    """A root or logarithm of a negative number where only real values were asked for."""


def exact(node: Node) -> Fraction | None:
    """The rational value; None where it has variables, is irrational, or this does not see that it is rational."""
    try:
        return _exact(node)
    except (ZeroDivisionError, OverflowError):
        return None


def _exact(node: Node) -> Fraction | None:
    if node.op == "number":
        return node.value
    if node.op not in _EXACT:
        return None
    values = []
    for argument in node.args:
        value = _exact(argument)
        if value is None:
            return None
        values.append(value)
    found = _EXACT[node.op](*values)
    if found is not None and max(found.numerator.bit_length(), found.denominator.bit_length()) > LARGEST_BITS:
        raise TooLarge("a number of more than 20,000 bits")
    return found


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1:
        root = _exact_root(base, Fraction(exponent.denominator))
        return None if root is None else _exact_power(root, Fraction(exponent.numerator))
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(base) != 1 and base and bits * abs(exponent) > LARGEST_BITS:
        raise TooLarge("a power of more than 20,000 bits")
    return Fraction(base ** int(exponent)) if abs(base) != 1 else (Fraction(1) if exponent % 2 == 0 else base)


def _exact_root(value: Fraction, degree: Fraction) -> Fraction | None:
    if degree.denominator != 1 or not 1 <= degree <= 64:
        return None
    sign = -1 if value < 0 and degree % 2 else 1
    above, below = _whole_root(abs(value.numerator), int(degree)), _whole_root(value.denominator, int(degree))
    return None if (value < 0 and sign > 0) or above is None or below is None else sign * Fraction(above, below)


def _whole_root(value: int, degree: int) -> int | None:
    if value.bit_length() > LARGEST_BITS:
        raise TooLarge("a root of more than 20,000 bits")
    with mpmath.workdps(DIGITS):
        root = math.isqrt(value) if degree == 2 else int(mpmath.nint(mpmath.root(mpmath.mpf(value), degree)))
    return root if root**degree == value else None


def _exact_factorial(value: Fraction) -> Fraction | None:
    if value.denominator != 1 or value < 0:
        return None
    if value > LARGEST_FACTORIAL:
        raise TooLarge(f"a factorial beyond {LARGEST_FACTORIAL}")
    return Fraction(math.factorial(int(value)))


def _exact_binomial(above: Fraction, below: Fraction) -> Fraction | None:
    if above.denominator != 1 or below.denominator != 1 or above < 0 or below < 0:
        return None
    if above > 10 * LARGEST_FACTORIAL:
        raise TooLarge("a binomial coefficient of large numbers")
    return Fraction(math.comb(int(above), int(below)))


def _exact_gcd(*values: Fraction) -> Fraction | None:
    return Fraction(math.gcd(*map(int, values))) if all(value.denominator == 1 for value in values) else None


def _exact_lcm(*values: Fraction) -> Fraction | None:
    return Fraction(math.lcm(*map(int, values))) if all(value.denominator == 1 for value in values) else None


_EXACT: dict[str, Callable[..., Fraction | None]] = {
    "add": lambda *terms: sum(terms, Fraction(0)),
    "multiply": lambda left, right: left * right,
    "divide": lambda above, below: above / below,
    "negative": lambda value: -value,
    "percent": lambda value: value / 100,
    "power": _exact_power,
    "root": _exact_root,
    "factorial": _exact_factorial,
    "binomial": _exact_binomial,
    "abs": abs,
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "gcd": _exact_gcd,
    "lcm": _exact_lcm,
}


def at(node: Node, point: Point, *, real: bool = False) -> Any:
    """The value at a point, as an mpmath number of DIGITS digits.

    Args:
        node: an expression.
        point: a value for each of its variables.
        real: raise NotReal as soon as a part is not real.

    Raises:
        Unreadable: TooLarge, Undefined, NotReal, or an operation that has no value.
    """
    with mpmath.workdps(DIGITS):
        try:
            return _at(node, point, real)
        except (ZeroDivisionError, ValueError) as error:
            raise Undefined(str(error)) from None
        except (OverflowError, mpmath.libmp.NoConvergence, TypeError) as error:
            raise TooLarge(str(error)) from None


def _at(node: Node, point: Point, real: bool) -> Any:
    op = node.op
    if op == "number":
        assert node.value is not None
        return mpmath.mpf(node.value.numerator) / node.value.denominator
    if op == "symbol":
        return point[node.name]
    if op == "constant":
        return _CONSTANTS[node.name]() if node.name in _CONSTANTS else _no_value(node)
    if op in ("sum", "product"):
        return _series(node, point, real)
    values = [_at(argument, point, real) for argument in node.args]
    if op == "call":
        return _pseudo(node.name, values)
    if op not in _FUNCTIONS:
        return _no_value(node)
    value = _odd_power(node, values[0]) if op == "power" else None
    if value is None:
        value = _FUNCTIONS[op](*values)
    if not mpmath.isfinite(value):
        raise Undefined(f"{op} has no finite value here")
    if isinstance(value, mpmath.mpc):
        if abs(value.imag) < abs(value.real) * mpmath.mpf(10) ** (5 - DIGITS):
            return value.real
        if real:
            raise NotReal(f"{op} is not real here")
    return value


def _no_value(node: Node) -> Any:
    raise Unreadable(f"{node.name or node.op} has no single value")


def _odd_power(node: Node, base: Any) -> Any:
    """A negative number to a power such as 2/3, by its real root, as `_root` and `exact` take it; None for anything else."""
    if isinstance(base, mpmath.mpc) or base >= 0:
        return None
    exponent = exact(node.args[1])
    if exponent is None or exponent.denominator == 1 or exponent.denominator % 2 == 0:
        return None
    return (-1) ** exponent.numerator * _power(-base, mpmath.mpf(exponent.numerator) / exponent.denominator)


def _power(base: Any, exponent: Any) -> Any:
    if base == 0:
        if not isinstance(exponent, mpmath.mpc) and exponent >= 0:
            return mpmath.mpf(0 if exponent else 1)
        raise Undefined("a negative power of zero")
    if abs(exponent) * (1 + abs(mpmath.log(abs(base)))) > LARGEST_EXPONENT:
        raise TooLarge("a power beyond the bounds")
    return mpmath.power(base, exponent)


def _root(value: Any, degree: Any) -> Any:
    if degree == 0:
        raise Undefined("the zeroth root")
    if not isinstance(value, mpmath.mpc) and value < 0 and degree == mpmath.floor(degree) and int(degree) % 2:
        return -mpmath.power(-value, 1 / degree)
    return _power(value, 1 / degree)


def _factorial(value: Any) -> Any:
    if abs(value) > LARGEST_FACTORIAL:
        raise TooLarge(f"a factorial beyond {LARGEST_FACTORIAL}")
    return mpmath.gamma(value + 1)


def _binomial(above: Any, below: Any) -> Any:
    if max(abs(above), abs(below)) > LARGEST_FACTORIAL:
        raise TooLarge("a binomial coefficient of large numbers")
    return mpmath.binomial(above, below)


def _bounded(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A periodic or exponential function of arguments that forty digits tell apart."""

    def call(value: Any) -> Any:
        if abs(value) > LARGEST_EXPONENT:
            raise TooLarge("an argument beyond the bounds")
        return function(value)

    return call


def _log(value: Any, base: Any = None) -> Any:
    if value == 0 or base in (0, 1):
        raise Undefined("a logarithm of zero or to the base one")
    return mpmath.log(value) / mpmath.log(10 if base is None else base)


def _real_only(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        if any(isinstance(value, mpmath.mpc) for value in values):
            raise NotReal("a complex argument")
        return function(*values)

    return call


def _pseudo(name: str, values: list[Any]) -> Any:
    """A function that nothing is known of: smooth, and another one for each name."""
    seed = sum((at + 1) * ord(letter) for at, letter in enumerate(name)) % 97 / mpmath.mpf(50) + mpmath.mpf("0.31")
    return sum(_bounded(mpmath.cos)(seed * value + at + seed) for at, value in enumerate(values)) + seed


def _series(node: Node, point: Point, real: bool) -> Any:
    low, high = (_at(bound, point, real) for bound in node.args[:2])
    if any(isinstance(bound, mpmath.mpc) or bound != mpmath.floor(bound) for bound in (low, high)):
        raise Undefined("a bound that is no whole number")
    if high - low > MOST_TERMS:
        raise TooLarge(f"a sum of more than {MOST_TERMS} terms")
    total = mpmath.mpf(0 if node.op == "sum" else 1)
    for index in range(int(low), int(high) + 1):
        term = _at(node.args[2], {**point, node.name: mpmath.mpf(index)}, real)
        total = total + term if node.op == "sum" else total * term
    return total


def _sum(*terms: Any) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


_CONSTANTS: dict[str, Callable[[], Any]] = {"pi": lambda: +mpmath.pi, "e": lambda: +mpmath.e, "i": lambda: mpmath.mpc(0, 1)}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": _sum,
    "multiply": lambda left, right: left * right,
    "divide": lambda above, below: above / below,
    "negative": lambda value: -value,
    "percent": lambda value: value / 100,
    "degrees": lambda value: value * mpmath.pi / 180,
    "power": _power,
    "root": _root,
    "factorial": _factorial,
    "binomial": _binomial,
    "abs": abs,
    "floor": _real_only(mpmath.floor),
    "ceil": _real_only(mpmath.ceil),
    "max": _real_only(lambda *values: max(values)),
    "min": _real_only(lambda *values: min(values)),
    "exp": lambda value: _power(+mpmath.e, value),
    "ln": lambda value: _log(value, +mpmath.e),
    "log": _log,
    "lg": _log,
    **{name: _bounded(getattr(mpmath, name)) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth")},
    **{f"arc{name}": _bounded(getattr(mpmath, f"a{name}")) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
}
