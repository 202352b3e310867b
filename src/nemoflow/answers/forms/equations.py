"""Whether two equations, or two inequalities, are the same answer."""

from nemoflow.answers.forms.equality import proportional
from nemoflow.answers.forms.shapes import Comparison, Equation, Inequality, Shape


def same_equations(gold: Shape, answer: Shape, match: Comparison) -> bool:
    """Whether they are the same, at least one an equation: the other may be its value alone. `match` compares values."""
    if isinstance(gold, Equation) and isinstance(answer, Equation):
        return _two_equations(gold, answer, match)
    equation, other = (gold, answer) if isinstance(gold, Equation) else (answer, gold)
    assert isinstance(equation, Equation)
    if equation.value is None:
        return False
    return match(equation.value, other) if equation is gold else match(other, equation.value)


def _two_equations(gold: Equation, answer: Equation, match: Comparison) -> bool:
    if gold.value is not None and answer.value is not None and (gold.names or answer.names):
        return gold.names == answer.names and match(gold.value, answer.value)
    if gold.value is not None and answer.value is not None and _same_names(gold.name, answer.name) and match(gold.value, answer.value):
        return True
    if gold.difference is None or answer.difference is None:
        return False
    return proportional(gold.difference, answer.difference) is not None


def _same_names(gold: str, answer: str) -> bool:
    """Names are the same, or one is a function's value and the other `y` or a function's value too."""
    if gold.lower() == answer.lower():
        return True
    functional = ["(" in name or name == "y" for name in (gold, answer)]
    worded = [len(name) > 3 and name.replace(" ", "").isalpha() for name in (gold, answer)]
    return all(functional) or any(worded)


def same_inequalities(gold: Inequality, answer: Inequality) -> bool:
    """Whether one is the other times a number, which is positive unless they say `!=`."""
    if (gold.is_strict, gold.is_unequal) != (answer.is_strict, answer.is_unequal):
        return False
    ratio = proportional(gold.difference, answer.difference)
    return ratio is not None and (gold.is_unequal or bool(getattr(ratio, "real", ratio) > 0))
