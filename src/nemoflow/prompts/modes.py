r"""Modes as a student is told them: how hard to think, and whether it may run Python.

A teacher is told in its own family's way (models/families.py). A student that learns from all of a teacher's modes needs one way of
being told, the same when it learns and when it is asked: a line behind the contest's message.

    message("What is 6 * 7?", "low+python")     # "What is 6 * 7?\nPlease put your final answer ...\nEffort: low, with Python."
"""

from nemoflow.models.families import EFFORTS
from nemoflow.prompts.chat import user_message

PYTHON = "python"
MODES: tuple[str, ...] = (*EFFORTS, PYTHON, *(f"{effort}+{PYTHON}" for effort in EFFORTS))
"""Words of a trace's `meta["mode"]`."""


def has_python(mode: str) -> bool:
    """Whether code is run in this mode."""
    return mode.rpartition("+")[2] == PYTHON


def message(statement: str, mode: str = "") -> str:
    """The user's message; without a mode it is the contest's own."""
    return f"{user_message(statement)}\n{told(mode)}" if mode else user_message(statement)


def told(mode: str) -> str:
    """The line that tells a mode; empty without one."""
    if not mode:
        return ""
    effort = mode.partition("+")[0] if mode != PYTHON else ""
    return f"Effort: {effort}, with Python." if effort and has_python(mode) else f"Effort: {effort}." if effort else "With Python."


def told_mode(prompt: str) -> str:
    """The mode that a user's message tells; empty where it tells none. It undoes `message`."""
    last = prompt.rpartition("\n")[2]
    return next((mode for mode in MODES if last == told(mode)), "")
