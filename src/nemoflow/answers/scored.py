"""The row that `nemoflow score` reads. Further columns are let through, so that a file of traces can be scored as it is."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from nemoflow.records import Record


def as_text(value: Any) -> str:
    """A text, or a number as its text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PydanticCustomError("gold", "should be a text or a number")
    return str(value)


def text_or_whole_number(value: Any) -> Any:
    """What may be an id."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise PydanticCustomError("id", "should be a text or a whole number")
    return value


class ScoreRow(Record):
    """A response and the gold answer to compare it with."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[StrictStr | StrictInt, BeforeValidator(text_or_whole_number)]
    response: str | None
    """None counts as a response without an answer."""
    gold: Annotated[str, BeforeValidator(as_text)]
    """Turned to text, as the contest's metric does."""
