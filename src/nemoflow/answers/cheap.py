r"""The cheap steps of the symbolic cascade: equal text, equal text after normalisation, whole numbers, words.

They settle most pairs without a parser. Each step answers only where it cannot be wrong; None hands the pair on:

    >>> settle(r"\frac{1}{2}", r"$\dfrac{1}{2}$"), settle("840", "840840"), settle("1/2", "0.5")
    ((True, 'normalised'), (False, 'number'), None)

Words are compared as text because Math-Verify reads `listen` as a product of six symbols, which equals `silent`.
"""

import re

_SPACING = re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])|\\[!,;:]|[$]|\*\*")
_FRACTION = re.compile(r"\\[dt]frac(?![A-Za-z])")
_LOOSE_BLANK = re.compile(r"\s+(?![A-Za-z0-9])|(?<![A-Za-z0-9])\s+")
_TEXT = re.compile(r"\\(?:text|mbox|textbf|textit|mathrm)\s*\{([^{}]*)\}")
_INTEGER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.0*)?")
_WORDS = re.compile(r"[^\W\d_]+(?:[\s.,'-]+[^\W\d_]+)*\.?")
_NO_PRODUCT = re.compile(r"[A-Z][a-z]{2}|[^\W\d_]{4}")
_MATHEMATICS = frozenset(
    ("pi", "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "exp", "sqrt", "inf", "infty", "infinity", "oo", "or", "and")
)


def normalised(answer: str) -> str:
    r"""An answer without what LaTeX writes for looks: `$`, `\left`, `\,`, `\dfrac` for `\frac`, blanks beside signs, a final full stop."""
    text = _FRACTION.sub(r"\\frac", _SPACING.sub("", answer.replace("\\$", "$").replace("{,}", ",").replace("\u2212", "-")))
    return _LOOSE_BLANK.sub("", text).strip().removesuffix(".")


def settle(gold: str, predicted: str) -> tuple[bool, str] | None:
    """(is right, rule) where a cheap step decides, else None."""
    if gold.strip() == predicted.strip():
        return True, "exact"
    gold, predicted = normalised(gold), normalised(predicted)
    if gold == predicted:
        return True, "normalised"
    whole_gold, whole_predicted = _whole(gold), _whole(predicted)
    if whole_gold is not None and whole_predicted is not None:
        return whole_gold == whole_predicted, "number"
    words_gold, words_predicted = _words(gold), _words(predicted)
    if words_gold is not None and words_predicted is not None:
        return words_gold == words_predicted, "words"
    return None


def _whole(answer: str) -> str | None:
    """Digits of a whole number without sign of plus, leading zeros, commas; text, since `int` refuses more than 4,300 digits."""
    if not _INTEGER.fullmatch(answer):
        return None
    digits = answer.partition(".")[0].replace(",", "").lstrip("+-").lstrip("0") or "0"
    return f"-{digits}" if answer.startswith("-") and digits != "0" else digits


def _words(answer: str) -> str | None:
    """Words in lower case; None for what may be a product, such as `xy`, unless LaTeX marks it as text."""
    text, marked = _TEXT.subn(r"\1", answer)
    text = text.strip()
    if not _WORDS.fullmatch(text) or not (marked or _NO_PRODUCT.search(text)) or _MATHEMATICS & set(text.lower().split()):
        return None
    return " ".join(re.split(r"[\s.,'-]+", text.rstrip(".").casefold()))
