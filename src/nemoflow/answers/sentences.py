r"""What a sentence says without announcing it: the number it claims at its end, the option that it chooses.

>>> claimed("So Weng earned 10 dollars."), last_number("from 5 to -1,250.5 in all"), chosen("Not (A). I would go with (C) here.")
('10 dollars', '-1,250.5', 'C')
"""

import re
from collections import deque

HOPE = re.compile(r"\s*\.?\s*(?:I hope it is correct|\[?Note\b|<\|).*", re.DOTALL)
"""What some prompts have models say behind their answer."""
_NUMBER = re.compile(
    r"(?:(?<![\w)\]}%.])[-\u2212]\s?)?(?:\\?[$€£]\s?)?[-\u2212]?(?:\d{1,2}:\d\d(?:\s*[ap]\.?m\b)?|\d+\s+\d+/\d+|"
    r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+,\d{1,2}(?![\d,])|\d+)(?:\.\d+)?(?:[eE][-+]?\d+\b)?(?:/\d+)?%?)"
    r"|(?<![\w.])[-\u2212]?\.\d+%?"
)
_AMOUNT = r"[$€£+\-\u2212]?\s?\\?\$?\s?(?:\d|\.\d)[^\s]*"
_CLAIM = re.compile(
    r"(?:\bis|'s|\bare|\bequals?|\bwas|\bof|\bby|\bto|=)\s+(?:about\s+|approximately\s+|exactly\s+|only\s+|now\s+)?"
    rf"((?:\(?[A-Z]\)?(?=[\s.]|$)|{_AMOUNT})(?:\s*[%€$°]|\s+[^\W\d]+[²³]?){{0,3}})\s*\.*\s*$"
)
_ITEM = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•])\s+")
_LETTER = r"(?:\*\*|\\text\{|\$)?\(?([A-J])\b\)?"
_CHOICES = re.compile(
    rf"\b(?:choose|chose|pick|select|prefer|rather|go(?:es)?\s+(?:with|for)|opt\s+for|mark|conclude)\s+(?:option\s+|choice\s+|answer\s+)?{_LETTER}"
    rf"|\b(?i:option|choice|letter|statement)\s+{_LETTER}\s+(?:is|must\s+be|would\s+be|seems)\s+(?!not\b|in?correct\b.*\bnot\b|wrong|false|incorrect)"
    r"|(?<![\w$\\])\(?([B-HJ])\)?\s+(?:is|seems|must\s+be|looks)\s+(?:the\s+)?(?:correct|right|best|true)\b"
    r"|(?:\bis|'s|(?<!could )(?<!might )(?<!may )\bbe)\s+(?:therefore\s+|thus\s+|probably\s+|definitely\s+)?(?:option\s+|choice\s+)?"
    r"(?:[(\[{]([A-J])[)\]}](?!\s+or\b)|([A-J])\b(?=\s*(?:$|[.,;:!\n]|based\b|because\b|since\b|as\b)))"
)
_OPTION = re.compile(r"(?:^|(?<=[\s*]))(?:\(([A-J])\)|([A-HJ])[.)](?=\s|$))")
_OPENING = re.compile(r"\s*(?:\*\*)?\(?([A-HJ])[.):](?:\*\*)?\s+(?=\S)")
_PREDICATE = re.compile(r"\b(?:is|are|was)\s+([^\W\d_]+)\s*[.!]?\s*$")
_GIVES_UP = re.compile(
    r"\b(?:I|we)\s+(?:(?:can|could|was|were)(?:\s*not|n't)(?:\s+able\s+to)?\s+(?:\w+\s+)?(?:solve|determine|find|answer|compute|finish|decide)"
    r"|(?:do\s+not|don't|did\s+not|didn't)\s+(?:know|solve|find)|gave\s+up|give\s+up)\b"
    r"|\b(?:I\s+am|I'm|we\s+are|we're)\s+(?:\w+\s+)?(?:unsure|uncertain|stuck|lost|unable|not\s+(?:\w+\s+)?(?:sure|certain|able))\b"
    r"|\bbut\s+(?:could\s*n[o']t|cannot|can't|was\s+unable\s+to)\s+(?:solve|finish|determine|decide)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{2,}")


def claimed(text: str) -> str | None:
    """The number or letter at the end of a sentence, behind `is` or its like; else the only number of the last sentence."""
    text = HOPE.sub("", text.strip())
    match = _CLAIM.search(text)
    if match:
        return match.group(1).strip()
    last = _ITEM.sub("", re.split(r"(?<=[a-z)])[.!]\s+|\n", text.strip(" ."))[-1])
    return last_number(last) if "\\" not in last and len(last.split()) > 3 and len(_NUMBER.findall(last)) == 1 else None


def last_number(text: str) -> str | None:
    """The last number with its sign, thousands and decimals; of a fraction both parts."""
    found = _NUMBER.findall(text)
    return found[-1].replace("\u2212", "-") if found else None


def predicate(text: str) -> str | None:
    """The word that a sentence ends with behind `is`, as in `The statement is false`."""
    match = _PREDICATE.search(text)
    return match.group(1) if match else None


def is_sentence(text: str) -> bool:
    """Whether words lead up to a number, as in `She makes 18 dollars a day`."""
    first = _NUMBER.search(text)
    before = text[: first.start()] if first else ""
    return "\\" not in text and len(before.split()) >= 2 and any(len(word) > 3 for word in _WORD.findall(before))


def gives_up(text: str) -> bool:
    """Whether a text says behind its last number that it has no answer, as in `I tried 2 but could not solve it`."""
    numbers = deque(_NUMBER.finditer(text[-500:]), 1)
    return _GIVES_UP.search(text[-500:], numbers[0].end() if numbers else 0) is not None


def chooses(text: str) -> bool:
    """Whether a text says in so many words which option it takes, as in `I choose D`."""
    return _CHOICES.search(text) is not None


def chosen(text: str) -> str | None:
    """The option that a text without numbers and formulas settles on; None where it names several and chooses none."""
    matches = list(_CHOICES.finditer(text))
    if matches:
        return _letter(matches[-1])
    if opening := _OPENING.match(text):
        others = {_letter(match) for match in _OPTION.finditer(text)} - {opening.group(1)}
        return None if others else opening.group(1)
    found = {_letter(match) for match in _OPTION.finditer(text)}
    return found.pop() if len(found) == 1 else None


def _letter(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group)
