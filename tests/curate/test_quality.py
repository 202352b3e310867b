"""How a response is written: what is dropped for it, and that mathematics, whatever it looks like, is not."""

import gzip
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.traces import THINKING, trace

from nemoflow.curate import quality
from nemoflow.curate.pass_rate import ANY, Bounds, pass_rates, passes_rates
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.split import draw

CHECKS = [
    quality.does_not_refuse,
    quality.repeated_lines_at_most(0.5),
    quality.compresses_to_at_least(0.05),
    quality.foreign_letters_at_most(0.1),
    quality.has_steps(1),
]
RUSSIAN = "Теперь сложим эти числа и получим ответ."
CHINESE = "我们现在把这两个数字加起来得到最后的答案然后检查结果是否正确"


def reason(row, checks=CHECKS):
    return next((found for check in checks if (found := check(row))), "")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (trace(), ""),
        (trace(response=f"<think>{THINKING}</think>I'm sorry, but I cannot help with that."), "refusal"),
        (trace(response="As an AI language model, I do not solve puzzles."), "refusal"),
        (trace(response=f"<think>I cannot solve this by guessing, so count. {THINKING}</think>\\boxed{{4}}"), ""),
        (trace(thinking="Add two.\nAdd two again.\n" * 20), "repeated-lines"),
        (trace(thinking="\n".join(f"Step {number}: add {number}." for number in range(20))), ""),
        (trace(thinking="so 2 + 2 is 4, " * 200), "compressible"),
        (trace(thinking=f"{THINKING} {RUSSIAN}"), "language-drift"),
        (trace(thinking=f"{THINKING} {CHINESE}"), "language-drift"),
        (trace(thinking=RUSSIAN, statement="Сколько будет два плюс два?"), ""),
        (trace(thinking=f"{THINKING} Where α ∈ ℝ, Σ βγ ≤ ∞ and 𝑥 → ∂f, σ² = µ."), ""),  # noqa: RUF001
        (trace(thinking="Hm."), "too-few-steps"),
    ],
)
def test_a_trace_is_dropped_for_how_it_is_written(row, expected):
    assert reason(row) == expected


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_traces_of_the_puzzles_pass(kind):
    family = FAMILIES[kind]
    for problem in [problem for problem, _ in zip(draw(family, "train", 3), range(12), strict=False)]:
        row = trace(thinking=family.trace(problem.statement), statement=problem.statement)
        assert reason(row) == ""


def test_of_real_responses_only_the_garbled_ones_go():
    path = Path(__file__).parents[2].parent / "shared" / "data" / "math_cot_100x8_responses.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here (../shared/data)")
    rows = [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    found = [reason(trace(response=text, statement=row["question"])) for row in rows for text in row["response"]]
    assert len(found) == 800
    assert found.count("") >= 796
    assert set(found) <= {"", "language-drift"}


@given(st.text(), st.text())
def test_shares_are_shares_whatever_the_text(text, statement):
    row = trace(response=text)
    assert 0 <= quality.repeated_lines(text) <= 1
    assert 0 < quality.compressed(text) <= 1
    assert 0 <= quality.foreign_letters(text, statement) <= 1
    assert quality.steps(text) >= 0
    assert quality.does_not_refuse(row) in ("", "refusal")


@given(st.integers(1, 30))
def test_every_new_step_counts_once(count):
    text = "\n".join(f"Line {number} gives {number} + 1." for number in range(count))
    assert quality.steps(text) == quality.steps(text + "\n" + text) == count


def samples(right, total, mode=None, number=1, **fields):
    meta = {} if mode is None else {"mode": mode}
    verdicts = ["right"] * right + ["wrong"] * (total - right)
    return [trace(f"{mode}-{n}", verdict=verdict, number=number, meta=meta, **fields) for n, verdict in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("rows", "bounds", "expected"),
    [
        (samples(8, 8, "low"), {"low": Bounds(below=0.8)}, "too-easy"),
        (samples(4, 5, "low"), {"low": Bounds(below=0.8)}, "too-easy"),
        (samples(6, 8, "low"), {"low": Bounds(below=0.8)}, ""),
        (samples(8, 8, "high"), {"low": Bounds(below=0.8)}, ""),
        (samples(0, 8, "high"), {"high": Bounds(at_least=0.1)}, "too-hard"),
        (samples(8, 8), {"": Bounds(below=0.8)}, "too-easy"),
        (samples(8, 8, "low") + samples(0, 8, "high"), {ANY: Bounds(below=0.8)}, ""),
        (samples(8, 8, "low", source="rationalized"), {ANY: Bounds(below=0.8)}, ""),
    ],
)
def test_a_problem_out_of_the_bounds_of_a_mode_goes_with_all_its_traces(rows, bounds, expected):
    check = passes_rates(pass_rates(rows), bounds)
    assert {check(row) for row in rows} == {expected}


def test_rates_do_not_depend_on_the_order_and_count_what_came_back():
    rows = samples(3, 4, "low") + samples(1, 2, "high", number=2) + [trace("e", response="", error="HTTP 500", meta={"mode": "low"})]
    rates = pass_rates(rows)
    assert rates == pass_rates(Random(1).sample(rows, len(rows)))
    assert (rates["p1"]["low"].right, rates["p1"]["low"].total, rates["p2"][ANY].share) == (3, 4, 0.5)
