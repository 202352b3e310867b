"""What the regular expressions of an adapter's config mean: `rank_pattern`, `alpha_pattern` and a `target_modules` that is one string.

Plain names, which PEFT itself writes by the thousand, are looked up; whatever is more than a name is matched in a process of its own.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nemoflow.submission import in_regex

SECONDS = 5.0
_PLAIN = re.compile(r"(?P<start>\^?)(?P<name>\w+(?:\\?\.\w+)*)\$?")


class PatternError(ValueError):
    """It is no regular expression, or one that takes too long."""


def first_fits(patterns: Sequence[str], names: Sequence[str], before: str = "", seconds: float = SECONDS) -> list[int | None]:
    """For each name the number of the first regular expression that fits it whole; PatternError where that cannot be told."""
    asked = json.dumps({"patterns": patterns, "before": before, "names": names})
    command = [sys.executable, "-I", "-S", in_regex.__file__]
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=seconds)  # noqa: S603 - this package's own file
    except subprocess.TimeoutExpired:
        raise PatternError(f"took more than {seconds:g} s to match") from None
    if done.returncode:
        raise PatternError("could not be matched")
    fits, wrong = json.loads(done.stdout)
    if wrong:
        raise PatternError(f"{patterns[wrong[0]]!r} is no regular expression: {wrong[1]}")
    return list(fits)


def tails(module: str) -> Iterator[str]:
    """`a.b.c`, `b.c`, `c`."""
    while module:
        yield module
        module = module.partition(".")[2]


def matched(pattern: Any, modules: Iterable[str]) -> dict[str, Any]:
    """PEFT's rule: a key is a regular expression for the end of a module's name, from a dot on; the first that fits counts.

    PatternError where PEFT would end with an error: it is no table, or a key no regular expression.
    """
    if not pattern:
        return {}
    if not isinstance(pattern, Mapping):
        raise PatternError("is no table of modules' names")
    ends: dict[str, int] = {}
    others: list[int] = []
    keys = list(pattern)
    for number, key in enumerate(keys):
        plain = _PLAIN.fullmatch(key)
        if plain is None:
            others.append(number)
        else:
            name = plain["name"].replace("\\", "")
            ends.setdefault(f"^{name}" if plain["start"] else name, number)
    names = list(modules)
    fits = first_fits([keys[number] for number in others], names, r"(.*\.)?") if others else [None] * len(names)
    found = {}
    for module, fit in zip(names, fits, strict=True):
        numbers = [ends[end] for end in (f"^{module}", *tails(module)) if end in ends]
        numbers += [] if fit is None else [others[fit]]
        if numbers:
            found[module] = pattern[keys[min(numbers)]]
    return found
