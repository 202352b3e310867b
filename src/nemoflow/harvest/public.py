r"""Solutions that public sets ship, rewritten as traces: `<think>`, the set's reasoning, `</think>`, `\boxed{gold}`.

GSM8K (`meta["solution"]` as it stands in the file):

    She makes 9 * 2 = $<<9*2=18>>18 every day.\n#### 18

becomes `<think>\nShe makes 9 * 2 = $18 every day.\n</think>\n\boxed{18}`. MATH marks the answer inside the reasoning, where
a box would be a second answer: it is unwrapped there, and drawings (`[asy]`) are left out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import xxhash

from nemoflow.answers.boxed import BOX
from nemoflow.prompts.chat import THINK_CLOSE, render_response, split_response
from nemoflow.prompts.teacher import ask
from nemoflow.records import Problem, Trace

PROVENANCE = ("licence", "revision", "url", "generation_model")
"""What a trace tells of its problem's set; the corpus card counts licences by it."""

_CALCULATOR = re.compile(r"<<[^<>\n]*>>")
_FINAL_LINE = re.compile(r"\n####[^\n]*\s*\Z")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)
_BLANK_LINES = re.compile(r"\n\s*\n\s*\n+")
_SPACE_BEFORE_BREAK = re.compile(r"[ \t]+\n")


class PublicTraces:
    """Iterate it for the traces; `dropped` then says how many problems gave none, and why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._problems = problems
        self.read = 0
        self.dropped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Trace]:
        for problem in self._problems:
            self.read += 1
            for solution in _solutions(problem):
                trace = rewrite(problem, solution)
                if isinstance(trace, str):
                    self.dropped[trace] += 1
                else:
                    yield trace


def _solutions(problem: Problem) -> list[object]:
    """A set's solutions of a problem; a list with nothing in it where it has none, which is then dropped with its reason."""
    several = problem.meta.get("solutions")
    return list(several) if isinstance(several, list) and several else [problem.meta.get("solution")]


def rewrite(problem: Problem, solution: object) -> Trace | str:
    """One of the problem's own solutions as a trace, or the reason why there is none."""
    if not isinstance(solution, str) or not solution.strip():
        return "no-solution"
    if problem.gold is None:
        return "no-gold"
    thinking = reasoning(solution)
    if not thinking:
        return "no-reasoning"
    return Trace(
        id=xxhash.xxh3_128_hexdigest("\0".join((problem.source, problem.id, problem.statement, solution)).encode()),
        problem_id=problem.id,
        category=problem.category,
        source="public",
        model=problem.source,
        messages=ask(problem.statement),
        meta={name: problem.meta[name] for name in PROVENANCE if isinstance(problem.meta.get(name), str)},
        response=render_response(thinking, problem.gold),
        answer=problem.gold,
    )


def reasoning(solution: str) -> str:
    """A set's solution without its calculator marks, its final line, its boxes and its drawings; of one that thinks, the thinking."""
    if THINK_CLOSE in solution:
        solution, _ = split_response(solution)
    text = _FINAL_LINE.sub("", solution.replace("\r\n", "\n"))
    text = _unbox(_DRAWING.sub("", _CALCULATOR.sub("", text)))
    return _BLANK_LINES.sub("\n\n", _SPACE_BEFORE_BREAK.sub("\n", text)).strip()


def _unbox(text: str) -> str:
    r"""Replace each box by what it holds; one that never closes stays, the metric's filters will see it."""
    start = text.rfind(BOX)
    while start >= 0:
        depth, inside = 1, start + len(BOX)
        for brace in _BRACE.finditer(text, inside):
            depth += {"{": 1, "}": -1}.get(brace[0], 0)
            if depth == 0:
                text = text[:start] + text[inside : brace.start()] + text[brace.end() :]
                break
        start = text.rfind(BOX, 0, start)
    return text
