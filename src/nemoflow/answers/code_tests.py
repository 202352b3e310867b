"""The tests of a problem of code, as its `meta` carries them; code.py runs them."""

from typing import Any, Self

from pydantic import ValidationError, model_validator

from nemoflow.config import Config
from nemoflow.errors import InputError


class Tests(Config):
    """What a program must do."""

    inputs: tuple[Any, ...] = ()
    """Texts for standard input, or lists of arguments."""
    outputs: tuple[Any, ...] = ()
    """What each must give."""
    function: str = ""
    """Which function is called; empty runs the whole program."""
    asserts: tuple[str, ...] = ()
    """Statements that must hold."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.inputs) != len(self.outputs):
            raise ValueError(f"{len(self.inputs)} inputs and {len(self.outputs)} outputs: as many of each are right")
        if not self.inputs and not self.asserts:
            raise ValueError("no test at all; inputs with outputs, or asserts, are right")
        if self.inputs and not self.function and not all(isinstance(text, str) for text in (*self.inputs, *self.outputs)):
            raise ValueError("a program without `function` reads and writes text: inputs and outputs are texts")
        if self.function and not (self.function.isidentifier() and all(isinstance(given, list | tuple) for given in self.inputs)):
            raise ValueError(f"function = {self.function!r}: a name is right, and each of its inputs a list of arguments")
        return self

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.inputs) + len(self.asserts)


def read_tests(meta: dict[str, Any], where: str) -> Tests | None:
    """The tests of a problem, from its `meta`; None where it is no problem of code."""
    found = meta.get("tests")
    if found is None:
        return None
    try:
        return Tests.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where}: tests{''.join(f'.{part}' for part in first['loc'])}: {first['msg']}") from None
