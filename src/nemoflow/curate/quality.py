"""Filters that look at how a response is written: repeated lines, compressibility, foreign scripts, refusals, steps.

Each is a `Check` like those of `filters`; all of them leave mathematical notation alone.
"""

import re
import unicodedata
import zlib
from collections import Counter
from functools import lru_cache

from nemoflow.curate.decision import KEEP
from nemoflow.curate.filters import Check
from nemoflow.curate.statements import statement_of
from nemoflow.prompts.chat import THINK_CLOSE, split_response
from nemoflow.records import Trace

FEW_LINES = 8
"""Lines from which repeated ones say anything."""
SHORT_BYTES = 1000
"""Below it a text compresses badly whatever it says."""
FEW_LETTERS = 20
"""Letters from which a share of foreign ones says anything."""

_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|afraid|unable to (?:help|assist|answer|solve|complete|provide))"
    r"|i (?:can(?:no|')t|can not|won't|will not|am not able to) (?:help|assist|answer|solve|comply|provide|continue|do that|fulfil)"
    r"|as an ai(?: language)? model"
    r"|(?:this|the) (?:request|question) (?:violates|goes against)"
    r"|i must (?:decline|refuse))\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_CLAUSE = re.compile(r"\n+|(?<=[.;!?])\s+")
_SHOWN_WORK = re.compile(r"[=<>≤≥≈→]|\d|\\[a-z]+")
_OF_ALL_SCRIPTS = frozenset({"GREEK", "MATHEMATICAL", "MODIFIER", "COMBINING", "FEMININE", "MASCULINE", "DOUBLE-STRUCK", "SCRIPT", "MICRO"})
"""First words of the names of letters that formulas use in every language."""


def repeated_lines_at_most(share: float) -> Check:
    """Share of a response's lines that stood in it before; blank lines and lines without a word do not count."""
    return lambda trace: "repeated-lines" if repeated_lines(trace.response) > share else KEEP


def repeated_lines(text: str) -> float:
    """0 where every line is new; 0 for texts of few lines."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if _WORD.search(line)]
    return 1 - len(set(lines)) / len(lines) if len(lines) >= FEW_LINES else 0.0


def compresses_to_at_least(ratio: float) -> Check:
    """What zlib leaves of a response, as a share of its bytes: prose has about 0.4, a loop under 0.1."""
    return lambda trace: "compressible" if compressed(trace.response) < ratio else KEEP


def compressed(text: str) -> float:
    """The share; 1 for short texts."""
    raw = text.encode("utf-8", "surrogatepass")
    return len(zlib.compress(raw, 1)) / len(raw) if len(raw) >= SHORT_BYTES else 1.0


def foreign_letters_at_most(share: float) -> Check:
    """Share of letters in scripts that the statement does not use: reasoning that drifts into another language."""
    return lambda trace: "language-drift" if foreign_letters(trace.response, statement_of(trace)) > share else KEEP


def foreign_letters(text: str, statement: str) -> float:
    """The share of letters beyond those of the statement's scripts, of Latin, and of formulas."""
    if text.isascii():
        return 0.0
    scripts = _scripts(text)
    letters = scripts.total()
    if letters < FEW_LETTERS:
        return 0.0
    at_home = set(_scripts(statement)) | {"LATIN"} | _OF_ALL_SCRIPTS
    return sum(count for script, count in scripts.items() if script not in at_home) / letters


def _scripts(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for letter, count in Counter(text).items():
        if letter.isalpha():
            found[_script(letter)] += count
    return found


@lru_cache(maxsize=65_536)
def _script(letter: str) -> str:
    """`LATIN`, `CYRILLIC`, `CJK`, `HIRAGANA` ...: how Unicode names begin; kana and Chinese signs are one script, Japanese uses both."""
    if letter.isascii():
        return "LATIN"
    script = unicodedata.name(letter, "UNKNOWN").partition(" ")[0]
    return "CJK" if script in ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK") else script


def does_not_refuse(trace: Trace) -> str:
    """No apology in place of an answer: looked for after the thinking, and at the beginning of a response that does not think."""
    thinking, final = split_response(trace.response)
    said = final if THINK_CLOSE in trace.response else thinking[:400]
    return "refusal" if _REFUSAL.search(said) else KEEP


def has_steps(count: int) -> Check:
    """So many different steps in the thinking."""
    return lambda trace: "too-few-steps" if steps(trace.response) < count else KEEP


def steps(text: str) -> int:
    """Different sentences or lines of the thinking that say something: that hold a number, a relation or a formula, or four words."""
    thinking, _ = split_response(text)
    clauses = {" ".join(clause.split()) for clause in _CLAUSE.split(thinking)}
    return sum(1 for clause in clauses if len(clause) > 2 and (_SHOWN_WORK.search(clause) or len(_WORD.findall(clause)) >= 4))
