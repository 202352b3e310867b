"""The step `verify`: every trace comes out with a verdict, in its order, and the counts are told."""

from itertools import chain

import pytest
from tests.curate.traces import problem, trace
from tests.steps.alone import Alone, write_lines

from nemoflow.config import identity
from nemoflow.errors import InputError, Stopped
from nemoflow.steps.verify import VERIFY


def alone(tmp_path, problems, traces, **fields):
    inputs = {"problems": write_lines(tmp_path / "problems.jsonl", problems), "traces": write_lines(tmp_path / "traces.jsonl", traces)}
    return Alone(VERIFY, inputs, tmp_path / "root", **fields)


PROBLEMS = [problem(1), problem(2, category="product"), problem(3, gold=None)]
TRACES = [
    trace("a", verdict=None),
    trace("b", verdict=None, answer="5"),
    trace("c", verdict=None, number=2, category="product", response="cut \\boxed{4}", finish="length"),
    trace("d", verdict=None, number=3),
    trace("e", verdict=None, response="", error="HTTP 500", finish="error"),
    trace("f", verdict=None, response="no answer"),
]


def test_every_trace_has_a_verdict_and_nothing_else_changed(tmp_path):
    step = alone(tmp_path, PROBLEMS, TRACES)
    manifest = step.run()
    rows = step.rows(manifest, "traces")
    assert [row.model_copy(update={"verdict": None}) for row in rows] == TRACES
    assert [(row.verdict.verdict, row.verdict.rule) for row in rows] == [
        ("right", "competition"),
        ("wrong", "competition"),
        ("right", "competition"),
        ("unclear", "no-gold"),
        ("wrong", "error"),
        ("wrong", "competition"),
    ]
    assert "cut off" in rows[2].verdict.reason


def test_verdicts_are_counted_and_pass_rates_told_by_category(tmp_path):
    metrics = alone(tmp_path, PROBLEMS, TRACES).run().metrics
    assert {name: metrics[name] for name in ("right", "wrong", "unclear")} == {"right": 2, "wrong": 3, "unclear": 1}
    assert metrics["pass_rate.product"] == 1.0
    assert metrics["pass_rate.sum"] == 0.2
    assert metrics["rule.error"] == 1


def test_symbolic_equality_is_used_where_it_is_asked_for(tmp_path):
    step = alone(tmp_path, [problem(1, gold="0.5")], [trace("a", verdict=None, answer=r"\frac{1}{2}")])
    assert step.rows(step.run("by-text"), "traces")[0].verdict.verdict == "wrong"
    manifest = step.run("by-symbols", metric="symbolic", workers=1)
    assert step.rows(manifest, "traces")[0].verdict.verdict == "right"
    assert manifest.engines["math-verify"].startswith("0.9")


def test_shards_together_verify_what_one_does(tmp_path):
    problems = [problem(number) for number in range(1, 20)]
    traces = [trace(f"t{number}-{sample}", verdict=None, number=number) for number in range(1, 20) for sample in range(2)]
    step = alone(tmp_path, problems, traces)
    whole = step.rows(step.run("whole"), "traces")
    parts = list(chain.from_iterable(step.rows(step.run("parts", shards=3, index=index), "traces") for index in range(3)))
    assert len(parts) >= len(whole)
    assert {row.id: row for row in parts} == {row.id: row for row in whole}


def test_a_trace_of_no_problem_and_a_problem_twice_are_named(tmp_path):
    with pytest.raises(InputError, match=r"trace a: problem_id 'p1' is no problem of .*problems\.jsonl"):
        alone(tmp_path, [problem(2)], [trace("a")]).run()
    with pytest.raises(InputError, match=r"row 2: id 'p1' is also that of row 1"):
        alone(tmp_path, [problem(1), problem(1)], [trace("a")]).run()


def test_a_run_that_is_asked_to_stop_stops(tmp_path):
    step = alone(tmp_path, [problem(1)], [trace(f"t{number}", verdict=None) for number in range(600)], stopping=lambda: True)
    with pytest.raises(Stopped, match="verify"):
        step.run()


@pytest.mark.parametrize("field", [{"timeout_s": 1.0}, {"memory_mb": 512}])
def test_what_decides_between_right_and_unclear_is_part_of_the_identity(field):
    assert identity(VERIFY.config(**field)) != identity(VERIFY.config())
    assert identity(VERIFY.config(workers=7)) == identity(VERIFY.config())


@pytest.mark.parametrize("empty", ["traces", "problems"])
def test_an_empty_input_is_refused_by_its_address(tmp_path, empty):
    step = alone(tmp_path, PROBLEMS, TRACES)
    write_lines(step.inputs[empty], [])
    with pytest.raises(InputError, match=rf"{empty}\.jsonl: the input {empty} holds no rows"):
        step.run()


def test_a_trace_is_not_judged_by_the_gold_of_another_problem_with_its_id(tmp_path):
    with pytest.raises(InputError, match=r"traces\.jsonl: problem id 'p1' stands for 'Another\?' here"):
        alone(tmp_path, [problem(1)], [trace("a", statement="Another?", verdict=None)]).run()


def test_more_traces_are_verified_behind_the_others_and_must_be_of_the_same_problems(tmp_path):
    step = alone(tmp_path, PROBLEMS, TRACES)
    step.inputs["more"] = write_lines(tmp_path / "more.jsonl", [trace("g", verdict=None, meta={"mode": "low+python"})])
    manifest = step.run()
    assert [row.id for row in step.rows(manifest, "traces")] == ["a", "b", "c", "d", "e", "f", "g"]
    assert manifest.metrics["pass_rate.mode.low+python"] == 1.0
    step.inputs["more"] = write_lines(tmp_path / "more.jsonl", [trace("g", verdict=None, number=9)])
    with pytest.raises(InputError, match=r"more\.jsonl: trace g: problem_id 'p9' is no problem of .*problems\.jsonl"):
        step.run("other")
