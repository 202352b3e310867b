r"""A whole answer read into a shape.

    >>> read(r"$x \in (-\infty, 2] \cup [3, 5)$")
    Region(parts=(Interval(...), Interval(...)), name='')

From outside to inside: phrases, matrices, lists, relations, unions, brackets, values. What fits nowhere is `Unreadable`.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

from nemoflow.answers.forms.clean import cleaned
from nemoflow.answers.forms.equality import order
from nemoflow.answers.forms.nodes import Node
from nemoflow.answers.forms.parser import parse
from nemoflow.answers.forms.phrases import EVERYTHING, NOTHING, phrase
from nemoflow.answers.forms.relations import RELATIONS, related
from nemoflow.answers.forms.shapes import Interval, Listing, Matrix, Ratio, Region, Shape, Value
from nemoflow.answers.forms.tokens import Token, Unreadable, tokens
from nemoflow.answers.forms.units import unit_of

_MATRIX = re.compile(
    r"(?:[\[(|]\s*)?\\begin\s*\{(?P<kind>[pbBvV]?matrix|smallmatrix|array|cases|aligned|align\*?|gathered)\}(?:\s*\{[lcr| ]*\})?(?P<body>.*?)"  # noqa: E501
    r"\\end\s*\{(?P=kind)\}(?:\s*[\])|])?(?:\s*\^\s*\{?\s*(?:T|\\top|\\intercal)\s*\}?)?",
    re.DOTALL,
)
_EQUATIONS = ("cases", "aligned", "align", "align*", "gathered")
_CONDITIONS = frozenset(("where", "for", "if", "when", "with", "for all", "for any", "for some", "where k is an integer", "such that"))
_DENIED = re.compile(r"\b(?:wrong|false|incorrect|not|never|unless|maybe|perhaps|possibly)\b|[不错非]|!=|≠|\s\d", re.IGNORECASE)
_OPEN, _CLOSE = ("(", "[", "{", "\\{", "\\lfloor", "\\lceil"), (")", "]", "}", "\\}", "\\rfloor", "\\rceil")
_ONE_LETTER_UNITS = frozenset("msghLlNJWVAKCF")
_SHORT_UNITS = frozenset("cm mm km ft kg mg lb lbs oz mph kph hr hrs sec yd mi nm ml mL kW kJ kPa MPa kHz MHz GHz Hz mol gal cc in".split())  # noqa: SIM905


@lru_cache(maxsize=4096)
def read(answer: str, *, commas_group: bool = True) -> Shape:
    """The shape of an answer as it was written.

    Args:
        answer: LaTeX or plain text, an answer only.
        commas_group: whether `1,000` is one number.

    Raises:
        Unreadable: it is not mathematics as this reader knows it.
    """
    text = cleaned(answer)
    if not text:
        raise Unreadable("an empty answer")
    return phrase(text) or _matrix(text, commas_group) or _read(_with_units(tokens(text, commas_group=commas_group)))


def _matrix(text: str, commas_group: bool) -> Shape | None:
    match = _MATRIX.fullmatch(text)
    if match is None or "\\begin" in match.group("body"):
        return None
    lines = [line for line in re.split(r"\\\\(?:\[[^\]]*\])?|\\cr(?![a-z])", match.group("body").replace("\\hline", "")) if line.strip()]
    if match.group("kind") in _EQUATIONS:
        return Listing("bare", tuple(read(line.replace("&", " "), commas_group=commas_group) for line in lines))
    return Matrix(tuple(tuple(read(cell, commas_group=commas_group) for cell in line.split("&")) for line in lines))


def _with_units(source: list[Token]) -> list[Token]:
    """Short names of units behind a number are words, not products of letters: `10 cm`."""
    found: list[Token] = []
    at = 0
    while at < len(source):
        token = source[at]
        if token.kind == "symbol" and found and (found[-1].kind == "number" or found[-1].text in (")", "}")):
            end = at + 1
            while end < len(source) and source[end].kind == "symbol" and not source[end].spaced:
                end += 1
            run = "".join(piece.text for piece in source[at:end])
            if run in _SHORT_UNITS and (
                end == len(source) or source[end].text in ("^", ",", "/", ";", "*", ".") or source[end].kind != "sign"
            ):
                found.append(Token("word", run, token.spaced))
                at = end
                continue
        found.append(token)
        at += 1
    return found


def _read(source: Sequence[Token]) -> Shape:
    if not source:
        raise Unreadable("nothing stands where an answer should")
    source = _without_condition(source)
    pieces = _listed(source)
    if pieces is not None:
        return pieces
    if any(token.text in RELATIONS for token, depth in _depths(source) if depth == 0):
        return related(source, _read, split)
    parts = split(source, lambda token: token.text == "\\cup")
    if len(parts) > 1:
        return Region(tuple(region for part in parts for region in as_region(_read(part)).parts))
    if any(token.text in ("\\setminus", "\\backslash") for token in source):
        return _without_points(source)
    return _bracketed(source) or _ratio(source) or _value(source)


def _without_condition(source: Sequence[Token]) -> Sequence[Token]:
    """An answer without `where ...`, `for all ...` behind it."""
    for at, (token, depth) in enumerate(_depths(source)):
        if at and not depth and token.kind in ("text", "word") and token.text.lower().strip(" ,.:") in _CONDITIONS:
            return source[:at]
    return source


def _depths(source: Sequence[Token]) -> list[tuple[Token, int]]:
    """Each token with the number of brackets around it; a bracket counts as outside of itself."""
    found = []
    depth = 0
    for at, token in enumerate(source):
        opens, closes = (
            token.text in _OPEN and token.kind in ("sign", "command"),
            token.text in _CLOSE and token.kind in ("sign", "command"),
        )
        if at == 0 and token.text == "]":
            opens, closes = True, False
        elif at == len(source) - 1 and token.text == "[":
            opens, closes = False, True
        depth -= closes
        if depth < 0:
            raise Unreadable(f"{token.text!r} closes nothing")
        found.append((token, depth))
        depth += opens
    if depth:
        raise Unreadable("a bracket is not closed")
    return found


def split(source: Sequence[Token], is_separator: Callable[[Token], bool]) -> list[Sequence[Token]]:
    """The pieces between separators outside of all brackets."""
    pieces: list[Sequence[Token]] = []
    start = 0
    for at, (token, depth) in enumerate(_depths(source)):
        if not depth and is_separator(token):
            pieces.append(source[start:at])
            start = at + 1
    return [*pieces, source[start:]]


def _joins(token: Token) -> bool:
    return token.kind in ("word", "text") and token.text.lower().strip(" ,.") in ("or", "and", "")


def _comma(token: Token) -> bool:
    return token.kind == "sign" and token.text == ","


def _listed(source: Sequence[Token]) -> Shape | None:
    """Things with `;`, `or`, `and` or commas between them; None where there is one thing only."""
    for is_separator in (lambda token: token.kind == "sign" and token.text == ";", _joins):
        pieces = [piece for piece in split(source, is_separator) if piece]
        groups = sum(any(_comma(token) for token, depth in _depths(piece) if not depth) for piece in pieces)
        if len(pieces) > 1 and groups > 1:
            return Listing("bare", tuple(_grouped(piece) for piece in pieces))
    pieces = [piece for piece in split(source, lambda token: _comma(token) or _joins(token) or token.text == ";") if piece]
    if len(pieces) < 2 and not any(_comma(token) or _joins(token) for token, depth in _depths(source) if not depth):
        return None
    if not pieces:
        raise Unreadable("nothing between the commas")
    return _joined(_without_memberships(pieces), source)


def _grouped(piece: Sequence[Token]) -> Shape:
    read_piece = _read(piece)
    return Listing("tuple", read_piece.items) if isinstance(read_piece, Listing) and read_piece.kind == "bare" else read_piece


def _without_memberships(pieces: list[Sequence[Token]]) -> list[Sequence[Token]]:
    r"""The pieces but for `k \in \mathbb{Z}` behind others, and for `x \in \mathbb{R}` before relations, which it says nothing to."""
    rest = [piece for piece in pieces if not _is_membership(piece)]
    if not _is_membership(pieces[0]):
        return rest
    is_real = all(piece[2].text == "\\setR" for piece in pieces if _is_membership(piece))
    return rest if rest and is_real and all(any(token.text in RELATIONS for token in piece) for piece in rest) else pieces


def _is_membership(piece: Sequence[Token]) -> bool:
    r"""`k \in \mathbb{Z}`: says what a variable may be, and is no answer of its own."""
    return len(piece) == 3 and piece[1].text == "\\in" and piece[2].text.startswith("\\set")


def _joined(pieces: list[Sequence[Token]], source: Sequence[Token]) -> Shape:
    items = _flat([_read(piece) for piece in pieces])
    if len(items) == 1:
        return items[0]
    regions = [item for item in items if isinstance(item, Region) and item.name]
    is_union = any(token.kind in ("word", "text") and token.text.strip().lower() == "or" for token in source)
    if is_union and len(regions) == len(items) and len({region.name for region in regions}) == 1:
        return Region(tuple(part for region in regions for part in region.parts), regions[0].name)
    return Listing("bare", tuple(items))


def _flat(items: list[Shape]) -> list[Shape]:
    """Two values with one sign of plus or minus between them stand in their list as two."""
    return [inner for item in items for inner in (item.items if isinstance(item, Listing) and item.kind == "bare" else (item,))]


def _bracketed(source: Sequence[Token]) -> Shape | None:
    opening, closing = source[0], source[-1]
    if opening.text not in ("(", "[", "]", "\\{", "{") or len(source) < 2 or not _is_pair(source):
        return None
    inner = source[1:-1]
    if opening.text in ("\\{", "{"):
        return _set(inner, is_set=opening.text == "\\{")
    pieces = [piece for piece in split(inner, lambda token: _comma(token) or token.text == ";") if piece]
    if len(pieces) < 2:
        return _read(inner) if opening.text == "(" and any(token.text in RELATIONS for token in inner) else None
    if len(pieces) == 2 and (opening.text, closing.text) not in (("(", ")"), ("[", "]")):
        return Region((Interval(_node(pieces[0]), _node(pieces[1]), opening.text == "[", closing.text == "]"),))
    items = tuple(_read(piece) for piece in pieces)
    return Listing("tuple" if opening.text == "(" else "list", items)


def _is_pair(source: Sequence[Token]) -> bool:
    """Whether the first bracket is closed by the last token."""
    return all(depth > 0 for _, depth in _depths(source)[1:-1]) and source[-1].text in (*_CLOSE, "[")


def _set(inner: Sequence[Token], is_set: bool) -> Shape | None:
    if not inner:
        return NOTHING
    parts = split(inner, lambda token: token.text in ("|", ":"))
    if len(parts) == 2 and any(token.text in RELATIONS for token in parts[1]):
        return _read(parts[1])
    pieces = [piece for piece in split(inner, _comma) if piece]
    if not is_set and len(pieces) < 2:
        return None
    if not pieces:
        raise Unreadable("commas without anything between them")
    items = _flat([_read(piece) for piece in pieces])
    return Listing("set" if is_set or len(pieces) > 1 else "bare", tuple(items))


def _without_points(source: Sequence[Token]) -> Shape:
    r"""`\mathbb{R} \setminus \{1, 2\}`: the intervals between the points."""
    parts = split(source, lambda token: token.text in ("\\setminus", "\\backslash"))
    if len(parts) != 2 or len(parts[0]) != 1 or parts[0][0].text != "\\setR":
        raise Unreadable("only points are taken from all numbers here")
    points = _read(parts[1])
    if not isinstance(points, Listing):
        raise Unreadable("a set of points is expected")
    nodes = [item.node for item in points.items if isinstance(item, Value)]
    return but_for(nodes)


def but_for(points: Sequence[Node], name: str = "") -> Region:
    """All real numbers without these points, which are put in order by the comparison."""
    ordered = sorted(points, key=order)
    infinity = Node("constant", name="infty")
    ends = [Node("negative", (infinity,)), *ordered, infinity]
    return Region(tuple(Interval(low, high, False, False) for low, high in pairwise(ends)), name)


def as_region(shape: Shape) -> Region:
    """An interval or a set of points as a region."""
    if isinstance(shape, Region):
        return shape
    if isinstance(shape, Listing) and len(shape.items) == 2 and shape.kind in ("tuple", "list"):
        low, high = shape.items
        if isinstance(low, Value) and isinstance(high, Value):
            return Region((Interval(low.node, high.node, shape.kind == "list", shape.kind == "list"),))
    if isinstance(shape, Listing) and shape.kind == "set":
        return Region((shape,))
    if shape == EVERYTHING:
        return but_for([])
    raise Unreadable("an interval or a set is expected")


def _ratio(source: Sequence[Token]) -> Shape | None:
    parts = split(source, lambda token: token.kind == "sign" and token.text == ":")
    if len(parts) < 2 or not all(parts):
        return None
    return Ratio(tuple(_node(part) for part in parts))


def _node(source: Sequence[Token]) -> Node:
    return parse(source)


def _value(source: Sequence[Token]) -> Shape:
    end = next((at for at, (token, depth) in enumerate(_depths(source)) if not depth and token.kind in ("text", "word")), len(source))
    tail = source[end:]
    if end == 0 or any(token.kind == "number" and tail[at - 1].text not in ("^", "{", "-") for at, token in enumerate(tail)):
        raise Unreadable(f"{source[0].text!r} is not mathematics")
    words = " ".join(token.text for token in tail).replace(" ^ ", "^").replace("^{ ", "^{").replace(" }", "}").replace("- ", "-")
    if any(token.text in ("=", "+", "(", ")", "\\frac", "\\sqrt") for token in tail):
        raise Unreadable("an expression behind words")
    if _DENIED.search(words):
        raise Unreadable("a value that its own words deny")
    node = parse(source[:end])
    unit = unit_of(words) if words else None
    if any(below.op == "plus-minus" for below in node.walk()):
        return Listing("bare", tuple(Value(_signed(node, sign), unit, words) for sign in (1, -1)))
    return Value(node, unit, words, _otherwise(source[:end], node, bool(words)))


def _signed(node: Node, sign: int) -> Node:
    """One of the two values of a sign of plus or minus; all signs in an expression go together."""
    args = tuple(_signed(argument, sign) for argument in node.args)
    if node.op == "plus-minus":
        return args[0] if sign > 0 else Node("negative", args)
    return Node(node.op, args, node.name, node.value, node.places)


def _otherwise(source: Sequence[Token], node: Node, has_words: bool) -> Value | None:
    end = next((at for at, token in enumerate(source) if token.kind == "symbol"), 0)
    if (
        not has_words
        and end
        and source[end].text in _ONE_LETTER_UNITS
        and all(token.kind == "number" or token.text in "-./" for token in source[:end])
    ):
        unit = unit_of("".join(token.text for token in source[end:]))
        if unit is not None:
            return Value(parse(source[:end]), unit, source[end].text)
    slashes = [at for at, token in enumerate(source) if token.text == "/"]
    if slashes and any(source[at + 1].kind == "number" for at in slashes if at + 1 < len(source)):
        tight = parse(source, tight=True)
        return Value(tight) if tight != node else None
    return None
