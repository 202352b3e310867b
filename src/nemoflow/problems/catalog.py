"""All sources of problems by name, and reading one as a checked set."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

from nemoflow.errors import InputError
from nemoflow.problems import aime, gsm8k, hendrycks_math, jsonl, kaggle
from nemoflow.records import Problem

SOURCES: MappingProxyType[str, Callable[[Path], Iterator[Problem]]] = MappingProxyType(
    {
        "aime": aime.load,
        "gsm8k": gsm8k.load,
        "jsonl": jsonl.load,
        "kaggle": kaggle.load,
        "math": hendrycks_math.load,
    }
)


def read(name: str, path: Path) -> list[Problem]:
    """A source's problems in the order of the file; from a folder, those of all its files by name.

    Raises InputError for an empty set, an empty folder, and an id that comes twice.
    """
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    files = _files(path)
    for file in files:
        for row, problem in enumerate(SOURCES[name](file), 1):
            place = f"{file}: problem {row}"
            if problem.id in seen:
                raise InputError(
                    f"{place}: id: {problem.id!r} is also that of {seen[problem.id]}; ids are unique, and so are statements without ids"
                )
            seen[problem.id] = place
            problems.append(problem)
    if not problems:
        names = ", ".join(map(str, files))
        raise InputError(f"{names}: holds no problem; at least one row is right")
    return problems


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_file():
        return [path]
    files = sorted(file.resolve() for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise InputError(f"{path}: an empty folder; at least one file is right")
    return files
