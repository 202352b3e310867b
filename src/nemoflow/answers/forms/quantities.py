r"""Whether two numbers or expressions are the same answer: with units, percent and degrees, as ratios, as digits in a base."""

from collections.abc import Sequence

from nemoflow.answers.forms.equality import is_infinite, rounds, same
from nemoflow.answers.forms.nodes import Node
from nemoflow.answers.forms.shapes import Based, Moment, Ratio, Shape, Value
from nemoflow.answers.forms.values import at, exact

_TRIGONOMETRIC = frozenset("sin cos tan cot sec csc".split())  # noqa: SIM905


def same_values(gold: Value, answer: Value) -> bool:
    """Whether they are the same, in one of the ways that each can be read."""
    if _same_quantity(gold, answer):
        return True
    if gold.otherwise is not None and _same_quantity(gold.otherwise, answer):
        return True
    return answer.otherwise is not None and _same_quantity(gold, answer.otherwise)


def _same_quantity(gold: Value, answer: Value) -> bool:
    if gold.unit is None or answer.unit is None or gold.unit == answer.unit:
        return same_number(gold.node, answer.node)
    if gold.unit.dimension != answer.unit.dimension:
        return False
    return same(_times(gold.node, gold.unit.factor / answer.unit.factor), answer.node)


def _times(node: Node, factor: object) -> Node:
    return Node("multiply", (node, Node("number", value=factor)))  # type: ignore[arg-type]


def same_number(gold: Node, answer: Node) -> bool:
    """Whether they are the same, units apart; `50%` is the same as 50, and as a half."""
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


def rounded(gold: Shape, answer: Shape, fewest: int) -> bool:
    """Whether one of two numbers is the other one rounded, to that many significant digits or more."""
    if not isinstance(gold, Value) or not isinstance(answer, Value) or gold.node.symbols or answer.node.symbols:
        return False
    one, other = (exact(side.node) or at(side.node, {}) for side in (gold, answer))
    return rounds(gold.node, one, answer.node, other, fewest=fewest)


def is_decimal(shape: Shape) -> bool:
    """Whether it is a number written with a point."""
    return isinstance(shape, Value) and shape.node.significant is not None


def same_ratios(gold: Shape, answer: Shape) -> bool:
    """Whether one ratio is the other times a number; `2:3` may have been read as a fraction or as a time."""
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


def same_digits(gold: Shape, answer: Shape) -> bool:
    """The same digits and base; an answer may leave the base to the question."""
    if isinstance(gold, Based) and isinstance(answer, Based):
        return gold == answer
    based, other = (gold, answer) if isinstance(gold, Based) else (answer, gold)
    assert isinstance(based, Based)
    if not isinstance(other, Value) or other.node.op != "number" or other.node.places or other.node.value is None:
        return False
    return based.digits == str(other.node.value) and other.unit is None
