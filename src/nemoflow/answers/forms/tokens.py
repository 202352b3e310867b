r"""A cleaned answer cut into tokens.

>>> [token.text for token in tokens(r"2x_1 + \frac{1}{3}\text{ cm}")]
['2', 'x', '_', '1', '+', '\\frac', '{', '1', '}', '{', '3', '}', 'cm']
"""

import re
from dataclasses import dataclass
from typing import Literal

from nemoflow.errors import NemoflowError

Kind = Literal["number", "symbol", "command", "text", "word", "sign"]

LONGEST = 4000
"""Characters of an answer that are read; answers of contests have below a hundred."""


class Unreadable(NemoflowError):
    """A text that is not mathematics as this reader knows it; it never leaves `answers`."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer. `spaced` says whether a blank stands before it."""

    kind: Kind
    text: str
    spaced: bool = False


FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth ln log lg exp sqrt gcd lcm max min abs floor ceil".split()  # noqa: E501, SIM905
)
_NAMES = FUNCTIONS | {"pi", "infty", "theta", "alpha", "beta", "gamma", "lambda", "phi", "omega"}
_ALIASES = {"infinity": "infty", "inf": "infty", "oo": "infty", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "union": "cup"}
_TOKEN = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d|,\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+(?![A-Za-z\d.]))?)"
    r"|\\text\{(?P<text>[^{}]*)\}"
    r"|(?P<command>\\[A-Za-z]+|\\.)"
    r"|(?P<word>[A-Za-z]+(?![^\W\d_a-zA-Z])|[^\W\d_]+)"
    r"|(?P<sign><=|>=|!=|\*\*|.)",
    re.DOTALL,
)


def tokens(text: str, *, commas_group: bool = True) -> list[Token]:
    """Cut a cleaned answer.

    Args:
        text: a cleaned answer.
        commas_group: whether `1,000` is one number; else two with a comma between them.
    """
    if len(text) > LONGEST:
        raise Unreadable(f"an answer of {len(text):,} characters; at most {LONGEST:,} are read")
    found: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "blank":
            spaced = True
            continue
        found.extend(_cut(kind or "", match.group(kind or 0), spaced, commas_group))
        spaced = False
    return found


def _cut(kind: str, text: str, spaced: bool, commas_group: bool) -> list[Token]:
    if kind == "number" and "," in text and not commas_group:
        pieces = re.split("(,)", text)
        return [Token("sign" if piece == "," else "number", piece, spaced and not at) for at, piece in enumerate(pieces)]
    if kind == "word":
        return _words(text, spaced)
    if kind == "text":
        return [Token("text", text.strip(), spaced)]
    if kind == "sign" and text == "**":
        return [Token("sign", "^", spaced)]
    return [Token(kind, text, spaced)]  # type: ignore[arg-type]


def _words(text: str, spaced: bool) -> list[Token]:
    """A run of letters: a function or a constant by name, a word, or the product of its letters."""
    lower = _ALIASES.get(text.lower(), text.lower())
    if lower in _NAMES or lower in ("infty", "cup"):
        return [Token("command", f"\\{lower}", spaced)]
    if not text.isascii():
        return [Token("word", text, spaced)]
    if len(text) == 1:
        return [Token("symbol", text, spaced)]
    if text in ("or", "and"):
        return [Token("word", text, spaced)]
    for length in (6, 5, 4, 3, 2):
        if text[:length] in _NAMES and 0 < len(text) - length <= 2:
            return [Token("command", f"\\{text[:length]}", spaced), *(Token("symbol", letter) for letter in text[length:])]
        if text[-length:] in _NAMES and 0 < len(text) - length <= 2:
            return [*_words(text[:-length], spaced), Token("command", f"\\{text[-length:]}")]
    if len(text) <= 3 and not (text[0].isupper() and text[1:].islower()):
        return [Token("symbol", letter, spaced and not at) for at, letter in enumerate(text)]
    return [Token("word", text, spaced)]
