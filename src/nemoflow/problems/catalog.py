"""All sources of problems by name, and reading one as a checked set."""

from pathlib import Path
from types import MappingProxyType

from nemoflow.errors import InputError
from nemoflow.problems import (
    aime,
    aops,
    gsm8k,
    hendrycks_math,
    hle,
    hmmt,
    jsonl,
    kaggle,
    metamath,
    nemotron_math,
    open_math_reasoning,
    stackexchange,
)
from nemoflow.problems.source import Source, joined
from nemoflow.records import Problem

SOURCES: MappingProxyType[str, Source] = MappingProxyType(
    {
        found.SOURCE.name: found.SOURCE
        for found in (
            aime, aops, gsm8k, hle, hmmt, jsonl, kaggle, hendrycks_math, metamath, nemotron_math, open_math_reasoning, stackexchange
        )
    }
)  # fmt: skip


def read(name: str, path: Path) -> list[Problem]:
    """A source's problems in the order of the file; from a folder, those of all its files by name.

    Raises InputError for an empty set, an empty folder, and an id that comes twice where the source's problems have one row each.
    """
    source, files = SOURCES[name], _files(path)
    gathered = Gathered(source)
    for file in files:
        for row, problem in enumerate(source.read(source.rows(file)), 1):
            gathered.add(problem, f"{file}: problem {row}")
    problems = gathered.problems
    if not problems:
        names = ", ".join(map(str, files))
        raise InputError(f"{names}: holds no problem; at least one row is right")
    return problems


class Gathered:
    """Problems by id, in the order of their first rows."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[str, Problem] = {}
        self._places: dict[str, str] = {}

    @property
    def problems(self) -> list[Problem]:
        """All of them."""
        return list(self._found.values())

    def add(self, problem: Problem, place: str) -> None:
        """A row's problem; `place` is what a message calls the row."""
        first = self._found.get(problem.id)
        if first is None:
            self._found[problem.id], self._places[problem.id] = problem, place
        elif self._source.has_several:
            self._found[problem.id] = joined(first, problem)
        else:
            raise InputError(
                f"{place}: id: {problem.id!r} is also that of {self._places[problem.id]}; ids are unique, and so are statements without ids"
            )


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_file():
        return [path]
    files = sorted(file.resolve() for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise InputError(f"{path}: an empty folder; at least one file is right")
    return files
