r"""Units behind a number: what they measure and how much of it.

    >>> unit_of("sq. ft"), unit_of("apples"), unit_of("km/h")
    (Unit(...), None, Unit(...))

Words that are no unit (`apples`, `ways`) are left out of a comparison. Two units that measure the same are converted; others differ.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Unit:
    """`dimension` is a product of base dimensions with their powers, `factor` the size in the base units."""

    dimension: tuple[tuple[str, int], ...]
    factor: Fraction


Size = int | Fraction
_F = Fraction
_LENGTHS: dict[str, Size] = {
    "m": 1, "meter": 1, "metre": 1, "cm": _F(1, 100), "centimeter": _F(1, 100), "centimetre": _F(1, 100), "km": 1000,
    "mm": _F(1, 1000),
    "millimeter": _F(1, 1000), "millimetre": _F(1, 1000), "kilometer": 1000, "kilometre": 1000, "dm": _F(1, 10), "decimeter": _F(1, 10),
    "nm": _F(1, 10**9), "inch": _F(254, 10000), "inches": _F(254, 10000), "in": _F(254, 10000), "ft": _F(3048, 10000),
    "foot": _F(3048, 10000),
    "feet": _F(3048, 10000), "yard": _F(9144, 10000), "yd": _F(9144, 10000), "mile": _F(1609344, 1000), "mi": _F(1609344, 1000),
}  # fmt: skip
_TIMES: dict[str, Size] = {
    "s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "day": 86400, "week": 604800,
    "ms": _F(1, 1000), "millisecond": _F(1, 1000),
}  # fmt: skip
_LONG_TIMES = {"month": 1, "year": 12, "yr": 12, "decade": 120, "century": 1200, "centuries": 1200}
_MASSES: dict[str, Size] = {
    "g": 1, "gram": 1, "kg": 1000, "kilogram": 1000, "mg": _F(1, 1000), "milligram": _F(1, 1000), "ton": 10**6, "tonne": 10**6,
}  # fmt: skip
_WEIGHTS = {"lb": 16, "pound": 16, "oz": 1, "ounce": 1}
_VOLUMES: dict[str, Size] = {"liter": _F(1, 1000), "litre": _F(1, 1000), "L": _F(1, 1000), "l": _F(1, 1000),
            "ml": _F(1, 10**6), "mL": _F(1, 10**6),
            "milliliter": _F(1, 10**6), "millilitre": _F(1, 10**6)}  # fmt: skip
_CUPS = {"cup": 1, "pint": 2, "quart": 4, "gallon": 16, "gal": 16}
_MONEY: dict[str, Size] = {
    "dollar": 1,
    "$": 1,
    "usd": 1,
    "buck": 1,
    "cent": _F(1, 100),
    "penny": _F(1, 100),
    "pennies": _F(1, 100),
    "¢": _F(1, 100),
}
_ALONE = {
    "degree": ("angle", 1), "radian": ("radian", 1), "rad": ("radian", 1), "euro": ("euro", 1), "€": ("euro", 1), "rupee": ("rupee", 1),
    "yuan": ("yuan", 1), "yen": ("yen", 1), "kelvin": ("kelvin", 1), "joule": ("joule", 1), "J": ("joule", 1), "kJ": ("joule", 1000),
    "newton": ("newton", 1), "N": ("newton", 1), "watt": ("watt", 1), "W": ("watt", 1), "kW": ("watt", 1000), "volt": ("volt", 1),
    "V": ("volt", 1), "ampere": ("ampere", 1), "Hz": ("hertz", 1), "hertz": ("hertz", 1), "mol": ("mole", 1), "mole": ("mole", 1),
    "Pa": ("pascal", 1), "kPa": ("pascal", 1000), "MPa": ("pascal", 10**6), "kHz": ("hertz", 1000), "MHz": ("hertz", 10**6),
    "GHz": ("hertz", 10**9), "bit": ("bit", 1), "byte": ("bit", 8), "square": ("", 1), "unit": ("", 1),
}  # fmt: skip


def _table() -> dict[str, Unit]:
    groups: dict[str, Mapping[str, Size]] = {
        "length": _LENGTHS, "time": _TIMES, "months": _LONG_TIMES, "mass": _MASSES, "weight": _WEIGHTS, "cups": _CUPS, "money": _MONEY,
    }  # fmt: skip
    found = {name: Unit(((base, 1),), _F(factor)) for base, names in groups.items() for name, factor in names.items()}
    found |= {name: Unit((("length", 3),), _F(factor)) for name, factor in _VOLUMES.items()}
    return found | {name: Unit(((base, 1),) if base else (), _F(factor)) for name, (base, factor) in _ALONE.items()}


_UNITS = _table()
_SHORT = {
    "mph": "mile/hour", "kph": "km/hour", "kmh": "km/hour", "fps": "ft/s", "sqft": "ft^2", "sqm": "m^2", "acre": "", "hectare": "",
    "cc": "cm^3", "miles-per-hour": "mile/hour",
}  # fmt: skip
_PIECE = re.compile(r"(square|sq|cubic|cu)?\.?\s*([A-Za-z$€¢]+)\.?\s*(squared|cubed|\^\s*\{?\s*(-?\d)\s*\}?)?")
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}


def unit_of(text: str) -> Unit | None:
    """The unit that a text names, such as `cm^2`, `square feet`, `miles per hour`; None where it names none that is known."""
    text = _SHORT.get(text.strip().lower().rstrip("."), text)
    above, *below = re.split(r"/|\bper\b", text)
    found = _product(above)
    for part in below:
        divisor = _product(part)
        if found is None or divisor is None:
            return None
        found = _multiplied(found, divisor, -1)
    return found


def _product(text: str) -> Unit | None:
    found: Unit | None = None
    text = text.replace("*", " ").replace("-", " ").strip()
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None or match.end() == at:
            return None
        piece = _named(match.group(2))
        if piece is None:
            return None
        power = _POWERS.get(match.group(1) or "", 1) * (int(match.group(4)) if match.group(4) else _POWERS.get(match.group(3) or "", 1))
        found = _multiplied(found or Unit((), Fraction(1)), piece, power)
        at = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
    return found


def _named(name: str) -> Unit | None:
    for form in (name, name.lower(), name.lower().removesuffix("s"), name.lower().removesuffix("es")):
        if form in _UNITS:
            return _UNITS[form]
    return None


def _multiplied(left: Unit, right: Unit, power: int) -> Unit:
    powers = dict(left.dimension)
    for base, exponent in right.dimension:
        powers[base] = powers.get(base, 0) + power * exponent
    return Unit(tuple(sorted((base, exponent) for base, exponent in powers.items() if exponent)), left.factor * right.factor**power)
