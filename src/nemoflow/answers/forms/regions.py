"""Whether two intervals, unions of them, or sets of numbers are the same answer."""

from itertools import pairwise

from nemoflow.answers.forms.equality import is_infinite, order
from nemoflow.answers.forms.quantities import same_number
from nemoflow.answers.forms.reader import as_region
from nemoflow.answers.forms.shapes import Interval, Region, Shape, Value
from nemoflow.answers.forms.tokens import Unreadable


def same_regions(gold: Shape, answer: Shape) -> bool:
    """Whether they are the same set of numbers, however it is cut into intervals; False for what is no set of numbers."""
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
        if before.high_closed != after.low_closed and same_number(last.high, after.low):
            merged[-1] = Interval(last.low, after.high, last.low_closed, after.high_closed)
        else:
            merged.append(after)
    return merged


def _same_interval(gold: Interval, answer: Interval) -> bool:
    return (
        (gold.low_closed or bool(is_infinite(gold.low))) == (answer.low_closed or bool(is_infinite(answer.low)))
        and (gold.high_closed or bool(is_infinite(gold.high))) == (answer.high_closed or bool(is_infinite(answer.high)))
        and same_number(gold.low, answer.low)
        and same_number(gold.high, answer.high)
    )
