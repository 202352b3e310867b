r"""What a text announces as its answer: behind "the answer is", `####`, "Antwort:", "答案是" and their like.

    >>> announced("The answer is 3. Wait, the answer is 4."), announced("所以答案是x^2"), announced("no more than that")
    ('4', 'x^2', None)

The last announcement that says something counts.
"""

import re
from collections import deque
from collections.abc import Iterator
from itertools import chain

from nemoflow.answers.formulas import FORMULA, PROSE, formulas_from, last_formula
from nemoflow.answers.sentences import HOPE, claimed, last_number

# ruff: noqa: RUF001
_VERB = (
    r"(?:is|are|was|would\s+be|must\s+be|should\s+be|will\s+be|has\s+to\s+be|equals|becomes|"
    r"comes?\s+out\s+(?:to|as)(?:\s+be)?|[:=：]|->|→)(?!\s+not\b)"
)
_ENGLISH = (
    rf"\banswers?\b(?:\s*\([^()\n]{{1,30}}\))?\s*(?:\*\*|__|\}})?\s*(?:(?:to|for|of|in)\s[^.:\n]{{1,80}}?\s)?{_VERB}",
    r"\bfinal\s+answer\b(?:\*\*)?(?=\s*[\d$\\(\[-]|\s*\n)",
    rf"\b(?:correct|right|best)\s+(?:option|choice|letter)s?\s*(?:\*\*)?\s*{_VERB}",
    r"^[ \t]*A:",
)
_OTHERS = (
    r"\b(?:antwort|ergebnis|lösung)\s*(?:\*\*)?\s*(?:ist|lautet|beträgt|:)\s*:?",
    r"\b(?:réponse|résultat)\s*(?:finale?\s*)?(?:\*\*)?\s*(?:est|:)\s*:?",
    r"\b(?:respuesta|resultado|solución)\s*(?:final\s*|correcta\s*)?(?:\*\*)?\s*(?:es|:)\s*:?",
    r"\b(?:resposta|resultado)\s*(?:final\s*|correta\s*)?(?:\*\*)?\s*(?:é|:)\s*:?",
    r"\b(?:risposta|risultato)\s*(?:finale\s*|corretta\s*)?(?:\*\*)?\s*(?:è|:)\s*:?",
    r"\bответ\w*\s*(?:\*\*)?\s*(?::|—|–|-|равен|равна|является)",
    r"(?:答案|結果|结果|答え|解答)\s*(?:應該|应该|應|应)?\s*(?:是|为|為|等于|等於|は|：|:)\s*[:：]?",
    r"(?:정답|답)\s*(?:은|는|:|：)",
    r"\bđáp\s+án\s*(?:đúng\s*)?(?:là|:)",
    r"\bcevap\s*:",
    r"(?:الإجابة|الجواب)\s*(?:الصحيحة\s*)?(?:هي|هو|:)",
    r"(?:उत्तर)\s*(?:है|:)",
)
_WEAK = re.compile(
    rf"\b(?:option|choice|result|solution)s?\s*(?:\*\*)?\s*[:=]"
    rf"|\b(?:option|choice)\s+(?:is|must\s+be)(?!\s+not\b)|\bfinal\s+(?:result|value)\s*{_VERB}"
    r"|\bfinally,?\s+(?=[-+$\d\\])",
    re.IGNORECASE,
)
_MARK = re.compile("|".join((*_ENGLISH, *_OTHERS)), re.IGNORECASE | re.MULTILINE)
_HASHES = re.compile(r"####(?=\s*[^\s#][^\n]*\s*\Z)|####(?=[ \t]*[-+]?\$?[\d,]+(?:\.\d+)?[ \t]*\n)")
_JSON = re.compile(
    r'"(?:final_?)?(?:answer|response|result|solution)"\s*:\s*(?:"((?:[^"\\]|\\.){1,500})"|([-+]?[\d.]{1,60}(?:[eE][-+]?\d+)?))'
    r"\s*(?:,[^{}]{0,500})?\}\Z",
    re.IGNORECASE | re.DOTALL,
)
_REJECTED = re.compile(
    r"\b(?:(?:wrong|false|fake|incorrect|example|sample|previous|earlier|old|rejected|candidate|non-final|tentative)\s+(?:final\s+)?"
    r"|(?:is\s+not|isn't|not|never|possibly|ignore|do\s+not\s+use)\s+(?:(?:the|my|this|our|following)\s+){0,3}(?:final\s+|correct\s+)?)answers?"
    r"\s*[:=：]\s*[^;\n]{0,200}"
    r"|(?:错误|錯誤|不是|并非)(?:最终|最終)?答案\s*(?:是|为|：|:)[^;；\n]{0,200}",
    re.IGNORECASE,
)
_FINAL = re.compile(
    rf"\b(?:final|correct)\s+answers?\b\s*(?:\*\*)?\s*(?:{_VERB})|\bfinal\s+answer\b(?:\*\*)?(?=\s*[\d$\\(\[-])", re.IGNORECASE
)
_AGAIN = re.compile(rf"(?:the\s+)?(?:final\s+)?answers?\s*{_VERB}\s*:?\s*", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?:approximately|about|roughly|exactly|simply|just|only|therefore|thus|then|now|indeed|clearly)[\s,]+(?=\S)", re.IGNORECASE
)
_OPENING = ' \t\n*_:：=#"\u201c'
_LETTER = re.compile(
    r"(?:option|choice)\s+(?:\*\*)?(\(?[A-Z]\)?)(?![\w-])"
    r"|(?:\*\*)?(\(?[A-Za-z]\)?)(?:\*\*)?(?=\s*(?:[.,;:!。，]?\s*$|[.;!]\s+[A-Z]|,\s|"
    r"\s[-—–]|(?:\s|,\s)(?:because|since|as|due|for|so)\b))",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r",?\s+(?:because|since|so\s+that|and\s+therefore|given\s+that|as\s+(?:we|the|it)|due\s+to|rather\s+than|instead\s+of)\s.*"
    r"|,\s+not\s.*|\s+\((?:approx|about|round|to\s|exact|nearest)[^()]*\).*|\s+[—–]\s.*|[。！].*",
    re.DOTALL,
)
_SENTENCE_END = re.compile(r"(?<=[\w)\]}$%])[.!](?:\s+[A-Z\u4e00-\u9fff].*)?$", re.DOTALL)
_ENDING = re.compile(r"(?<=[\d)}\w])\s*(?:です|입니다|이다|元|个|個|である)?\s*[.。]?\s*$")

