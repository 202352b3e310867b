r"""What stands in an answer for looks only is taken off or written in one way; what it says stays.

>>> cleaned(r"$\left(3,\, \dfrac{\pi}{2}\right)$."), cleaned("−1 1⁄2 ")
('(3, \\frac{\\pi}{2})', '-(1+1/2)')
"""

import re
import unicodedata

# ruff: noqa: RUF001, RUF002
from nemoflow.answers.forms.tokens import LONGEST, Unreadable

DEEPEST = 10
"""Brackets around a whole answer that are taken off."""
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SYMBOLS = {
    "\u2212": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∗": "*", "÷": "/",
    "\u2044": "/", "\u2215": "/", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ",
    "∈": r"\in ", "∪": r"\cup ", "∩": r"\cap ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}",
    "°": r"^\circ ", "º": r"^\circ ", "±": r"\pm ", "∓": r"\mp ", "√": r"\sqrt ", "∛": r"\sqrt[3]", "′": "'", "’": "'", "‘": "'", "，": ",",
    "；": ";", "：": ":", "（": "(", "）": ")", "［": "[", "］": "]", "。": ".", "％": "%", "＝": "=", "＋": "+", "½": r"\frac{1}{2}",
    "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "⅕": r"\frac{1}{5}", "⅙": r"\frac{1}{6}",
    "⅛": r"\frac{1}{8}", "⅜": r"\frac{3}{8}", "⅝": r"\frac{5}{8}", "⅞": r"\frac{7}{8}", "\u00a0": " ", "\u202f": " ", "\u2009": " ",
    "或": " or ", "和": " and ", "、": ",", "٫": ".", "٬": ",", "٪": "%",
    "\u200b": "", "\ufeff": "", "∧": r"\land ", "∨": r"\lor ", "→": r"\to ", "∖": r"\setminus ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "⌈": r"\lceil ", "⌉": r"\rceil ", "∣": "|", "∑": r"\sum ", "∠": r"\angle ", "△": r"\triangle ", "“": '"', "”": '"',
}  # fmt: skip
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "  # noqa: SIM905
        "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
        strict=True,
    )
)
_CHARACTERS = str.maketrans(_SYMBOLS | {letter: f"\\{name} " for letter, name in _GREEK.items()})
_SUPER = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+")
_SUB = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")

