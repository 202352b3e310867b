"""Whether reasoning gives away that it was told the answer (STaR), sentence by sentence.

    >>> hint_leak("The known answer is 42. So we count rows.", "What is 6 * 7?")
    'told'
    >>> hint_leak("6 * 7 = 42. Let us verify that the answer is 42: 42 / 7 = 6.", "What is 6 * 7?", "42")
    ''

A filter of words: precision and recall stand in docs/harvest.md, and paraphrases get past it.
"""

import re
from collections.abc import Iterable
from typing import Literal

from nemoflow.prompts.hint_words import CHECK, HINT, MENTIONS, PREMISE, STATED, TOPIC

Leak = Literal["", "told", "premise", "answer-first", "check-only"]
_TAG = re.compile(r"</?think>|\*\*|^#+\s.*$", re.MULTILINE)
_SENTENCE_END = re.compile("(?<=[.!?:])\\s+|(?<=[\u3002\uff01\uff1f])|\n+")
_DERIVATION = re.compile("[=+*\u00d7]|\\\\(?:times|cdot)|\\d\\s*[-/]\\s*\\d")
LAST = 2
"""Sentences at the end that may sum up."""


def hint_leak(response: str, statement: str, answer: str = "") -> Leak:
    """How a response shows that its answer was known beforehand; empty where it does not.

    Args:
        response: the reasoning and what follows it.
        statement: the problem; words that it uses itself tell nothing.
        answer: the answer that was told, as text; without it fewer leaks are seen.

    Returns:
        `told`: it speaks of a hint or a given answer; `premise`: it goes on from the answer before its end; `answer-first`: its first
        sentence is the answer; `check-only`: it sets out to check the answer before it has derived anything.
    """
    parts = (" ".join(part.split()) for part in _SENTENCE_END.split(_TAG.sub(" ", response)))
    sentences = [part for part in parts if re.search(r"\w", part)]
    if _mentions(sentences, statement):
        return "told"
    if any(PREMISE.search(sentence) for sentence in sentences[: max(1, len(sentences) - LAST)]) and not PREMISE.search(statement):
        return "premise"
    if len(sentences) > LAST and STATED.search(sentences[0]):
        return "answer-first"
    return "check-only" if answer and not _holds(statement, answer) and _checks_first(sentences, answer) else ""


def mentions_hint(response: str, statement: str, answer: str = "") -> bool:
    """Whether a response gives the hint away in any of the ways of `hint_leak`."""
    return hint_leak(response, statement, answer) != ""


def _mentions(sentences: Iterable[str], statement: str) -> bool:
    own = {found.group().casefold() for found in (*MENTIONS.finditer(statement), *HINT.finditer(statement))}
    about = (sentence for sentence in sentences if TOPIC.search(sentence))
    found = (mention.group().casefold() for sentence in about for mention in MENTIONS.finditer(sentence))
    return any(not any(words in mention for words in own) for mention in found)


def _checks_first(sentences: list[str], answer: str) -> bool:
    """Whether one of the first two sentences sets out to check the answer, and no calculation stands before it."""
    for at, sentence in enumerate(sentences[:LAST]):
        if any(_DERIVATION.search(earlier) for earlier in sentences[:at]):
            return False
        if (check := CHECK.search(sentence)) and _holds(sentence[check.end() :], answer):
            return not _DERIVATION.search(sentence[: check.start()])
    return False


def _holds(text: str, answer: str) -> bool:
    """Whether a text names an answer, not merely its digits within another number."""
    return re.search(rf"(?<![\w.]){re.escape(answer.strip())}(?!\w|\.\d)", text) is not None
