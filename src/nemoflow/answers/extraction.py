r"""The answer in a text as a reader finds it: in its last boxes, behind "the answer is", in its last formula, at its end.

    >>> answer_in(r"so $\boxed{18}$ dollars"), answer_in("The final answer is $(-6, 10)$. I hope it is correct.")
    ('18', '(-6, 10)')
    >>> stated("about 3 hours"), stated("So the total is 1,000.99 m²")
    ('about 3 hours', '1,000.99 m²')

`answer_in` reads a response and falls back to the last number, as the contest's metric does; `stated` reads what is said to be an answer
and falls back to nothing: what is no sentence is the answer as it stands.
"""

import re

from nemoflow.answers.boxed import BOX, balanced
from nemoflow.answers.competition import NOT_FOUND, extract

_BETWEEN_BOXES = re.compile(
    r"(?:\\text\{[^{}]*\}|[A-Za-z](?:_\{?\w\}?)?\s*=|"
    r"\\(?:quad|qquad)|\\[,;:! ()\[\]]|[\s$,;&.]|\b(?:and|or|papers|respectively)\b|[A-Za-z]{1,12}\s+(?=and\b)){1,12}"
)
_FINAL = re.compile(
    r"(?:the\s+)?(?:final|correct)\s+answers?\s*(?:\*\*)?\s*(?:is|are|:)\s*(?:\*\*)?\s*:?\s*(?:\*\*)?\s*"
    r"(?:the\s+final\s+answers?\s+(?:is|are)\s*:?)?\s*([^\n]+)",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\banswers?\s*(?:\*\*)?\s*(?:is|are|to [^.\n]{1,80}? is|:|=)\s*:?\s*(?:\*\*)?\s*([^\n]+)", re.IGNORECASE)
_MARKED = re.compile(r"^\s*(?:####|A:)\s*([^\n]+)", re.MULTILINE)
_HOPE = re.compile(r"\s*\.?\s*(?:I hope it is correct|\[?Note\b|<\|).*", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[\w)\]}$%])\.(?:\s+[A-Z].*)?$", re.DOTALL)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\\\[(.+?)\\\]|(?<!\\)\$([^$]+?)(?<!\\)\$|(?<!\\)\\\((.+?)\\\)", re.DOTALL)
_JOINED = re.compile(r"\s*(?:,|;|and|or|,\s*and|,\s*or)\s*")
_PROSE = re.compile(
    r"\b(?:the|is|are|was|we|so|that|this|thus|therefore|hence|of|to|have|has|find|which|not|equals|answer|solution|when|it|can|by|its|"
    r"it's|be|get|there|our|let|since|then)\b",
    re.IGNORECASE,
)
_INTRODUCTION = re.compile(r"^\s*(?:therefore|thus|so|hence|ans(?:wer)?|result|solution)\s*(?:[,:]\s*|\s(?=[\\$\d-]))", re.IGNORECASE)
_CLAIM = re.compile(
    r"(?:\bis|'s|\bare|\bequals?|\bwas|\bof|\bby|\bto|=)\s+(?:about\s+|approximately\s+|exactly\s+|only\s+|now\s+)?"
    r"((?:\(?[A-Z]\)?(?=[\s.]|$)|[$€£+-]?\s?\\?\$?\s?(?:\d|\.\d)[^\s]*)(?:\s*[%€$°]|\s+[^\W\d]+[²³]?){0,3})\s*\.*\s*$"
)
SHORT = 200
"""Characters of a response that may be an answer and nothing else."""
LONGEST = 200_000
"""Characters at the end of a response that are searched for phrases and formulas."""


def answer_in(response: str | None) -> str:
    """The answer of a response; `NOT_FOUND` or an empty text where it has none."""
    if response is None:
        return NOT_FOUND
    tail = response[-LONGEST:].partition("<|im_")[0] or response
    if BOX not in tail:
        return _bare(tail) or _unboxed(tail) or extract(tail)
    boxed = _boxes(tail)
    if boxed is None:
        return extract(tail)
    return _final(tail.rpartition(BOX)[2]) or boxed


def stated(answer: str) -> str:
    """What a text that is said to be an answer answers: itself, unless it is a sentence or holds a box."""
    if BOX in answer:
        return answer_in(answer)
    answer = _INTRODUCTION.sub("", answer.partition("<|im_")[0])
    formulas = list(_FORMULA.finditer(answer)) if "$" in answer or "\\" in answer else []
    if not formulas and not _PROSE.search(answer):
        return answer
    plain = _FORMULA.sub(" ", answer) if formulas else answer
    if not _PROSE.search(plain) and ":" not in plain:
        return _only(formulas, plain) or answer
    found = _final(answer) or _announced(answer) or _last_formula(answer, formulas) or _claimed(answer)
    return found or answer


