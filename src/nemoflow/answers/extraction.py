r"""The answer in a text as a reader finds it: in its last boxes, behind "the answer is", in its last formula, at its end.

    >>> answer_in(r"so $\boxed{18}$ dollars"), answer_in("The final answer is $(-6, 10)$. I hope it is correct.")
    ('18', '(-6, 10)')
    >>> stated("3 hours or so"), stated("So the total is 1,000.99 m²")
    ('3 hours or so', '1,000.99 m²')

`answer_in` reads a response and falls back to the last number, as the contest's metric does; `stated` reads what is said to be an answer
and falls back to nothing: what is no sentence is the answer as it stands.
"""

import re

from nemoflow.answers.announced import after_hashes, announced, finally_announced, in_json, without_rejected
from nemoflow.answers.boxed import BOX, balanced, unnested
from nemoflow.answers.competition import NOT_FOUND, extract
from nemoflow.answers.formulas import FORMULA, PROSE, content, last_formula, outcome
from nemoflow.answers.sentences import chooses, chosen, claimed, gives_up, is_sentence, last_number, predicate

_BOX = re.compile(r"\\f?boxed\s+\{|\\f?box\s*\{")
_BETWEEN_BOXES = re.compile(
    r"(?!\s*[.…]{2})(?:\\text\{[^{}]*\}|[A-Za-z](?:_\{?\w\}?)?\s*=|"
    r"\\(?:quad|qquad)|\\[,;:! ()\[\]]|[\s$,;&.\\]|[-+=*_]{3,}|\b(?:and|or|papers|respectively)\b|[A-Za-z]{1,12}\s+(?=and\b)){0,12}"
)
_INTRODUCTION = re.compile(
    r"^\s*(?:therefore|thus|so|hence|ans(?:wer)?|result|solution|about|approximately|roughly|exactly)\s*(?:[,:]\s*|\s(?=[\\$\d-]))|"
    r"^\s*(?:ans(?:wer)?|result|solution)\s*=\s*",
    re.IGNORECASE,
)
_THINK_CLOSE = "</think>"
_TAG = re.compile(r"</?answer>", re.IGNORECASE)
_ABOUT_OPTION = re.compile(r"\W*(?:option|choice|answer)\s+\(?[A-Z]\)?\s+[a-z]|\W*\(?[A-Z][).:]\s", re.IGNORECASE)
_DISPLAY_END = re.compile(r"(?:\\\]|\$\$|\\end\{[a-z]+\*?\})\s*\.?\s*$")
_DRAWING = re.compile(r"\[asy\].{0,8000}?\[/asy\]", re.DOTALL)
_BLANKS = re.compile(r"\s{4,}")
_LABEL = re.compile(r"^[A-Za-z][a-z]+(?: [a-z]+){0,2}:\s*(?=[-+$\\\d(][^:;]*$)")
_BOXED_TOKEN = re.compile(r"\\boxed\s+(\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z]))")
_CALCULATION = re.compile(
    r"(?:^|[,;:]\s)\s*(?:[\d\s.+*/\u00d7\u00f7\u00b7()^{}$-]|\\(?:[dt]?frac|times|cdot|div)){1,80}="
    r"\s*((?:\\?[$€£])?-?\d[\d,]*(?:\.\d+)?%?(?:\s+[^\W\d_]+){0,3})\s*\.?\s*$"
)
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
SHORT = 200
"""Characters of a response that may be an answer and nothing else."""
LONGEST = 200_000
"""Characters at the end of a response that are searched for phrases and formulas."""


def answer_in(response: str | None) -> str:
    """The answer of a response; `NOT_FOUND` or an empty text where it has none."""
    if response is None:
        return NOT_FOUND
    tail = response[-LONGEST:].partition("<|im_")[0] or response
    tail = unnested(_BOXED_TOKEN.sub(r"\\boxed{\1}", _BOX.sub(lambda _: BOX, _squeezed(tail))))
    final = tail.rpartition(_THINK_CLOSE)[2]
    if not final.strip():
        final = tail
    if "[asy]" in final:
        final = _DRAWING.sub("", final)
    if BOX not in tail:
        final = without_rejected(final)
        return _tagged(final) or after_hashes(final) or in_json(final) or _bare(final) or _unboxed(final) or _at_the_end(final)
    if BOX not in final and (told := announced(final)):
        return told
    boxed = _boxes(final if BOX in final else tail)
    if boxed is None:
        return extract(tail)
    behind = tail.rpartition(BOX)[2]
    return finally_announced(behind) or _tagged(behind) or boxed


