r"""Verdicts on programs: they are run in the sandbox, and what they give is compared outside of it.

What a test expects never enters the sandbox, so a program can print only what it found itself. A problem of code carries its tests:

    {"inputs": ["1 2\n"], "outputs": ["3\n"]}                                 a program: standard input, standard output
    {"function": "add", "inputs": [[1, 2]], "outputs": [3]}                    a function: arguments, result
    {"asserts": ["assert add(1, 2) == 3", "assert is_even(add(1, 3))"]}        statements; `A == literal` is compared outside, too

The one exception are asserts of another form: they are run inside, and a program may cheat them.
"""

import ast
import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from math import isclose
from typing import Any, Literal

from nemoflow.answers.code_tests import Tests
from nemoflow.answers.verdicts import Attempt, Verdicts
from nemoflow.records import Verdict
from nemoflow.sandbox.limits import Limits, Output
from nemoflow.sandbox.remote import RemoteSandbox
from nemoflow.sandbox.session import LocalSandbox, Sandbox, Session

BATCH = 256
"""Attempts that are taken in together: what one slow program may hold up."""
TOLERANCE = 1e-6
"""Relative, for numbers with a point, where tests give no other."""
SHOWN = 80
OUTPUT_CHARS = 200_000

_BLOCK = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_STATUS = {"error": "code-error", "time": "code-time", "memory": "code-memory", "lost": "code-crash"}


def program_in(response: str | None) -> str | None:
    """The last block of code of a response's final part, else of the whole."""
    whole = response or ""
    for text in (whole.rpartition("</think>")[2], whole):
        blocks = [code for code in _BLOCK.findall(text) if code.strip()]
        if blocks:
            return str(blocks[-1])
    return None


@dataclass(frozen=True)
class _Failure:
    """Why a program is not right."""

    rule: str
    reason: str


async def verify_code(tests: Tests, attempt: Attempt, sandbox: Sandbox) -> Verdict:
    """Run the program of an attempt against its tests, up to the first that fails."""
    program = program_in(attempt.response)
    if attempt.error is not None:
        return _verdict(attempt, "error", attempt.error, program)
    if program is None:
        return _verdict(attempt, "no-code", "no block of code in the response", None)
    failure = await (_by_calls(tests, program, sandbox) if tests.function or tests.asserts else _by_text(tests, program, sandbox))
    if failure:
        return _verdict(attempt, failure.rule, failure.reason, program)
    return _verdict(attempt, "code-passed", f"{tests.count} tests", program, "right")


def _verdict(attempt: Attempt, rule: str, reason: str, program: str | None, verdict: Literal["right", "wrong"] = "wrong") -> Verdict:
    return Verdict(verdict=verdict, rule=rule, extracted=program, gold=attempt.gold, reason=reason)


async def _by_text(tests: Tests, program: str, sandbox: Sandbox) -> _Failure | None:
    """Each test has an interpreter of its own: a program that is run again must not find its variables."""
    for number, (given, wanted) in enumerate(zip(tests.inputs, tests.outputs, strict=True), 1):
        async with sandbox.session() as session:
            output = await session.run(_whole(program), given)
        if output.status != "ok":
            return _broke(output, number, tests)
        if output.cut or not same_text(wanted, output.text):
            return _Failure(
                "code-failed", f"test {number} of {tests.count}: {_short(given)} gives {_short(output.text)}, not {_short(wanted)}"
            )
    return None


async def _by_calls(tests: Tests, program: str, sandbox: Sandbox) -> _Failure | None:
    async with sandbox.session() as session:
        output = await session.run(_whole(program))
        if output.status != "ok":
            return _broke(output, 0, tests)
        for number, (given, wanted) in enumerate(zip(tests.inputs, tests.outputs, strict=True), 1):
            call = f"{tests.function}({', '.join(repr(argument) for argument in given)})"
            if failure := await _compare(session, call, wanted, number, tests):
                return failure
        for number, statement in enumerate(tests.asserts, len(tests.inputs) + 1):
            compared = comparison(statement)
            if compared is None:
                output = await session.run(statement)
                failure = None if output.status == "ok" else _broke(output, number, tests)
            else:
                failure = await _compare(session, *compared, number, tests)
            if failure:
                return failure
    return None


def _whole(program: str) -> str:
    """A program as a notebook's block would not run it: the value of its last line is not shown, nor what it writes to standard error."""
    hushed = "import io as _i, sys as _s\n_s.stderr = _i.StringIO()\n"
    return f"{hushed}exec(compile({program!r}, '<program>', 'exec'), globals())\nNone"


