"""Whether two lists, sets, tuples or matrices are the same answer; `match` compares what they hold."""

from collections.abc import Sequence

from nemoflow.answers.forms.quantities import is_decimal, rounded
from nemoflow.answers.forms.relations import value_of
from nemoflow.answers.forms.shapes import Comparison, Equation, Listing, Matrix, Shape

MOST_ITEMS = 100
ROUNDED_IN_MATRIX = 2
"""Significant digits from which on the entries of a matrix may be rounded, where it holds several decimals."""
ROUNDED_IN_LIST = 4
"""The same for a list."""


def same_matrices(gold: Shape, answer: Shape, match: Comparison) -> bool:
    """Whether they are the same entry by entry, at least one a matrix; several decimals may be rounded to fewer digits than one alone."""
    rows = [_rows(shape) for shape in (gold, answer)]
    if rows[0] is None or rows[1] is None:
        return False
    if [len(row) for row in rows[0]] != [len(row) for row in rows[1]]:
        return False
    entries = [entry for pair in zip(rows[0], rows[1], strict=True) for entry in zip(*pair, strict=True)]
    unequal = [entry for entry in entries if not match(*entry)]
    several = any(sum(map(is_decimal, side)) > 1 for side in zip(*entries, strict=True))
    return not unequal or (several and all(rounded(*entry, ROUNDED_IN_MATRIX) for entry in unequal))


def _rows(shape: Shape) -> Sequence[Sequence[Shape]] | None:
    """Rows; a vector is one column, whichever way it was written."""
    if isinstance(shape, Matrix):
        return tuple(zip(*shape.rows, strict=True)) if len(shape.rows) == 1 else shape.rows
    if isinstance(shape, Listing) and shape.kind in ("tuple", "list"):
        if all(isinstance(item, Listing) for item in shape.items):
            return [item.items for item in shape.items if isinstance(item, Listing)]
        return [(item,) for item in shape.items]
    return None


def same_listings(gold: Shape, answer: Shape, match: Comparison) -> bool:
    """Whether they are the same, at least one a listing; one that holds a single value over and over is that value."""
    if not (isinstance(gold, Listing) and isinstance(answer, Listing)):
        listing, other = (gold, answer) if isinstance(gold, Listing) else (answer, gold)
        assert isinstance(listing, Listing)
        if listing.kind == "tuple" or not all(match(listing.items[0], item) for item in listing.items[1:]):
            return False
        return match(listing.items[0], other) if listing is gold else match(other, listing.items[0])
    if any(sum(map(is_decimal, side.items)) > 1 for side in (gold, answer)):
        match = _or_rounded(match)
    kinds = {gold.kind, answer.kind}
    if kinds <= {"bare", "set"}:
        return _unordered(gold.items, answer.items, match)
    if kinds == {"bare", "tuple"} or kinds == {"bare", "list"}:
        return _ordered(gold.items, answer.items, match) or _by_name(gold.items, answer.items, match)
    if len(kinds) == 1 or (kinds == {"tuple", "list"} and len(gold.items) > 2):
        return _ordered(gold.items, answer.items, match)
    return False


def _or_rounded(match: Comparison) -> Comparison:
    return lambda gold, answer: match(gold, answer) or rounded(gold, answer, ROUNDED_IN_LIST)


def _ordered(gold: Sequence[Shape], answer: Sequence[Shape], match: Comparison) -> bool:
    return len(gold) == len(answer) and all(match(one, other) for one, other in zip(gold, answer, strict=True))


def _by_name(gold: Sequence[Shape], answer: Sequence[Shape], match: Comparison) -> bool:
    """`x=1, y=2` beside `y=2, x=1`."""
    names = [{item.name: item for item in items if isinstance(item, Equation) and item.name} for items in (gold, answer)]
    return (
        len(names[0]) == len(gold) == len(answer)
        and set(names[0]) == set(names[1])
        and all(match(one, names[1][name]) for name, one in names[0].items())
    )


def _unordered(gold: Sequence[Shape], answer: Sequence[Shape], match: Comparison) -> bool:
    """Each item has its own partner; where all items on one side have names of their own, the others stand in that order."""
    gold, answer = _without_repeats(gold), _without_repeats(answer)
    if len(gold) != len(answer) or len(gold) > MOST_ITEMS:
        return False
    if _are_assignments(gold) != _are_assignments(answer):
        return _ordered([value_of(item) for item in gold], [value_of(item) for item in answer], match)
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
