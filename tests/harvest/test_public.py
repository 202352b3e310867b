from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.competition import extract, verify
from nemoflow.harvest.public import PublicTraces, reasoning
from nemoflow.prompts.chat import split_response, user_message
from nemoflow.records import Problem

DATA = Path(__file__).parents[3] / "shared" / "data"


def problem(solution, gold="18"):
    return Problem(id="p", statement="How many?", gold=gold, category="c", source="set", meta={"solution": solution} if solution else {})


def test_a_gsm8k_solution_loses_its_calculator_marks_and_its_final_line():
    trace = next(iter(PublicTraces([problem("Two a day: 2 * 4 = <<2*4=8>>8.\nWith ten: $<<8+10=18>>18.\n#### 18")])))
    assert trace.response == "<think>\nTwo a day: 2 * 4 = 8.\nWith ten: $18.\n</think>\n\\boxed{18}"
    assert trace.messages[-1].content == user_message("How many?")
    assert (trace.source, trace.model, trace.answer) == ("public", "set", "18")


@pytest.mark.parametrize(
    ("solution", "text"),
    [
        (r"so $\boxed{\frac{1}{2}}$.", r"so $\frac{1}{2}$."),
        (r"\boxed{a}, then \boxed{b}", "a, then b"),
        (r"nested \boxed{x \boxed{y}}", "nested x y"),
        (r"open \boxed{x", r"open \boxed{x"),
        (r"set \boxed{\{1, 2\}} here", r"set \{1, 2\} here"),
        ("one\n\n[asy]\ndraw(x);\n[/asy]\n\ntwo", "one\n\ntwo"),
        ("line  \r\nnext", "line\nnext"),
        ("a << b", "a << b"),
    ],
)
def test_what_a_solution_marks_is_taken_out_of_the_reasoning(solution, text):
    assert reasoning(solution) == text


@pytest.mark.parametrize(
    ("solution", "gold", "reason"),
    [(None, "1", "no-solution"), (" ", "1", "no-solution"), ("so 1", None, "no-gold"), ("\n#### 18", "18", "no-reasoning")],
)
def test_a_problem_without_a_usable_solution_is_dropped_with_its_reason(solution, gold, reason):
    traces = PublicTraces([problem(solution, gold), problem("2 * 9\n#### 18")])
    assert len(list(traces)) == 1
    assert (traces.read, traces.dropped) == (2, {reason: 1})


def test_each_of_several_solutions_is_a_trace_with_the_sets_provenance_and_thinking_is_not_nested():
    meta = {"solution": "2 * 9", "solutions": ["2 * 9", "<think>\n9 + 9\n</think>\n\\boxed{18}"], "licence": "MIT", "revision": "abc"}
    several = Problem(id="p", statement="How many?", gold="18", category="c", source="set", meta=meta)
    first, second = PublicTraces([several])
    assert second.response == "<think>\n9 + 9\n</think>\n\\boxed{18}"
    assert first.id != second.id
    assert first.meta == second.meta == {"licence": "MIT", "revision": "abc"}


@given(st.text(alphabet="ab{}\\ \nboxed<>=#1"))
def test_any_solution_gives_reasoning_without_closed_boxes_or_marks(solution):
    text = reasoning(solution + r"\boxed{7}")
    assert r"\boxed{7}" not in text
    assert text == text.strip()


@pytest.mark.parametrize(("name", "source"), [("gsm8k_train", "gsm8k"), ("math_test_5000", "math")])
def test_every_solution_of_a_real_set_becomes_a_trace_that_the_metric_counts(name, source):
    from nemoflow.problems.catalog import read

    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here (../shared/data)")
    problems = read(source, path)
    traces = list(PublicTraces(problems))
    assert len(traces) == len(problems)
    assert len({trace.id for trace in traces}) == len(traces)
    golds = {each.id: each.gold for each in problems}
    for trace in traces:
        thinking, final = split_response(trace.response)
        assert "\\boxed{" not in thinking
        assert "<<" not in thinking
        assert thinking
        assert final.startswith("\\boxed{")
        assert verify(golds[trace.problem_id], extract(trace.response))
