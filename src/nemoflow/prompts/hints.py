"""Words by which reasoning gives away that it was told the answer (STaR); paraphrases get past them."""

import re

_TOLD = r"(?:known|given(?!\s+by)|provided|stated|told|supplied)"
MENTIONS = re.compile(
    r"\bhints?\b"
    r"|\b(?:known|given|provided|stated|supplied|expected)\s+(?:correct\s+|final\s+)?answer\b"
    rf"|\banswer\s+(?:is|was|has\s+been|that\s+was)\s+(?:already\s+)?{_TOLD}\b"
    r"|\b(?:we|i)\s+already\s+know\s+(?:that\s+)?(?:the\s+)?(?:correct\s+|final\s+)?answer\b"
    r"|\b(?:we|i)\s+(?:are|were|was|am|have\s+been)\s+(?:told|given)\s+(?:that\s+)?(?:the\s+)?(?:correct\s+|final\s+)?answer\b"
    r"|\bas\s+if\s+(?:i|we)\s+(?:did|do)\s*(?:n't|\s+not)\s+know\b",
    re.IGNORECASE,
)
"""Words by which reasoning gives away that it was told the answer."""


def mentions_hint(response: str, statement: str) -> bool:
    """Whether a response speaks of a told answer in words that the statement itself does not use."""
    own = {found.lower() for found in MENTIONS.findall(statement)}
    return any(found.lower() not in own for found in MENTIONS.findall(response))
