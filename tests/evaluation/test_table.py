import pytest
from tests.evaluation.made import attempt, problem

from nemoflow.errors import InputError
from nemoflow.evaluation.page_table import table_page, table_text
from nemoflow.evaluation.score import verify_rollouts
from nemoflow.evaluation.table import Evaluated, compare_all

PROBLEMS = [problem(index) for index in range(10)]
LOCAL = {"engine": "transformers", "max_new_tokens": 100}


def evaluated(name, right, samples=1, config=LOCAL, **fields):
    """The first `right` problems are solved, in every sample."""
    traces = [
        attempt(row, "XII" if index < right else "I").model_copy(update={"sample": sample})
        for index, row in enumerate(PROBLEMS)
        for sample in range(samples)
    ]
    return Evaluated(name, verify_rollouts(traces, {row.id: row for row in PROBLEMS}), config, **fields)


def test_each_is_compared_with_the_first_on_the_same_problems():
    fp8 = {"engine": "vllm", "quantization": "fp8"}
    first, second = compare_all(
        [
            evaluated("a", 4, engines={"transformers": "5.0", "dtype": "float32"}, metrics={"tokens_per_s": 50.0}),
            evaluated("b", 7, config=fp8, engines={"vllm": "0.33", "dtype": "bfloat16"}, metrics={"tokens_per_s": 900.0}),
        ]
    )
    assert (first.engine, first.precision, first.gain, first.tokens_per_s) == ("transformers 5.0", "float32", None, 50.0)
    assert (second.engine, second.precision) == ("vllm 0.33", "bfloat16, fp8 weights")
    assert (second.gain.points, second.gain.better, second.gain.worse) == (pytest.approx(30), 3, 0)
    assert 0 <= second.gain.low < 30 < second.gain.high
    assert second.to_json()["accuracy"] == 0.7


def test_samples_are_drawn_with_their_problem():
    once, often = (compare_all([evaluated("a", 4, n), evaluated("b", 7, n)])[1] for n in (1, 4))
    assert (often.gain.low, often.gain.high) == (once.gain.low, once.gain.high)
    assert often.tally.interval == pytest.approx(once.tally.interval)


def test_the_table_says_the_same_as_text_and_as_a_page_and_text_of_others_is_no_markup():
    rows = compare_all([evaluated("<b>a</b>", 4), evaluated("b", 7), evaluated("c", 4)])
    lines = table_text(rows).splitlines()
    assert len(lines) == 4
    assert "+30.0" in lines[2]
    assert "all alike" in lines[3]
    page = table_page(rows)
    assert "+30.0" in page
    assert "<b>a</b>" not in page


def test_what_was_not_asked_the_same_is_refused_with_the_problem():
    with pytest.raises(InputError, match=r"a and b were not asked the same: 10 and 20 attempts, problem 'numeral-000' \(sample 1\)"):
        compare_all([evaluated("a", 4), evaluated("b", 4, 2)])
    bare = Evaluated("bare", [attempt(PROBLEMS[0], "XII")])
    with pytest.raises(InputError, match="bare: row 1: verdict: missing"):
        compare_all([bare])
    with pytest.raises(InputError, match="none: holds no rollouts"):
        compare_all([Evaluated("none", [])])