def stated(answer: str) -> str:
    """What a text that is said to be an answer answers: itself, unless it is a sentence or holds a box."""
    if BOX in answer:
        return answer_in(answer)
    answer = _INTRODUCTION.sub("", _squeezed(answer[-LONGEST:].partition("<|im_")[0]))
    if ("####" in answer or "\n" in answer.strip()) and (found := after_hashes(answer) or announced(answer)):
        return found
    formulas = list(FORMULA.finditer(answer)) if "$" in answer or "\\" in answer else []
    if not formulas and not PROSE.search(answer):
        return answer
    plain = FORMULA.sub(" ", answer) if formulas else answer
    if not PROSE.search(plain) and ":" not in plain:
        return _only(formulas, plain) or answer
    return finally_announced(answer) or announced(answer) or last_formula(answer, formulas) or claimed(answer) or answer


def _squeezed(text: str) -> str:
    """Without long runs of blanks, on which patterns that allow blanks at several places would take time that grows with their square."""
    return _BLANKS.sub(lambda match: "\n\n" if "\n" in match.group() else "  ", text)


def _only(formulas: list[re.Match[str]], plain: str) -> str | None:
    """The formula of `Answer $9$`: one word of introduction and nothing behind it."""
    if len(formulas) == 1 and re.fullmatch(r"\s*(?:answer|ans|result|solution)\s*[:=]?\s*\.?\s*", plain, re.IGNORECASE):
        return content(formulas[0])
    return None


def _boxes(text: str) -> str | None:
    """The last box; with those before it that only commas, `and` or `or` part from it, as a list."""
    found: list[str] = []
    end = len(text)
    while (inner := balanced(text[:end])) is not None:
        start = text.rfind(BOX + inner, 0, end)
        start = text.rfind(BOX, 0, end) if start < 0 else start
        if found and not _BETWEEN_BOXES.fullmatch(text[start:end].partition(inner)[2].removeprefix("}").lstrip("}")):
            break
        found.append(inner)
        end = start
        if len(found) >= 20 or not text[:end].rstrip("$ \n,;.({[\\")[-40:].strip():
            break
    if not found:
        unclosed = text.rpartition(BOX)[2]
        return NOT_FOUND if unclosed.count("}") <= unclosed.count("{") else None
    return ", ".join(dict.fromkeys(reversed(found)))


def _tagged(text: str) -> str | None:
    """What stands behind the last `<answer>`, up to its end."""
    tags = list(_TAG.finditer(text)) if "<" in text else []
    at = next((at for at in range(len(tags) - 1, -1, -1) if not tags[at].group().startswith("</")), None)
    if at is None:
        return None
    inner = text[tags[at].end() : tags[at + 1].start() if at + 1 < len(tags) else None]
    return (_bare(inner) or answer_in(inner)) if inner.strip() else None


def _bare(text: str) -> str | None:
    """A text that is nothing but an answer."""
    text = _LABEL.sub("", text.strip())
    if not text or "\n" in text or len(text) > SHORT or PROSE.search(FORMULA.sub(" ", text)) or is_sentence(text):
        return None
    if chooses(text) or announced(text) is not None:
        return None
    if calculation := _CALCULATION.search(text):
        return calculation.group(1)
    formula = FORMULA.match(text)
    return outcome(content(formula)) if formula and text[formula.end() :].strip(" .") == "" else stated(text)


def _unboxed(text: str) -> str | None:
    """The answer of a response without a box."""
    if found := announced(text):
        return found
    if gives_up(text):
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if _DISPLAY_END.search(text[-40:]):
        return last_formula(text[-2000:], list(FORMULA.finditer(text[-2000:])))
    if len(lines) > 1 and _is_mathematics(last) and (found := _bare(last)):
        return outcome(found)
    return _bold(last) or _said_last(text, last)


def _bold(line: str) -> str | None:
    """The last words in bold, if they are an answer."""
    bold = _BOLD.findall(line)
    return _bare(bold[-1]) if bold and not bold[-1].rstrip().endswith(":") else None


def _said_last(text: str, last: str) -> str | None:
    formulas = list(FORMULA.finditer(last))
    return last_formula(last, formulas) or (None if formulas else chosen(text)) or claimed(last) or predicate(last)


def _at_the_end(text: str) -> str:
    """The last number, else the last line; nothing where the text gives up behind its last number."""
    return NOT_FOUND if gives_up(text) else last_number(text) or _words(text)


def _words(text: str) -> str:
    """The last line, as the contest's metric takes it; a sentence about an option is no choice of it."""
    line = extract(text)
    return NOT_FOUND if _ABOUT_OPTION.match(line) else line


def _is_mathematics(line: str) -> bool:
    """Whether a line is a formula, a number or a letter, with no more than a unit behind it."""
    return len(re.findall(r"(?<!\\)\b[^\W\d_]{2,}", line)) <= 2 and re.search(r"\d|\\|^\W*[A-Za-z]\W*$", line) is not None
