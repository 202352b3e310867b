"""Answers as a test writes them, and whether two are the same by the rules alone."""

from fractions import Fraction

from nemoflow.answers.cheap import settle


def latex(value: Fraction) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def same(gold, answer):
    settled = settle(gold, answer)
    return settled is not None and settled[0]
