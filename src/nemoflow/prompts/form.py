r"""The form of a prompt: what stands around a problem's statement. The contest's is one user message with its fixed suffix.

    Form().messages("What is 6 * 7?")                        # the contest's own, byte for byte
    Form(system="Be brief.", shots=(Shot(...),)).messages("What is 6 * 7?", "low")

`tune-prompt` writes one as `prompt.json`; `evaluate` and `harvest` take it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from nemoflow.errors import InputError
from nemoflow.prompts.chat import SUFFIX
from nemoflow.prompts.modes import told
from nemoflow.records import Message, Record

FILE = "prompt.json"
TUNED = "tuned.json"
"""Beside it: what it was tuned on."""


class Shot(Record):
    """A solved problem that is shown before the one to solve."""

    problem_id: str = Field(min_length=1)
    statement: str = Field(min_length=1)
    response: str = Field(min_length=1)
    """As the model would say it, its box included."""


class Form(Record):
    """What stands around a statement."""

    v: Literal[1] = 1
    system: str = ""
    """System message; empty sends none."""
    suffix: str = SUFFIX
    """Line behind the statement; empty leaves it out."""
    shots: tuple[Shot, ...] = ()
    """Turns before the question, in this order."""

    @property
    def is_contest(self) -> bool:
        """Whether it is the contest's own."""
        return self == Form()

    def messages(self, statement: str, mode: str = "") -> tuple[Message, ...]:
        """The turns up to the one that is asked for; `mode` is told behind the suffix, as a corpus tells it."""
        head = (Message(role="system", content=self.system),) if self.system else ()
        shown = [
            turn
            for shot in self.shots
            for turn in (
                Message(role="user", content=self._asked(shot.statement, mode)),
                Message(role="assistant", content=shot.response),
            )
        ]
        return (*head, *shown, Message(role="user", content=self._asked(statement, mode)))

    def _asked(self, statement: str, mode: str) -> str:
        return "\n".join(part for part in (statement, self.suffix, told(mode)) if part)


def read_form(values: Mapping[str, Any], where: str) -> Form:
    """A form out of its file; InputError names `where`, the field and the value."""
    try:
        return Form.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"])) or "content"
        raise InputError(
            f"{where}: {field}: {problem['msg']}, got {str(problem['input'])[:80]!r}; `tune-prompt` writes such a file"
        ) from None
