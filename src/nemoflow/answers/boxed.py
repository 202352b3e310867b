r"""The text inside `\boxed{}`: as the contest's metric takes it, and as a person would read it.

The two differ. The metric cuts at a brace that it does not match with its partner, revision B at the first `}`, revision C
at the last one before the next box; a reader of LaTeX matches the braces:

    >>> text = r"\boxed{7} and \frac{1}{2}"
    >>> candidates(text, "b"), candidates(text, "c"), balanced(text)
    (['7'], ['7} and \\frac{1}{2'], '7')
"""

import re
from typing import Literal

Revision = Literal["b", "c"]

BOX = r"\boxed{"
_TO_FIRST_BRACE = re.compile(re.escape(BOX) + r"([^}]*)")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
MOST = 50
"""Boxes at the end of a text that are searched for boxes inside of them."""
LONGEST_BOX = 2000
"""Characters of a box that are searched for boxes inside of it."""
_CLOSERS = re.compile(r"[\s$.*)\]\\]*")


def candidates(text: str, revision: Revision = "c") -> list[str]:
    """What each box of a text holds by the metric's rule, in order and unstripped; a box that never closes runs to the end."""
    if revision == "b":
        return _TO_FIRST_BRACE.findall(text)
    return [_to_last_brace(segment) for segment in text.split(BOX)[1:]]


def last_box(text: str, revision: Revision = "c") -> str | None:
    """The metric's choice among the boxes: the last that is not blank, `""` where all are blank, None where there is no box."""
    found = [candidate.strip() for candidate in candidates(text, revision)]
    if not found:
        return None
    return next((candidate for candidate in reversed(found) if candidate), "")


def balanced(text: str) -> str | None:
    r"""Content of the last closed, non-blank box with its braces matched (`\{` and `\}` do not count); None where there is none."""
    end = len(text)
    while (start := text.rfind(BOX, 0, end)) >= 0:
        content = _to_matching_brace(text[start + len(BOX) : end])
        if content is not None and content.strip():
            return content.strip()
        end = start
    return None


def unnested(text: str) -> str:
    r"""The text with boxes inside of a box opened: `\boxed{\frac{1}{\boxed{2}}}` holds a half, and not 2.

    It looks at the last MOST boxes, of at most LONGEST_BOX characters each.
    """
    at = end = len(text)
    for _ in range(MOST):
        end = text.rfind(BOX, 0, end)
        at = end if end >= 0 else at
        if end < 0:
            break
    while 0 <= at < len(text) and (following := text.find(BOX, at + len(BOX))) >= 0:
        start = at + len(BOX)
        content = _to_matching_brace(text[start : start + LONGEST_BOX]) if following - start < LONGEST_BOX else None
        if content is not None and BOX in content:
            text = text[:start] + content.replace(BOX, "{") + text[start + len(content) :]
            following = text.find(BOX, start + len(content) - len(BOX))
        at = following
    return text


def after_box(text: str) -> str | None:
    """What follows the last box by revision C; None where there is no box or the last one is not closed."""
    _, box, segment = text.rpartition(BOX)
    _, brace, tail = segment.rpartition("}")
    return tail if box and brace else None


def ends_with_box(text: str) -> bool:
    """Whether nothing but closing marks (`$`, `.`, `*`, `)`, `]`) follows the last box: no word, and no brace for revision C to swallow."""
    tail = after_box(text)
    return tail is not None and _CLOSERS.fullmatch(tail) is not None


def _to_last_brace(segment: str) -> str:
    head, brace, _ = segment.rpartition("}")
    return head if brace else segment


def _to_matching_brace(segment: str) -> str | None:
    depth = 1
    for match in _BRACE.finditer(segment):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return segment[: match.start()]
    return None