def _only(formulas: list[re.Match[str]], plain: str) -> str | None:
    """The formula of `Answer $9$`: one word of introduction and nothing behind it."""
    if len(formulas) == 1 and re.fullmatch(r"\s*(?:answer|ans|result|solution)\s*[:=]?\s*\.?\s*", plain, re.IGNORECASE):
        return _content(formulas[0])
    return None


def _boxes(text: str) -> str | None:
    """The last box; with those before it that only commas, `and` or `or` part from it, as a list."""
    if BOX not in text:
        return None
    found: list[str] = []
    end = len(text)
    while (content := balanced(text[:end])) is not None:
        start = text.rfind(BOX + content, 0, end)
        start = text.rfind(BOX, 0, end) if start < 0 else start
        if found and not _BETWEEN_BOXES.fullmatch(text[start:end].partition(content)[2].removeprefix("}").lstrip("}")):
            break
        found.append(content)
        end = start
        if len(found) >= 20 or not text[:end].rstrip("$ \n,;.({[\\")[-40:].strip():
            break
    if not found:
        unclosed = text.rpartition(BOX)[2].split("\n")[0]
        return None if unclosed.count("}") > unclosed.count("{") else unclosed.strip(" $.") or None
    return ", ".join(dict.fromkeys(reversed(found)))


def _final(text: str) -> str | None:
    """What stands behind the last `final answer`."""
    matches = _FINAL.findall(text)
    return _told(matches[-1]) if matches else None


def _announced(text: str) -> str | None:
    for pattern in (_MARKED, _ANSWER):
        if matches := pattern.findall(text):
            return _told(matches[-1])
    return None


def _told(rest: str) -> str | None:
    """The answer at the start of what follows an announcement."""
    rest = _HOPE.sub("", rest).strip(' *\\"') if '\\"' in rest else _HOPE.sub("", rest).strip(" *")
    formula = _FORMULA.match(rest)
    if formula:
        return _formulas_from(rest, formula)
    rest = _SENTENCE_END.sub("", rest).strip(" *:\"'`")
    if _PROSE.search(_FORMULA.sub(" ", rest)):
        formulas = list(_FORMULA.finditer(rest))
        return _claimed(rest) or _last_formula(rest, formulas) or _last_number(rest)
    if len(rest.split()) > 3 and len(re.findall(r"\d+", rest)) == 1 and "\\" not in rest:
        return _last_number(rest)
    return rest if re.search(r"\w", rest) else None


def _formulas_from(text: str, first: re.Match[str]) -> str:
    """A formula with those that commas, `and` or `or` join to it."""
    found, end = [_content(first)], first.end()
    while joint := _JOINED.match(text, end):
        following = _FORMULA.match(text, joint.end())
        if following is None:
            break
        found.append(_content(following))
        end = following.end()
    return ", ".join(found)


def _content(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()


def _last_formula(text: str, formulas: list[re.Match[str]]) -> str | None:
    """The last formula, if no number of its own stands behind it."""
    if not formulas:
        return None
    last = formulas[-1]
    if re.search(r"\d", text[last.end() :]):
        return None
    first = last
    for earlier in reversed(formulas[:-1]):
        if not _JOINED.fullmatch(text, earlier.end(), first.start()):
            break
        first = earlier
    return _formulas_from(text, first)


def _claimed(text: str) -> str | None:
    """The number or letter at the end of a sentence, behind `is` or its like."""
    text = _HOPE.sub("", text.strip())
    match = _CLAIM.search(text)
    if match:
        return match.group(1).strip()
    last = re.split(r"(?<=[a-z)])[.!]\s+|\n", text.strip(" ."))[-1]
    return _last_number(last) if len(re.findall(r"\d[\d,.]*", last)) == 1 and "\\" not in last and len(last.split()) > 3 else None


def _last_number(text: str) -> str | None:
    found = re.findall(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?", text)
    return found[-1] if found else None


def _bare(text: str) -> str | None:
    """A text that is nothing but an answer."""
    text = text.strip()
    is_bare = text and "\n" not in text and len(text) <= SHORT and not _PROSE.search(_FORMULA.sub(" ", text))
    return stated(text) if is_bare else None


def _unboxed(text: str) -> str | None:
    """The answer of a response without a box."""
    found = _final(text) or _announced(text)
    if found:
        return found
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if text.strip().endswith(("\\]", "$$")):
        last = text[-2000:]
    formulas = list(_FORMULA.finditer(last))
    return _last_formula(last, formulas) or _claimed(last)
