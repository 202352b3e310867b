"""Many puzzles at once: learn from their prompts, then solve on all cores.

    known = learn(statements)
    for worked in work_all(statements, known): ...

Neither the order of the statements nor the number of processes changes a solution: what is learned does not depend on order, and
a solver's budget counts steps, not seconds.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, replace
from typing import Any

from nemoflow.processes import cores, pool_of
from nemoflow.puzzles.catalog import FAMILIES, family_of
from nemoflow.puzzles.family import BUDGET_S, Solution, unsolved

UNKNOWN = "unknown"
"""Kind of a statement that no family recognises."""
CHUNK = 8
"""Statements that a process takes at a time: a tail of at most CHUNK budgets."""
ALONE = 2 * CHUNK
"""Up to so many statements are solved in this process: another one imports and builds its tables anew."""


@dataclass(frozen=True)
class Worked:
    """What a solver found for one statement, how long it took, and its run as reasoning where that was asked for."""

    kind: str
    solution: Solution
    seconds: float
    trace: str = ""


def learn(statements: Iterable[str], processes: int = 0) -> dict[str, Any]:
    """What each kind's `fit` makes of the statements of its kind: kind to its knowledge.

    Args:
        statements: prompts of any kinds; answers are not among them, so nothing asked for can be learned.
        processes: how many work at once; 0 takes all cores.
    """
    grouped: dict[str, list[str]] = defaultdict(list)
    for statement in statements:
        family = family_of(statement)
        if family is not None:
            grouped[family.name].append(statement)
    tasks = [(_learn, (kind, sorted(prompts))) for kind, prompts in sorted(grouped.items())]
    size = sum(map(len, grouped.values()))
    return dict(zip(sorted(grouped), _run(tasks, size, processes, lambda count: None), strict=True))


def work_all(
    statements: Sequence[str],
    known: Mapping[str, Any],
    budget_s: float = BUDGET_S,
    style: str | None = None,
    processes: int = 0,
    advance: Callable[[int], None] = lambda count: None,
) -> list[Worked]:
    """Solve statements, in their order.

    Args:
        statements: prompts of any kinds.
        known: what `learn` gave; a kind that is not there works with its defaults.
        budget_s: seconds that a search may take, see family.BUDGET_S.
        style: how to explain each solution, where its kind has that style; None explains nothing.
        processes: how many work at once; 0 takes all cores.
        advance: told how many more are done.
    """
    grouped: dict[str, list[int]] = defaultdict(list)
    for index, statement in enumerate(statements):
        family = family_of(statement)
        grouped[family.name if family else UNKNOWN].append(index)
    chunks = [(kind, indices[at : at + CHUNK]) for kind, indices in sorted(grouped.items()) for at in range(0, len(indices), CHUNK)]
    tasks = [(_work, (kind, [statements[index] for index in chunk], known.get(kind), budget_s, style)) for kind, chunk in chunks]
    found: dict[int, Worked] = {}
    for (_, chunk), worked in zip(chunks, _run(tasks, len(statements), processes, advance), strict=True):
        found.update(zip(chunk, worked, strict=True))
    return [found[index] for index in range(len(statements))]


def work(statement: str, known: Mapping[str, Any], budget_s: float = BUDGET_S, style: str | None = None) -> Worked:
    """Solve one statement of whichever kind."""
    family = family_of(statement)
    kind = family.name if family else UNKNOWN
    return _work(kind, [statement], known.get(kind), budget_s, style)[0]


Task = tuple[Callable[..., Any], tuple[Any, ...]]


def _run(tasks: Sequence[Task], size: int, processes: int, advance: Callable[[int], None]) -> list[Any]:
    """Results of the tasks in their order; `advance` hears the length of each as it is done."""
    processes = processes or cores()
    if processes == 1 or size <= ALONE:
        return [_told(function(*arguments), advance) for function, arguments in tasks]
    with pool_of(processes) as pool:
        futures: list[Future[Any]] = [pool.submit(function, *arguments) for function, arguments in tasks]
        for future in as_completed(futures):
            _told(future.result(), advance)
    return [future.result() for future in futures]


def _told(result: Any, advance: Callable[[int], None]) -> Any:
    if isinstance(result, list):
        advance(len(result))
    return result


def _learn(kind: str, prompts: list[str]) -> Any:
    return FAMILIES[kind].fit(prompts)


def _work(kind: str, statements: list[str], known: Any, budget_s: float, style: str | None) -> list[Worked]:
    return [_work_one(kind, statement, known, budget_s, style) for statement in statements]


def _work_one(kind: str, statement: str, known: Any, budget_s: float, style: str | None) -> Worked:
    if kind not in FAMILIES:
        return Worked(kind, unsolved("no kind of puzzle is recognised"), 0.0)
    family = FAMILIES[kind]
    begun = time.perf_counter()
    solution = family.solve(statement, known, budget_s)
    seconds = time.perf_counter() - begun
    trace = family.explain(statement, solution, family.style_for(style)) if style is not None and solution.answer else ""
    return Worked(kind, replace(solution, finding=None), seconds, trace)