_DOUBLED = re.compile(r"\\\\(?=[A-Za-z]{2}|[{}()\[\]])")
_SINGLE = re.compile(r"(?<!\\)\\(?=[A-Za-z])")
_DOUBLED_COMMAND = re.compile(r"\\\\(?=(?:[dt]?frac|sqrt|text)\s*\{)")
_BARE_COMMAND = re.compile(r"(?<![\\A-Za-z])(?=(?:[dt]?frac|sqrt)\s*\{)")
_POINTS_GROUP = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}(?![\d.])")
_COMMA = re.compile(r"(?<=\d)\s*(?:\{\s*,\s*\}|,\s*\\!)\s*(?=\d)")
_TEX_GROUP = re.compile(r"\s*\$\s*(?<!\\)\{([^{}$\\]*)\}\s*\$\s*")
"""Braces in a formula of TeX only group: `${1,3}$` shows 1,3, while `{1,3}` outside of one is meant as a set."""
_DELIMITERS = re.compile(r"(?<!\\)\\[()\[\]]|\$|(?<!\S)\*\*(?=\S)|(?<=\S)\*\*(?!\S)|(?<!\\)\\(?=\s*$)|`")
_MONEY = re.compile(r"\\\$|\\(?:pounds|euro)(?![A-Za-z])|[€£¥₹]|\bUSD\b")
_PERCENT = re.compile(r"(?<=[\d}) ])(?:\\text\{\s*)?(?:percent(?:age)?(?:\s+points?)?|pct)\b\.?\s*\}?")
_ZEROS = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_LARGE = re.compile(r"(?<=\d)\s*(?:\\text\{\s*)?(thousand|million|billion|trillion)\b\s*\}?", re.IGNORECASE)
_PRINTED = re.compile(r"\b(?:Fraction|Rational)\(\s*([-+]?\d+)\s*,\s*(\d+)\s*\)")
_PRINTED_WHOLE = re.compile(
    r"\b(?:Fraction|Rational|Integer|Float|Decimal|mpf|(?:np\.)?(?:int|float)(?:32|64))\(\s*'?([-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?)'?\s*\)"
)
_GLUED = re.compile(r"(?<=[\d)}\]])(or|and)(?=[A-Z\d(\\{\[])")
_SIZES = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|middle)(?![A-Za-z])\.?|\\(?:displaystyle|textstyle|limits|nolimits|scriptstyle|rm|bf|it|no(?:indent|break))"
    r"(?![A-Za-z])"
)
_SPACES = re.compile(
    r"(?<!\\)\\[,;:!> ]|~|\\q?quad|\\(?:[hv]space|phantom|hphantom)\*?\{[^{}]*\}|\\(?:thinspace|enspace|medspace)(?![A-Za-z])"
)
_FRACTION = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_TEXT = re.compile(
    r"\\(?:text|mbox|hbox|textbf|textit|textrm|textnormal|textsf|texttt|textup|mathrm|mathbf|mathit|mathsf|mathtt|boldsymbol|bm|operatorname\*?|"
    r"emph|underline|mathcal|mathnormal|em|textsc)\s*\{((?:[^{}]|\{[^{}]*\})*)\}"
)
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![A-Za-z])|\\circ(?=\s*[CF]?\s*$)")
_WORDED_DEGREES = re.compile(
    r"(?<=[\d})])\s*(?:\\text\{\s*)?degrees?\s*\}?(?=$|[\s,;)])(?!\s*(?:\\text\{\s*)?(?:C|F|Celsius|Fahrenheit)\b)"
)
_MIXED = re.compile(r"(?<![\d.^_{/a-zA-Z)\]])(\d+)\s+(\d+)\s*/\s*(\d+)(?![\d.])")
_MIXED_LATEX = re.compile(r"(?<![\d.^_/a-zA-Z)\]}])(\d+)\s*\\frac\s*(?:\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}|(\d)\s*(\d))(?![\d.])")
_REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*\{\s*(\d{1,30})\s*\}")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[ ]\d{3})+(?![\d,]|\s\d)")
_REPLACED = (
    (re.compile(r"\\(?:leqslant|leqq|leq|le)(?![A-Za-z])"), "<="),
    (re.compile(r"\\(?:geqslant|geqq|geq|ge)(?![A-Za-z])"), ">="),
    (re.compile(r"\\(?:neq|ne)(?![A-Za-z])|\\not\s*="), "!="),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"\\(?:cdot|times|ast|bullet)(?![A-Za-z])"), "*"),
    (re.compile(r"\\div(?![A-Za-z])"), "/"),
    (re.compile(r"\\(?:lvert|rvert|vert|mid)(?![A-Za-z])"), "|"),
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\(?:lparen|langle)(?![A-Za-z])"), "("),
    (re.compile(r"\\(?:rparen|rangle)(?![A-Za-z])"), ")"),
    (re.compile(r"\\(?:varnothing|O)(?![A-Za-z])|\\\{\s*\\\}"), r"\\emptyset "),
    (re.compile(r"\\colon(?![A-Za-z])"), ":"),
    (re.compile(r"\\(?:simeq|sim|doteq|fallingdotseq)(?![A-Za-z])"), r"\\approx "),
    (re.compile(r"\\(?:lor|vee)(?![A-Za-z])"), " or "),
    (re.compile(r"\\(?:land|wedge)(?![A-Za-z])"), " and "),
    (re.compile(r"\\(?:mathbb|Bbb)\s*\{?\s*([A-Z])\s*\}?"), r"\\set\1 "),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\&"), " and "),
    (re.compile(r"\\#"), "#"),
    (re.compile(r"\\_"), " "),
    (re.compile(r"\\ldots|\\cdots|\\dots[cbmi]?|\.\.\.|…"), r"\\ldots "),
)
_LETTER_OR_FUNCTION = re.compile(
    r"[A-Za-z]|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh|ln|log|lg|exp|gcd|lcm|max|min|det|deg|sgn|mod"
)
_BLANKS = re.compile(r"\s+")


