r"""A solver's finding as a program: what a teacher that may run Python computes the answer with.

    print(program("unit", solution))
    # from decimal import ROUND_HALF_UP, Decimal
    # print((Decimal("4.00") * Decimal("5.22")).quantize(Decimal("0.01"), ROUND_HALF_UP))

Only kinds whose rule is a computation have one; elsewhere the text is empty, and the teacher answers without.
"""

from collections.abc import Callable, Mapping

from nemoflow.puzzles.family import Solution

_CONVERT = """from decimal import ROUND_HALF_UP, Decimal
print((Decimal("{given}") * Decimal("{factor}")).quantize(Decimal("{place}"), ROUND_HALF_UP))
"""
_WRITE = """n, out = {number}, ""
for v, s in {parts}:
    out, n = out + n // v * s, n % v
print(out{case})
"""


def program(kind: str, solution: Solution) -> str:
    """Python that prints the answer; empty where the kind, or what was found, has none."""
    make = _PROGRAMS.get(kind)
    return make(solution) if make and solution.finding else ""


def _conversion(solution: Solution) -> str:
    found = solution.finding
    if found.form.name != "factor" or found.measurements.is_inverse:
        return ""
    from nemoflow.puzzles.unit.forms import decimal_text

    decimals = found.measurements.decimals
    place = f"0.{'0' * (decimals - 1)}1" if decimals else "1"
    return _CONVERT.format(given=found.measurements.query.text, factor=decimal_text(found.scale), place=place)


def _reckoning(solution: Solution) -> str:
    numerals, system = solution.finding.numerals, solution.finding.system
    if numerals.asks_back:
        return ""
    parts = list(dict.fromkeys(system.split(numerals.asked)))
    return _WRITE.format(number=numerals.asked, parts=parts, case=".lower()" if numerals.is_lower else "")


_PROGRAMS: Mapping[str, Callable[[Solution], str]] = {"unit": _conversion, "numeral": _reckoning}