async def _compare(session: Session, expression: str, wanted: Any, number: int, tests: Tests) -> _Failure | None:
    """Have the value shown alone: what the program prints meanwhile goes to a text that nobody reads."""
    hushed = f"import contextlib as _c, io as _i\nwith _c.redirect_stdout(_i.StringIO()): _value = ({expression})\n_value"
    output = await session.run(hushed)
    if output.status != "ok":
        return _broke(output, number, tests)
    try:
        found = ast.literal_eval(output.text.strip() or "None")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = output
    if not output.cut and found is not output and same_value(wanted, found):
        return None
    what = f"test {number} of {tests.count}: {_short(expression)} gives {_short(output.text)}, not {_short(repr(wanted))}"
    return _Failure("code-failed", what)


def comparison(statement: str) -> tuple[str, Any] | None:
    """(expression, literal) of `assert expression == literal`; None where a statement is anything else."""
    try:
        (node,) = ast.parse(statement.strip()).body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(node, ast.Assert) or not isinstance(node.test, ast.Compare) or not isinstance(node.test.ops[0], ast.Eq):
        return None
    if len(node.test.ops) != 1:
        return None
    try:
        return ast.unparse(node.test.left), ast.literal_eval(node.test.comparators[0])
    except ValueError:
        return None


def same_value(wanted: Any, found: Any) -> bool:
    """Equal as JSON has it: lists and tuples are one, numbers with a point are near, and `True` is not 1."""
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, float) or isinstance(found, float):
        return isinstance(wanted, int | float) and isinstance(found, int | float) and _near(wanted, found)
    if isinstance(wanted, list | tuple):
        return isinstance(found, list | tuple) and len(wanted) == len(found) and all(map(same_value, wanted, found))
    if isinstance(wanted, dict):
        return isinstance(found, dict) and wanted.keys() == found.keys() and all(same_value(wanted[key], found[key]) for key in wanted)
    return bool(wanted == found)


def same_text(wanted: str, found: str) -> bool:
    """Line for line the same words; numbers that are wanted with a point may be near. Spaces at ends and empty last lines do not count."""
    lines, others = ([line.split() for line in text.rstrip().split("\n")] for text in (wanted, found))
    return len(lines) == len(others) and all(
        len(line) == len(other) and all(map(_same_word, line, other)) for line, other in zip(lines, others, strict=True)
    )


def _same_word(wanted: str, found: str) -> bool:
    if wanted == found or "." not in wanted:
        return wanted == found
    try:
        return _near(float(wanted), float(found))
    except ValueError:
        return False


def _near(wanted: float, found: float) -> bool:
    try:
        return wanted == found or isclose(wanted, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:
        return False


def _broke(output: Output, number: int, tests: Tests) -> _Failure:
    said = output.text.strip().splitlines() or [output.status]
    where = f"test {number} of {tests.count}" if number else "the program itself"
    rule = "code-failed" if said[-1].startswith("AssertionError") else _STATUS.get(output.status, "code-error")
    return _Failure(rule, f"{where}: {_short(said[-1])}")


def _short(text: str) -> str:
    text = text.strip("\n")
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


@contextmanager
def also_code(verdicts: Verdicts, limits: Limits, sandbox: RemoteSandbox | None = None) -> Iterator[Verdicts]:
    """Verdicts of all attempts, those with tests by running them; the sandbox starts with the first of these."""
    with asyncio.Runner() as runner:
        stack, place = AsyncExitStack(), sandbox or LocalSandbox(limits)
        opened: list[LocalSandbox | RemoteSandbox] = []

        async def run_all(attempts: Sequence[Attempt]) -> list[Verdict]:
            if not opened:
                opened.append(await stack.enter_async_context(place))
            return list(await asyncio.gather(*(verify_code(attempt.tests, attempt, place) for attempt in attempts if attempt.tests)))

        def every(attempts: Iterable[Attempt]) -> Iterator[Verdict]:
            source = iter(attempts)
            while batch := list(islice(source, BATCH)):
                programs = [attempt for attempt in batch if attempt.tests]
                ran = iter(runner.run(run_all(programs)) if programs else [])
                others = verdicts(attempt for attempt in batch if not attempt.tests)
                yield from (next(ran) if attempt.tests else next(others) for attempt in batch)

        try:
            yield every
        finally:
            runner.run(stack.aclose())
