r"""The steps of the cascade that need no computer algebra: equal text, equal text after normalisation, whole numbers, what `forms` reads.

Each step answers only where it cannot be wrong; None hands the pair on:

    >>> settle(r"\frac{1}{2}", r"$\dfrac{1}{2}$"), settle("840", "840840"), settle("1/2", "0.5"), settle("2", r"\int_0^2 1 dx")
    ((True, 'normalised'), (False, 'number'), (True, 'number'), None)
"""

import re

from nemoflow.answers.forms.clean import cleaned, with_ascii_digits
from nemoflow.answers.forms.tokens import Unreadable

_SPACING = re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])|\\[!,;:]|[$]|\*\*")
_FRACTION = re.compile(r"\\[dt]frac(?![A-Za-z])")
_LOOSE_BLANK = re.compile(r"\s+(?![A-Za-z0-9])|(?<![A-Za-z0-9,])\s+|(?<=,)\s+(?!\d)")
_INTEGER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.0*)?")
_WORDED = re.compile(r"(?<![\\A-Za-z])(?!arc)[A-Za-z]{5}")
_TEXT = re.compile(r"\\text\{([^{}]*)\}")


def normalised(answer: str) -> str:
    r"""An answer without what LaTeX writes for looks: `$`, `\left`, `\,`, `\dfrac` for `\frac`, blanks beside signs, a final full stop."""
    answer = with_ascii_digits(answer)
    text = _FRACTION.sub(r"\\frac", _SPACING.sub("", answer.replace("\\$", "$").replace("{,}", ",").replace("\u2212", "-")))
    return _LOOSE_BLANK.sub("", text).strip().removesuffix(".")


def settle(gold: str, predicted: str) -> tuple[bool, str] | None:
    """(is right, rule) where a cheap step decides, else None."""
    if gold.strip() == predicted.strip():
        return True, "exact"
    plain_gold, plain_predicted = normalised(gold), normalised(predicted)
    if plain_gold == plain_predicted:
        return True, "normalised"
    if len(plain_gold) > 2 and plain_gold.isalpha() and plain_gold.casefold() == plain_predicted.casefold():
        return True, "words"
    whole_gold, whole_predicted = _whole(plain_gold), _whole(plain_predicted)
    if whole_gold is not None and whole_predicted is not None:
        return whole_gold == whole_predicted, "number"
    return _by_form(gold, predicted)


def _by_form(gold: str, predicted: str) -> tuple[bool, str] | None:
    from nemoflow.answers.forms.matching import matched  # with mpmath, a tenth of a second that a run without work need not wait for

    try:
        one, other = _squeezed(gold), _squeezed(predicted)
        if one == other != "":
            return True, "normalised"
        if one.casefold() == other.casefold() and _WORDED.search(one):
            return True, "words"
        found = matched(gold, predicted)
    except (Unreadable, RecursionError):
        return None
    return found.is_same, found.rule


def _squeezed(answer: str) -> str:
    """Cleaned, without marks of text, and with blanks only where they part letters or digits."""
    return _LOOSE_BLANK.sub("", _TEXT.sub(r" \1 ", cleaned(answer))).strip()


def _whole(answer: str) -> str | None:
    """Digits of a whole number without sign of plus, leading zeros, commas; text, since `int` refuses more than 4,300 digits."""
    if not _INTEGER.fullmatch(answer):
        return None
    digits = answer.partition(".")[0].replace(",", "").lstrip("+-").lstrip("0") or "0"
    return f"-{digits}" if answer.startswith("-") and digits != "0" else digits
