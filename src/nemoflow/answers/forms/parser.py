r"""Expressions read from tokens, by precedence: sums, products (written or not), signs, powers, what stands behind, atoms.

    >>> parse(tokens(r"\frac{1}{2}x^2"))
    Node(op='multiply', ...)

What it does not know (integrals, limits, dots, words) is `Unreadable`; nothing is skipped, so that no expression is taken for a part of it.
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from nemoflow.answers.forms.nodes import Node, number
from nemoflow.answers.forms.tokens import FUNCTIONS, Token, Unreadable

DEEPEST = 60
"""Levels of brackets that are read."""
LONGEST_NUMBER = 1000
"""Digits of a number that is computed with."""
_NUMBER = re.compile(r"(\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")
_CONSTANTS = {"\\pi": "pi", "\\infty": "infty"}
_LETTER_COMMANDS = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau upsilon phi varphi chi psi omega "  # noqa: E501, SIM905
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell hbar".split()
)
_ACCENTS = frozenset(("vec", "hat", "bar", "tilde", "overrightarrow", "widehat", "dot", "ddot", "overline"))
_PREFIXES = frozenset(("angle", "triangle", "measuredangle"))
NAMING = _LETTER_COMMANDS | _ACCENTS | _PREFIXES
"""Commands that names start with."""
_INDEX = frozenset("nkmijrt")
_BRACKETS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil", "|": "|"}
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc"}
_SEVERAL = frozenset(("max", "min", "gcd", "lcm"))


def parse(source: Sequence[Token], *, tight: bool = False) -> Node:
    """The expression that the tokens write, all of them.

    Args:
        source: tokens of one expression.
        tight: read `1/2x` as 1/(2x) instead of (1/2)x.
    """
    parser = _Parser(source, tight)
    node = parser.sum()
    if parser.peek is not None:
        raise Unreadable(f"{parser.peek.text!r} is not expected here")
    return node


def literal(text: str) -> Node:
    """A number as it was written, with commas between thousands."""
    match = _NUMBER.fullmatch(text.replace(",", ""))
    if match is None or len(text) > LONGEST_NUMBER:
        raise Unreadable(f"{text[:40]!r} is no number")
    whole, decimals, exponent = match.groups()
    power = int(exponent or 0)
    if abs(power) > LONGEST_NUMBER:
        raise Unreadable(f"{text!r} is too large")
    value = Fraction(int((whole or "0") + (decimals or "")), 10 ** len(decimals or "")) * Fraction(10) ** power
    places = len(decimals) if decimals is not None else None
    return number(value, None if places is None else max(0, places - power))


class _Parser:
    def __init__(self, source: Sequence[Token], tight: bool) -> None:
        self._source, self._tight, self._at, self._depth, self._bars = source, tight, 0, 0, 0

    @property
    def peek(self) -> Token | None:
        return self._source[self._at] if self._at < len(self._source) else None

    def _next(self) -> Token:
        token = self.peek
        if token is None:
            raise Unreadable("it ends too early")
        self._at += 1
        return token

    def _is(self, *texts: str) -> bool:
        token = self.peek
        return token is not None and token.kind in ("sign", "command") and token.text in texts

    def _take(self, *texts: str) -> bool:
        if self._is(*texts):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise Unreadable(f"{text!r} is missing")

    def sum(self) -> Node:
        """Terms with signs between them."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unreadable("too many brackets")
        terms = [self._signed(self._product)]
        while True:
            if self._take("+"):
                terms.append(self._signed(self._product))
            elif self._take("-"):
                terms.append(Node("negative", (self._signed(self._product),)))
            elif self._take("\\pm", "\\mp"):
                terms.append(Node("plus-minus", (self._product(),)))
            else:
                self._depth -= 1
                return terms[0] if len(terms) == 1 else Node("add", tuple(terms))

    def _signed(self, below: Callable[[], Node]) -> Node:
        if self._take("+"):
            return self._signed(below)
        if self._take("-"):
            return Node("negative", (self._signed(below),))
        if self._take("\\pm", "\\mp"):
            return Node("plus-minus", (below(),))
        return below()

    def _product(self) -> Node:
        left = self._implicit() if self._tight else self._power()
        while True:
            if self._take("*"):
                left = Node("multiply", (left, self._signed(self._implicit if self._tight else self._power)))
            elif self._take("/"):
                left = Node("divide", (left, self._signed(self._implicit if self._tight else self._power)))
            elif self._starts_factor():
                left = Node("multiply", (left, self._power()))
            else:
                return left

    def _implicit(self) -> Node:
        left = self._power()
        while self._starts_factor():
            left = Node("multiply", (left, self._power()))
        return left

    def _starts_factor(self) -> bool:
        token = self.peek
        if token is None:
            return False
        if token.kind == "number":
            # `x 2` and `2 3` are two answers or a mistake; `\sqrt{2} 3` and `2^6 3^5` are products.
            before = self._source[self._at - 1]
            return before.text in ("}", ")", "]") or (self._at >= 2 and self._source[self._at - 2].text == "^")
        if token.kind == "symbol":
            return True
        if token.kind == "sign":
            return token.text in ("(", "{") or (token.text == "[") or (token.text == "|" and not self._bars)
        if token.kind != "command":
            return False
        name = token.text[1:]
        return (
            token.text in _CONSTANTS or token.text in ("\\{", "\\lfloor", "\\lceil", "\\frac", "\\sqrt", "\\binom", "\\sum", "\\prod")
            or name in FUNCTIONS or name in _LETTER_COMMANDS or name in _ACCENTS or name in _PREFIXES
        )  # fmt: skip

    def _power(self) -> Node:
        base = self._behind(self._atom())
        if not self._take("^"):
            return base
        if self._is("'"):
            raise Unreadable("a prime in an exponent")
        exponent = self._exponent()
        return self._behind(Node("power", (base, exponent)))

    def _exponent(self) -> Node:
        if self._take("-"):
            return Node("negative", (self._exponent(),))
        self._take("+")
        if self._is("{"):
            return self._group()
        inner = self._digit_or_atom()
        return Node("power", (inner, self._exponent())) if self._take("^") else inner

    def _digit_or_atom(self) -> Node:
        token = self.peek
        if token is not None and token.kind == "number":
            self._at += 1
            return literal(token.text)
        return self._behind(self._atom())

    def _behind(self, node: Node) -> Node:
        while True:
            if self._take("!"):
                node = Node("factorial", (node,))
            elif self._take("%"):
                node = Node("percent", (node,))
            elif self._take("\\degree"):
                node = Node("degrees", (node,))
            else:
                return node

    def _atom(self) -> Node:
        token = self._next()
        if token.kind == "number":
            return literal(token.text)
        if token.kind == "symbol":
            return self._symbol(token.text)
        if token.kind == "sign" and token.text in ("(", "[", "{", "|"):
            self._at -= 1
            return self._group()
        if token.kind == "command":
            return self._command(token.text)
        raise Unreadable(f"{token.text!r} is not mathematics")

    def _group(self) -> Node:
        opening = self._next().text
        closing = _BRACKETS[opening]
        if opening == "|":
            self._bars += 1
            node = self.sum()
            self._expect("|")
            self._bars -= 1
            return Node("abs", (node,))
        bars, self._bars = self._bars, 0
        node = self.sum()
        self._bars = bars
        if closing in (")", "]") and self._is(",") and opening == "(":
            raise Unreadable("a tuple inside an expression")
        self._expect(closing)
        if opening in ("\\lfloor", "\\lceil"):
            return Node({"\\lfloor": "floor", "\\lceil": "ceil"}[opening], (node,))
        if opening == "\\{":
            raise Unreadable("a set inside an expression")
        return node

    def _symbol(self, name: str) -> Node:
        if name == "e" and not self._is("_"):
            return Node("constant", name="e")
        if name == "i" and not self._is("_"):
            return Node("constant", name="i")
        argument = self._subscript()
        while self._take("'"):
            name += "'"
        if isinstance(argument, Node):
            return Node("call", (argument,), name)
        name += argument
        if self._is("(") and (name[0] in "fghFGPQW" or "'" in name):
            return Node("call", self._arguments(), name)
        return Node("symbol", name=name)

    def _subscript(self) -> "str | Node":
        """What stands below: digits and words are part of a name, an expression in an index is an argument."""
        if not self._take("_"):
            return ""
        if not self._is("{"):
            token = self._next()
            if token.kind == "number":
                return f"_{token.text}"
            if token.kind == "symbol":
                return Node("symbol", name=token.text) if token.text in _INDEX else f"_{token.text}"
            raise Unreadable("a subscript is expected")
        start = self._at
        inner = []
        self._at += 1
        while not self._is("}"):
            inner.append(self._next().text)
        self._at += 1
        if (len(inner) == 1 and inner[0] not in _INDEX) or all(piece.isalnum() and piece not in _INDEX for piece in inner):
            return "_" + "".join(inner)
        self._at = start
        return self._group()

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        found = [self.sum()]
        while self._take(","):
            found.append(self.sum())
        self._expect(")")
        return tuple(found)

    def _command(self, text: str) -> Node:
        name = text[1:]
        if text in _CONSTANTS:
            return Node("constant", name=_CONSTANTS[text])
        if text in ("\\lfloor", "\\lceil"):
            self._at -= 1
            return self._group()
        if name == "frac":
            above = self._argument()
            return Node("divide", (above, self._argument()))
        if name == "sqrt":
            return self._root()
        if name == "binom":
            above = self._argument()
            return Node("binomial", (above, self._argument()))
        if name in ("sum", "prod"):
            return self._series("sum" if name == "sum" else "product")
        if name in FUNCTIONS:
            return self._function(name)
        if name in _LETTER_COMMANDS:
            return self._symbol(text)
        if name in _ACCENTS or name in _PREFIXES:
            return self._named(name)
        raise Unreadable(f"{text!r} is not known")

    def _named(self, mark: str) -> Node:
        r"""A name under a mark, such as `\vec{v}` or `\angle ABC`."""
        inner: list[str] = []
        if self._take("{"):
            while not self._is("}"):
                inner.append(self._next().text)
            self._at += 1
        else:
            inner.append(self._next().text)
            while mark in _PREFIXES and (token := self.peek) is not None and token.kind == "symbol":
                inner.append(self._next().text)
        return Node("symbol", name=f"{mark} {''.join(inner)}")

    def _argument(self) -> Node:
        r"""What a fraction or a root takes: a group, or one digit or letter, as TeX does in `\frac12`."""
        if self._is("{"):
            return self._group()
        token = self.peek
        if token is not None and token.kind == "number" and token.text.isdigit():
            self._at += 1
            if len(token.text) > 1:
                rest = Token("number", token.text[1:])
                self._source = [*self._source[: self._at], rest, *self._source[self._at :]]
            return literal(token.text[0])
        return self._atom()

    def _root(self) -> Node:
        degree = number(2)
        if self._take("["):
            degree = self.sum()
            self._expect("]")
        token = self.peek
        if token is not None and token.kind == "number":
            # `\sqrt12` is read as people mean it, not as TeX does.
            self._at += 1
            return Node("root", (literal(token.text), degree))
        return Node("root", (self._argument(), degree))

    def _function(self, name: str) -> Node:
        base = None
        if name == "log" and self._take("_"):
            base = self._argument()
        power = self._exponent() if self._take("^") else None
        if name == "log" and base is None and self._take("_"):
            base = self._argument()
        if name in _INVERSE and power == Node("negative", (number(1),)):
            name, power = _INVERSE[name], None
        arguments = self._arguments() if name in _SEVERAL else (self._operand(),)
        node = Node(name, (*arguments, base) if base is not None else arguments)
        return node if power is None else Node("power", (node, power))

    def _operand(self) -> Node:
        r"""What a function takes: `\sin 2x` is sin(2x), `\sin x \cos y` a product, `\sin(x)^2` the square of a sine."""
        if self._is("("):
            return self._group()
        if self._is("[", "{", "|"):
            group = self._group()
            return Node("power", (group, self._exponent())) if self._is("^") and self._take("^") else group
        if self._take("-"):
            return Node("negative", (self._operand(),))
        left = self._power()
        while (token := self.peek) is not None and not self._is("(", "[") and self._starts_factor():
            if token.kind == "command" and token.text[1:] in FUNCTIONS - {"sqrt"}:
                break
            left = Node("multiply", (left, self._power()))
        if self._is("/") and self._at + 1 < len(self._source) and self._source[self._at + 1].kind == "number":
            self._at += 1
            left = Node("divide", (left, self._power()))
        return left

    def _series(self, op: str) -> Node:
        self._expect("_")
        self._expect("{")
        index = self._next()
        if index.kind != "symbol":
            raise Unreadable("a sum needs an index")
        self._expect("=")
        low = self.sum()
        self._expect("}")
        self._expect("^")
        high = self._exponent()
        return Node(op, (low, high, self._product()), index.text)
