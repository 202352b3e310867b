r"""Formulas in a text, between dollars or LaTeX's brackets, and what the last of them comes to.

>>> text = "so $x=1$, and $y=2$; in all $1+2 = 3$ for every $n$"
>>> last_formula(text, list(FORMULA.finditer(text)))
'3'
"""

import re

_ROWS = r"(?:align|equation|gather|eqnarray|multline)\*?"
_INNER = "{1,4000}?"
FORMULA = re.compile(
    rf"\$\$(.{_INNER})\$\$|(?<!\\)\\\[(.{_INNER})\\\]|(?<!\\)\$([^$]{_INNER})(?<!\\)\$|(?<!\\)\\\((.{_INNER})\\\)"
    rf"|\\begin\{{{_ROWS}\}}(.{_INNER})\\end\{{{_ROWS}\}}",
    re.DOTALL,
)
PROSE = re.compile(
    r"\b(?:the|is|are|was|we|so|that|this|thus|therefore|hence|of|to|have|has|find|which|not|equals|answer|solution|when|it|can|by|its|"
    r"it's|be|get|there|our|let|since|then)\b",
    re.IGNORECASE,
)
"""Words of sentences, which an answer does not hold."""
_JOINED = re.compile(r"\s*(?:,|;|and|or|,\s*and|,\s*or)\s*")
_ALIGNED = re.compile(rf"\\(?:begin|end)\{{(?:{_ROWS}|aligned|split|gathered)\}}")
_ROW_END = re.compile(r"\\\\(?:\[[^\]]*\])?")
_FOLLOWS = re.compile(r"\\(?:Rightarrow|implies|Longrightarrow|therefore)(?![A-Za-z])")
_ASSIGNMENTS = re.compile(r"(?:[^=,(){}]{1,12}=(?:[^=,(){}]|\{[^={}]*\}|\([^=()]*\)){1,80},){1,10}[^=,(){}]{1,12}=[^=,]{1,80}")
"""`p=-1, p=15/8`: several equations, of which the last is not all."""
_CURVE = re.compile(r"(?=[^=]*\^)(?=[^=]*\by\b|[^=]*\dy\b)(?=[^=]*\bx\b|[^=]*\dx\b)[^=]{1,200}=[^=]{1,80}$")
"""`x^2/16 + y^2/12 = 1/4`: both coordinates, one with a power, so that it is no value of an expression but a curve."""
_EQUALS = re.compile(r"\\[a-zA-Z]+|\\.|!=|[{}()=<>]")
_COMPARED = frozenset(("<", ">", "!=", "\\le", "\\ge", "\\leq", "\\geq", "\\in", "\\ne", "\\neq", "\\begin", "\\equiv", "\\to"))
_EQUATION = re.compile(r"\b(?:equation|line|circle|parabola|ellipse|hyperbola|plane|asymptote|directrix)s?\b", re.IGNORECASE)
_BESIDE = re.compile(r"(?![^\n]*(?:\b(?:is|are|was|equals?|gives?)\b|=))[^\n.]*\b(?:of|than|from)\s+[\d,.]+\W*")
_NAMES = re.compile(r"\\(?:[dt]?frac|cdot|times|div|sqrt|d?binom|pi|circ|text\{[^{}]*\}|left|right|[,!;])|\\?[{}]")


def content(match: re.Match[str]) -> str:
    """A formula without what marks it as one."""
    return next(group for group in match.groups() if group is not None).strip()


def formulas_from(text: str, first: re.Match[str]) -> str:
    """What a formula comes to, with those that commas, `and` or `or` join to it."""
    has_value = _EQUATION.search(text[max(0, first.start() - 120) : first.start()]) is None
    found, end = [outcome(content(first), has_value)], first.end()
    while joint := _JOINED.match(text, end):
        following = FORMULA.match(text, joint.end())
        if following is None:
            break
        found.append(outcome(content(following), has_value))
        end = following.end()
    return ", ".join(found)


def last_formula(text: str, formulas: list[re.Match[str]]) -> str | None:
    """The last formula with those that are joined to it, if no number of its own stands behind it (`$9$ divisors of 196` is 9).

    A lone letter at the end, as in `there are $9$ values of $n$`, gives way to a formula with digits before it.
    """
    behind = text[formulas[-1].end() :] if formulas else ""
    if not formulas or (re.search(r"\d", behind) and not _BESIDE.fullmatch(behind)):
        return None
    at = len(formulas) - 1
    if re.fullmatch(r"[A-Za-z]", content(formulas[at])):
        at = next((below for below in range(at - 1, -1, -1) if re.search(r"\d", content(formulas[below]))), at)
    first = formulas[at]
    for earlier in reversed(formulas[:at]):
        if not _JOINED.fullmatch(text, earlier.end(), first.start()):
            break
        first = earlier
    return formulas_from(text, first)


def outcome(formula: str, has_value: bool = True) -> str:
    r"""What a calculation ends in: of `a + b = 3 + 4 = 7`, `3 + 4 = 7` and `a + b = 7` the 7, of rows the last.

    An equation stays as it is: what has 0 or a variable on its right, a curve, several with commas between them, and everything where
    `has_value` is False.
    """
    if _ALIGNED.search(formula):
        rows = [row for row in _ROW_END.split(_ALIGNED.sub("", formula)) if row.strip(" &.\n")]
        formula = rows[-1].replace("&", " ") if rows else formula
    formula = _FOLLOWS.split(formula)[-1].strip() or formula
    if _ASSIGNMENTS.fullmatch(formula) or _CURVE.match(formula):
        return formula.strip().rstrip(" ,;.")
    sides = _sides(formula)
    if len(sides) > 2 or (len(sides) == 2 and (_is_numeric(sides[0]) or (has_value and _is_value(sides[1], sides[0])))):
        formula = sides[-1].strip() or formula
    return formula.strip().rstrip(" ,;.")


def _is_value(right: str, left: str) -> bool:
    """Whether `left = right` says what an expression comes to; a lone name on the left may be part of the answer."""
    return _is_numeric(right) and right.strip(" .,") != "0" and re.search(r"[-+*/^|\\]|\d", left) is not None


def _is_numeric(text: str) -> bool:
    return not re.search(r"[A-Za-z\\]", _NAMES.sub("", text))


def _sides(formula: str) -> list[str]:
    """What stands between signs of equality outside of brackets; one piece where other relations are there too."""
    depth, start, sides = 0, 0, []
    for match in _EQUALS.finditer(formula):
        sign = match.group()
        depth += (sign in "{(") - (sign in "})")
        if depth == 0 and sign in _COMPARED:
            return [formula]
        if depth == 0 and sign == "=":
            sides.append(formula[start : match.start()])
            start = match.end()
    return [*sides, formula[start:]]
