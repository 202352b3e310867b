"""What a teacher that may run Python is told: how to ask for it, what it has, and what is left of it."""

import re
from typing import Any

from nemoflow.sandbox.limits import Limits

_WORLD = (
    "Python 3.11 with numpy and sympy; variables are kept from one {unit} to the next; there is no network. "
    "You have {calls} {unit}s, {seconds:g} seconds each; at most {chars} characters of what a {unit} prints come back."
)
FENCES = (
    "You may run code. Write it in a block that begins with ```python and ends with ```, and stop after the block: what it prints is "
    "then given to you in a block that begins with ```output. "
)
"""How one who writes blocks of code is told that he may."""
OPEN, OUTPUT, CLOSE = "```python", "```output", "```"

_CLOSED_BLOCK = re.compile(r"^[ \t]*```[ \t]*(?:python|py)[ \t]*\n(.*?)^[ \t]*```[ \t]*\n", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_GIVEN = re.compile(rf"^{OUTPUT}\n.*?^{CLOSE}\n(?:\[[^\]\n]* left[^\]\n]*\]\n)?", re.DOTALL | re.MULTILINE)


def closed_block(text: str) -> tuple[int, str] | None:
    """(where the first whole block of code ends, its code) of a text that is being written; None while there is none."""
    found = _CLOSED_BLOCK.search(text)
    return (found.end(), found[1]) if found else None


def given(text: str) -> list[tuple[int, int]]:
    """The stretches of a response that Python wrote, not the model: blocks of output, with the note of what is left."""
    return [found.span() for found in _GIVEN.finditer(text)]


def told_output(text: str, calls_left: int) -> str:
    """What stands behind a block of code once it ran, as in a teacher's trace."""
    return f"{output_block(text)}\n{left(calls_left, 'block')}\n"


def system_for_fences(system: str, limits: Limits) -> str:
    """The system message of one who writes blocks of code into his text."""
    told = FENCES + _told(limits, "block")
    return f"{system}\n\n{told}" if system else told


def function(limits: Limits) -> dict[str, Any]:
    """The tool as OpenAI's API describes one."""
    code = {"type": "string", "description": "Python code. Print what you want to see; the value of a last expression is printed too."}
    parameters = {"type": "object", "properties": {"code": code}, "required": ["code"], "additionalProperties": False}
    described = {"name": "python", "description": f"Runs code. {_told(limits, 'call')}", "parameters": parameters}
    return {"type": "function", "function": described}


def _told(limits: Limits, unit: str) -> str:
    return _WORLD.format(unit=unit, calls=limits.calls, seconds=limits.seconds, chars=limits.output_chars)


def left(calls: int, unit: str) -> str:
    """What is left after a call."""
    return f"[{calls} {unit}{'s' if calls != 1 else ''} left]" if calls else f"[no {unit} left: give the final answer now]"


def output_block(text: str) -> str:
    """What was printed, as it stands in a trace."""
    return f"{OUTPUT}\n{text.rstrip(chr(10))}\n{CLOSE}"
