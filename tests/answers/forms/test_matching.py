r"""Answers that mean the same are the same, whichever way they are written; others never are; and nothing takes long."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemoflow.answers.cheap import settle
from nemoflow.answers.forms.matching import matched
from nemoflow.answers.forms.tokens import Unreadable
from nemoflow.answers.symbolic import SymbolicPool

PAIRS = [line.split("\t") for line in (Path(__file__).parent.parent / "pairs.tsv").read_text().splitlines()[1:]]
PIECES = [*"0123456789xyne+-*/^_=<>(),;:{}[]|!%. $\\'", "\\frac", "\\sqrt", "\\text{", "\\cup", "\\pm", "\\le", " or ", "\\sin"]
LATEX = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
SECONDS = 2.0
"""What the slowest comparison of random texts may take; the median is below a millisecond."""


def test_the_pairs_have_the_verdict_that_a_person_gave_them():
    with SymbolicPool() as pool:
        findings = pool.compare((gold, answer) for _, gold, answer, _ in PAIRS)
        differing = [(*pair, finding.verdict) for pair, finding in zip(PAIRS, findings, strict=True) if finding.verdict != pair[3]]
    assert len(PAIRS) > 450
    assert not [row for row in differing if row[3] == "wrong"], "false positives"
    assert not differing


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
