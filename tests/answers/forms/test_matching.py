r"""Answers that mean the same are the same, whichever way they are written; others never are; and nothing takes long."""

import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemoflow.answers.cheap import settle
from nemoflow.answers.forms.matching import matched
from nemoflow.answers.forms.tokens import Unreadable
from nemoflow.answers.symbolic import SymbolicPool

PAIRS = [line.split("\t") for line in (Path(__file__).parent.parent / "pairs.tsv").read_text().splitlines()[1:]]
FRACTIONS = st.fractions(min_value=-1000, max_value=1000, max_denominator=97)
PIECES = [*"0123456789xyne+-*/^_=<>(),;:{}[]|!%. $\\'", "\\frac", "\\sqrt", "\\text{", "\\cup", "\\pm", "\\le", " or ", "\\sin"]
LATEX = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
SECONDS = 2.0
"""What the slowest comparison of random texts may take; the median is below a millisecond."""


def latex(value: Fraction) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def same(gold, answer):
    settled = settle(gold, answer)
    return settled is not None and settled[0]


def test_the_pairs_have_the_verdict_that_a_person_gave_them():
    with SymbolicPool() as pool:
        findings = pool.compare((gold, answer) for _, gold, answer, _ in PAIRS)
        differing = [(*pair, finding.verdict) for pair, finding in zip(PAIRS, findings, strict=True) if finding.verdict != pair[3]]
    assert len(PAIRS) > 450
    assert not [row for row in differing if row[3] == "wrong"], "false positives"
    assert not differing


@given(FRACTIONS, FRACTIONS)
def test_fractions_are_the_same_exactly_if_their_values_are(one, other):
    assert same(latex(one), f"{other.numerator}/{other.denominator}") is (one == other)
    assert same(latex(one), f"({other.numerator})/({other.denominator})") is (one == other)


@given(st.integers(-(10**12), 10**12), st.integers(1, 9), st.integers(10, 99))
def test_mixed_numbers_are_sums_and_periods_are_fractions(whole, above, below):
    value = abs(whole) + Fraction(above, below)
    assert same(latex(value), f"{abs(whole)}\\frac{{{above}}}{{{below}}}")
    assert same(f"\\frac{{{below}}}{{99}}", f"0.\\overline{{{below}}}")


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_sets_and_lists_are_the_same_in_any_order_and_tuples_are_not(numbers, random):
    shuffled = random.sample(numbers, len(numbers))
    one, other = ", ".join(map(str, numbers)), ", ".join(map(str, shuffled))
    assert same(one, other)
    assert same(f"\\{{{one}\\}}", f"\\{{{other}\\}}")
    assert same(f"({one})", f"({other})") is (numbers == shuffled)
    assert not same(one, other.rpartition(",")[0])


@given(st.integers(1, 9), st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 5))
def test_a_product_is_its_expansion_and_not_another_polynomial(a, b, c, change):
    product = f"({a}x+({b}))(x+({c}))"
    assert same(product, f"{a}x^2+({a * c + b})x+({b * c})")
    assert not same(product, f"{a}x^2+({a * c + b})x+({b * c + change})")


@given(st.integers(-20, 20), st.integers(1, 20), st.booleans(), st.booleans())
def test_an_interval_is_its_inequality_and_its_ends_count(low, width, low_closed, high_closed):
    interval = f"{'[' if low_closed else '('}{low}, {low + width}{']' if high_closed else ')'}"
    signs = ["\\le" if closed else "<" for closed in (low_closed, high_closed)]
    assert same(interval, f"{low} {signs[0]} x {signs[1]} {low + width}")
    assert not same(interval, f"{low - 1} {signs[0]} x {signs[1]} {low + width}")
    assert not same(interval, f"{low} {'<' if low_closed else '<='} x {signs[1]} {low + width}")


@given(st.integers(1, 10**6), st.integers(1, 5))
def test_a_number_is_not_itself_written_twice_nor_with_digits_more(number, digits):
    assert not same(str(number), str(number) * 2)
    assert not same(str(number), f"{number}{'1' * digits}")
    assert not same(str(number), f"{number} {number}")


@settings(max_examples=300)
@given(LATEX, LATEX)
def test_any_two_texts_are_compared_in_a_moment_and_without_a_crash(gold, answer):
    begun = time.process_time()
    settle(gold, answer)
    settle(gold, gold + " ")
    assert time.process_time() - begun < SECONDS


@given(LATEX)
def test_what_is_read_equals_itself(text):
    with suppress(Unreadable):
        assert matched(text, text).is_same


@pytest.mark.parametrize(
    "hostile",
    [
        "9^{9^{9^9}}", "(((" * 500, "{" * 3000 + "1" + "}" * 3000, "10^{10^{10}}!", "\\sqrt{" * 200, "1/" * 1500 + "1", "-" * 3000 + "1",
        "\\sum_{k=1}^{10^9} k", "\\binom{10^9}{5*10^8}", "((x+1)^{999})^{999}", "\\sin(10^{300})", "1e999999999", "2^{-10^{12}}",
        ",".join(map(str, range(1500))), "\\frac" * 800, "|" * 900, "\\text{" * 400, " ".join("1" * 1500), "\\boxed{" * 300 + "1",
        "x" * 3000, "(1+" * 800 + "1" + ")" * 800, "\\lfloor 10^{5000} \\rfloor", "0." + "3" * 3000, "e^{e^{e^{e^{e}}}}",
    ],
)  # fmt: skip
def test_hostile_answers_cost_a_moment_each(hostile):
    begun = time.process_time()
    settle("5", hostile)
    settle(hostile, "x+1")
    settle(hostile, hostile + "+1")
    assert time.process_time() - begun < 3 * SECONDS
