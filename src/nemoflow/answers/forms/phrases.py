r"""Answers that are recognised as a whole: words, choices, dates, times, digits in a base.

>>> phrase(r"\text{(C)}"), phrase("May 5, 2021"), phrase("x+1")
(Choice(letter='C'), Day(year=2021, month=5, day=5), None)
"""

import re
from fractions import Fraction

from nemoflow.answers.forms.nodes import number
from nemoflow.answers.forms.shapes import Based, Choice, Day, Moment, Shape, Value, Words

_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_CHOICE = re.compile(
    r"(?:(?i:option|choice|answer)\s*:?\s*)?(?:\(\s*([A-Za-z])\s*\)|([A-Z])\s*[.):]|([a-j])\)|(?<=[nert] )([A-Z]))(?:\s+\S.*)?", re.DOTALL
)
_MOMENT = re.compile(r"(\d{1,2})(?::(\d\d))?(?::(\d\d(?:\.\d+)?))?\s*(?:([ap])\.?\s*m\b\.?)?(?:\s*(?:h|hours|o'clock))?", re.IGNORECASE)
_BASED = re.compile(
    r"\(?\s*(-?[0-9][0-9A-Fa-f]*(?:\.[0-9A-Fa-f]+)?)\s*\)?\s*_\s*\{?\s*(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten|twelve|sixteen)\s*\}?"
)
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS)
_DATES = (
    re.compile(rf"(?P<month>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s*,?\s+(?P<year>\d{{4}}))?", re.IGNORECASE),
    re.compile(rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\.?(?:\s*,?\s+(?P<year>\d{{4}}))?", re.IGNORECASE),
    re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"),
)
_WEEKDAY = re.compile(r"^(?:mon|tues|wednes|thurs|fri|satur|sun)day\s*,\s*", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_][^\W_]*(?:[\s.,'\-/&:()]+[^\W_]+)*[.)]?")
_NO_PRODUCT = re.compile(r"[A-Z][a-z]{2}|[^\W\d_]{4}|[^\W\d_]{2,}\s+[^\W\d_]{2,}")
_MATHEMATICS = frozenset(
    "abs floor ceil pi sin cos tan cot sec csc log ln exp sqrt inf infty infinity oo or and sum prod max min gcd lcm sinh cosh tanh arcsin arccos arctan".split()  # noqa: E501, SIM905
)
_NUMBERS = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen "  # noqa: SIM905
        "twenty".split(),
        range(21),
        strict=True,
    )
)
_SYNONYMS = {
    "none": "no solution", "no solutions": "no solution", "no real solution": "no solution", "no real solutions": "no solution",
    "empty set": "no solution", "the empty set": "no solution", "there is no solution": "no solution", "there are no solutions": "no solution",  # noqa: E501
    "no such number exists": "no solution", "does not exist": "undefined", "dne": "undefined", "not defined": "undefined",
    "all reals": "all real numbers", "every real number": "all real numbers", "any real number": "all real numbers",
    "all real number": "all real numbers", "the set of all real numbers": "all real numbers", "real numbers": "all real numbers",
    "infinitely many solutions": "infinitely many", "t": "true", "f": "false",
}  # fmt: skip
NOTHING = Words("no solution")
EVERYTHING = Words("all real numbers")


def phrase(text: str) -> Shape | None:
    """What a cleaned answer is as a whole, None where it is to be read as mathematics."""
    plain, marked = _TEXT.subn(r" \1 ", text)
    plain = " ".join(plain.split())
    if text in ("\\emptyset", "\\emptyset "):
        return NOTHING
    if text in ("\\setR", "\\setR "):
        return EVERYTHING
    return _choice(plain) or _day(plain) or _moment(plain) or _based(plain) or _words(plain, bool(marked))


def _choice(text: str) -> Choice | None:
    match = _CHOICE.fullmatch(text)
    if match is None:
        return None
    letter = next(group for group in match.groups() if group)
    return Choice(letter.upper())


def _moment(text: str) -> Moment | None:
    match = _MOMENT.fullmatch(text)
    if match is None or not (match.group(2) or match.group(4)):
        return None
    hour, minute, second, half = match.groups()
    if int(hour) > 24 or int(minute or 0) > 59:
        return None
    return Moment(int(hour), int(minute or 0), Fraction(second or 0), f"{half.lower()}m" if half else "")


def _day(text: str) -> Day | None:
    text = _WEEKDAY.sub("", text)
    for pattern in _DATES:
        if match := pattern.fullmatch(text):
            month = match.group("month").lower()
            which = int(month) if month.isdigit() else next(at for at, name in enumerate(_MONTHS, 1) if name.startswith(month[:3]))
            return Day(int(match.group("year")) if match.group("year") else None, which, int(match.group("day")))
    return None


def _based(text: str) -> Based | None:
    match = _BASED.fullmatch(text)
    if match is None:
        return None
    base = int(match.group(2)) if match.group(2).isdigit() else _NUMBERS[match.group(2)]
    digits = match.group(1).upper()
    if not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in digits if digit not in "-."):
        return None
    return Based(digits, base)


def _words(text: str, marked: bool) -> Shape | None:
    """Words; None for what may be a product, such as `xy`, unless LaTeX marks it as text."""
    if text.casefold() in _SYNONYMS and len(text) > 2:
        return Words(_SYNONYMS[text.casefold()])
    if not _WORDS.fullmatch(text) or not (marked or _NO_PRODUCT.search(text)):
        return None
    lower = text.casefold()
    if not marked and _MATHEMATICS & set(lower.replace("(", " ").replace(")", " ").split()) and not re.search(r"[a-z]{5}", lower):
        return None
    found = " ".join(re.split(r"[\s.,'\-/&:()]+", lower)).strip()
    if found in _NUMBERS:
        return Value(number(_NUMBERS[found]))
    return Words(_SYNONYMS.get(found, found))
