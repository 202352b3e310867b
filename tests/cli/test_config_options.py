"""Options of commands come from configs."""

from nemoflow.cli.config_options import field_docstrings
from nemoflow.config import Config


class First(Config):
    """With a line of its own that is no field's."""

    count: int = 1
    """How many,
    in two lines."""
    bare: bool = False
    name: str = ""
    """What it is called."""


class Second(First):
    """Says one of them anew."""

    name: str = "x"
    """Another name."""


def test_the_help_of_an_option_is_the_text_behind_its_field():
    assert field_docstrings(First) == {"count": "How many, in two lines.", "name": "What it is called."}


def test_inherited_fields_keep_their_text_unless_it_is_said_anew():
    assert field_docstrings(Second) == {"count": "How many, in two lines.", "name": "Another name."}