def cleaned(answer: str) -> str:
    """The answer without delimiters, sizes, spaces and fonts of LaTeX, with one sign for each relation, mixed numbers as sums.

    Raises:
        Unreadable: it is longer than LONGEST.
    """
    if len(answer) > LONGEST:
        raise Unreadable(f"an answer of {len(answer):,} characters; at most {LONGEST:,} are read")
    text = _latinised(answer)
    if group := _TEX_GROUP.fullmatch(text):
        text = group.group(1)
    if _DOUBLED.search(text) and not _SINGLE.search(text):
        text = text.replace("\\\\", "\\")
    elif "\\begin" not in text:
        text = _DOUBLED_COMMAND.sub(r"\\", text)
    if "(" in text:
        text = _PRINTED_WHOLE.sub(r"\1", _PRINTED.sub(r"(\1/\2)", text))
    text = _BARE_COMMAND.sub(r"\\", text)
    text = _POINTS_GROUP.sub(lambda match: match.group().replace(".", ""), text)
    text = _COMMA.sub(",", text)
    text = _MONEY.sub(" ", text)
    text = _LARGE.sub(lambda match: f"*10^{_ZEROS[match.group(1).lower()]} ", text)
    text = _GLUED.sub(r" \1 ", _PERCENT.sub("%", _DELIMITERS.sub(" ", text)))
    if "\\" in text:
        text = _without_looks(text)
    text = _MIXED.sub(_mixed, text) if "/" in text else text
    text = _GROUPED.sub(lambda match: match.group().replace(" ", ""), text)
    return _trimmed(_BLANKS.sub(" ", text))


def with_ascii_digits(text: str) -> str:
    """Digits of other scripts and fonts (full width, Arabic-Indic, bold) as 0 to 9."""
    return text if text.isascii() else "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def _latinised(answer: str) -> str:
    if answer.isascii():
        return answer
    answer = with_ascii_digits(answer)
    text = _SUPER.sub(lambda match: "^{" + match.group().translate(_SUPERSCRIPTS) + "}", answer)
    return _SUB.sub(lambda match: "_{" + match.group().translate(_SUBSCRIPTS) + "}", text).translate(_CHARACTERS)


def _without_looks(text: str) -> str:
    text = _SPACES.sub(" ", _SIZES.sub(" ", text))
    text = _FRACTION.sub(r"\\frac", text)
    text = _BOX.sub(r" \1 ", text)
    text = _TEXT.sub(_plain_text, text)
    text = _WORDED_DEGREES.sub(r"\\degree ", _DEGREES.sub(r"\\degree ", text))
    text = _REPEATING.sub(_repeating, text)
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return _MIXED_LATEX.sub(_mixed, text)


def _plain_text(match: re.Match[str]) -> str:
    r"""One way to mark text; a letter and a function's name in a font of text are themselves, as in `\mathrm{e}`."""
    content = match.group(1).strip()
    if len(content) > 1 and _LETTER_OR_FUNCTION.fullmatch(content):
        return f"\\{content} "
    if len(content) == 1 and content.isalpha():
        return f" {content} "
    bare = content.replace("{", "").replace("}", "")
    return f"\\text{{{bare}}}" if re.search(r"[A-Za-z]", bare) else f" {bare} "


def _mixed(match: re.Match[str]) -> str:
    whole, *rest = [part for part in match.groups() if part is not None]
    numerator, denominator = rest
    if len(whole) + len(numerator) + len(denominator) > 60 or not 0 < int(numerator) < int(denominator):
        return match.group()
    return f"({whole}+{numerator}/{denominator})"


def _repeating(match: re.Match[str]) -> str:
    r"""`0.1\overline{6}` is 15/90."""
    whole, start, period = match.groups()
    if len(whole) + len(start) > 60:
        return match.group()
    numerator = int((whole or "0") + start + period) - int((whole or "0") + start)
    return f"({numerator}/{(10 ** len(period) - 1) * 10 ** len(start)})"


def _trimmed(text: str) -> str:
    text = text.strip()
    for _ in range(DEEPEST):
        shorter = text.rstrip(".,;:\\ ").lstrip(",;: ")
        if len(shorter) > 2 and shorter[0] == shorter[-1] == '"':
            shorter = shorter[1:-1].strip()
        if shorter.startswith("{") and shorter.endswith("}") and "," not in shorter and _is_one_group(shorter):
            shorter = shorter[1:-1].strip()
        if shorter == text:
            return text
        text = shorter
    return text


def _is_one_group(text: str) -> bool:
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return at == len(text) - 1
    return False
