"""All kinds of puzzle by name, and which of them a prompt belongs to."""

from types import MappingProxyType

from nemoflow.puzzles.family import Family
from nemoflow.puzzles.numeral import NUMERAL
from nemoflow.puzzles.unit import UNIT

FAMILIES = MappingProxyType({family.name: family for family in (NUMERAL, UNIT)})


def family_of(prompt: str) -> Family | None:
    """The kind whose marker phrase the prompt holds; None where there is none.

    Example: `family_of("... a strange numeral system ...").name == "numeral"`.
    """
    return next((family for family in FAMILIES.values() if family.marker in prompt), None)