MOST = 20
"""Announcements at the end of a text that are looked at."""
LONGEST = 5000
"""Characters behind an announcement that are looked at."""


def announced(text: str) -> str | None:
    """What stands behind the last announcement that says something; words only where no announcement says anything else."""
    words = None
    for found in chain(_said(text, _MARK), _said(text.rstrip().rpartition("\n")[2], _WEAK)):
        if re.search(r"[\d\\$]", found) or len(found.split()) <= 3:
            return found
        words = words or found
    return words


def finally_announced(text: str) -> str | None:
    """What stands behind the last `final answer`."""
    return next(_said(text, _FINAL), None)


def after_hashes(text: str) -> str | None:
    """What stands behind the last `####`, which in some public sets parts the answer from its reasoning; a heading is no answer."""
    return next(_said(text, _HASHES), None)


def without_rejected(text: str) -> str:
    """The text without what it calls a wrong, a former or no final answer."""
    return _REJECTED.sub(" ", text) if "nswer" in text or "NSWER" in text or "答案" in text else text


def in_json(text: str) -> str | None:
    """The answer of a text that ends in an object of JSON, as in `{"answer": "7 cm"}`."""
    end = text[-1200:].rstrip(" \n`")
    match = _JSON.search(end) if end.endswith("}") and '"' in end else None
    return (match.group(1) or match.group(2)).replace('\\"', '"').replace("\\\\", "\\").strip() or None if match else None


def _said(text: str, mark: re.Pattern[str]) -> Iterator[str]:
    """What stands behind each announcement, from the last to the first."""
    for match in reversed(deque(mark.finditer(text), MOST)):
        if found := _told(text[match.end() : match.end() + LONGEST]):
            yield found


def _told(rest: str) -> str | None:
    """The answer at the start of what follows an announcement."""
    rest = rest.lstrip(_OPENING)
    if again := _AGAIN.match(rest):
        rest = rest[again.end() :].lstrip(_OPENING)
    rest = _ABOUT.sub("", rest, count=1) if _ABOUT.match(rest) else rest
    if formula := FORMULA.match(rest):
        return formulas_from(rest, formula)
    rest = rest.partition("\n")[0]
    rest = HOPE.sub("", rest).strip(' *\\"') if '\\"' in rest else HOPE.sub("", rest).strip(" *")
    if letter := _LETTER.match(rest):
        return letter.group(1) or letter.group(2)
    return _from_sentence(_ENDING.sub("", _SENTENCE_END.sub("", _CLAUSE.sub("", rest))).strip(" *_:\"'`"))


def _from_sentence(rest: str) -> str | None:
    if len(rest.split()) <= 3 and not re.search(r"[\d\\$]", rest):
        return rest or None
    if PROSE.search(FORMULA.sub(" ", rest)):
        return claimed(rest) or last_formula(rest, list(FORMULA.finditer(rest))) or last_number(rest)
    if len(rest.split()) > 3 and len(re.findall(r"\d+", rest)) == 1 and "\\" not in rest:
        return last_number(rest)
    return rest if re.search(r"\w", rest) else None
