"""What an answer can be, once it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Union

from nemoflow.answers.forms.nodes import Node
from nemoflow.answers.forms.units import Unit


@dataclass(frozen=True, slots=True)
class Value:
    """A number or an expression, with its unit where it has one."""

    node: Node
    unit: Unit | None = None
    note: str = ""
    """Words behind it that are no unit that is known, such as `apples`."""
    otherwise: "Value | None" = None
    """Another way to read it: `10 m` as ten times m, `1/2x` as one over 2x."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text, in lower case, with one blank between words."""

    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A letter of a multiple choice, upper case; what was written behind it is left out."""

    letter: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Several things: `bare` (commas only), `set`, `tuple` (round brackets), `list` (square brackets)."""

    kind: Literal["bare", "set", "tuple", "list"]
    items: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`; a closed end belongs to it."""

    low: Node
    high: Node
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A union of intervals and of sets of points; `name` is the variable of the inequalities that it was written with."""

    parts: tuple["Interval | Listing", ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Equation:
    """`name = value` where the left side is a name (`name` is then not empty), else `left = right` as `difference = 0`."""

    name: str
    value: "Shape | None"
    difference: Node | None
    names: tuple[str, ...] = ()
    """Of a left side that is a tuple."""


@dataclass(frozen=True, slots=True)
class Inequality:
    """`difference` < 0 (strict) or <= 0; `!=` is `is_unequal`."""

    difference: Node
    is_strict: bool
    is_unequal: bool = False


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of shapes."""

    rows: tuple[tuple["Shape", ...], ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """`2:3`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of day; `half` is `am`, `pm` or empty."""

    hour: int
    minute: int
    second: Fraction
    half: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """A date; `year` is None where none is written."""

    year: int | None
    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Based:
    """Digits in a base, as in `1101_2`."""

    digits: str
    base: int


Shape = Union[Value, Words, Choice, Listing, Region, Equation, Inequality, Matrix, Ratio, Moment, Day, Based]  # noqa: UP007
Comparison = Callable[[Shape, Shape], bool]
"""Whether two shapes, of which the first is the gold answer, are the same."""
