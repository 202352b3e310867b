"""Expressions as trees."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Node:
    """`number` (value, places), `symbol` (name), `constant` (pi, e, i, infty), or an operation on nodes.

    Operations: add, multiply, divide, power, negative, percent, degrees, plus-minus, the names of functions, `call` (a function that is not
    known, by name), `sum` and `product` (name of the index; from, to, body).
    """

    op: str
    args: tuple["Node", ...] = ()
    name: str = ""
    value: Fraction | None = None
    places: int | None = None
    """Digits after the point as written; None for a whole number."""

    def walk(self) -> Iterator["Node"]:
        """This node and all below it."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(node.args)

    @property
    def symbols(self) -> frozenset[str]:
        """Names of the variables that stay free."""
        free: set[str] = {node.name for node in self.walk() if node.op == "symbol"}
        return frozenset(free - {node.name for node in self.walk() if node.op in ("sum", "product")})

    @property
    def significant(self) -> int | None:
        """Fewest significant digits of the decimal numbers in it; None where there is none."""
        digits = [_significant(node) for node in self.walk() if node.op == "number" and node.places]
        return min(digits, default=None)


def number(value: int | Fraction, places: int | None = None) -> Node:
    """A number."""
    return Node("number", value=Fraction(value), places=places)


def _significant(node: Node) -> int:
    assert node.value is not None
    assert node.places is not None
    return len(str(abs(int(node.value * 10**node.places))).lstrip("0"))
