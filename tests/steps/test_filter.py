"""The step `filter`: what is kept, what is dropped and why, over all its inputs."""

import pytest
from pydantic import ValidationError
from tests.curate.traces import THINKING, trace
from tests.steps.alone import Alone, write_lines

from nemoflow.errors import InputError
from nemoflow.steps.filter import FILTER


def alone(tmp_path, **inputs):
    return Alone(FILTER, {name: write_lines(tmp_path / f"{name}.jsonl", rows) for name, rows in inputs.items()}, tmp_path / "root")


LONG = " ".join(f"Step {number}: add {number} and {number}." for number in range(20))


def test_kept_and_rejected_together_are_the_inputs_and_each_reason_is_counted(tmp_path):
    step = alone(
        tmp_path,
        traces=[trace("a", thinking=LONG), trace("b"), trace("c", thinking=LONG, verdict="wrong")],
        rationalized=[trace("d", thinking=LONG + " as the hint says", source="rationalized")],
        public=[trace("e", thinking=LONG, source="public", verdict=None)],
    )
    manifest = step.run()
    assert [row.id for row in step.rows(manifest, "kept")] == ["a", "e"]
    assert {row.id: row.meta["rejected"] for row in step.rows(manifest, "rejected")} == {"b": "too-short", "c": "wrong", "d": "hint-leak"}
    assert manifest.dropped == {"too-short": 1, "wrong": 1, "hint-leak": 1}
    assert manifest.rows_in == 5


def test_every_check_can_be_turned_off(tmp_path):
    step = alone(tmp_path, traces=[trace("a", response="4 apples", finish="length", verdict="wrong")])
    names = ("only_right", "require_think", "require_box", "require_end_at_box", "require_complete", "refuse_hint_leaks")
    off = dict.fromkeys(names, False)
    assert step.run(**off, min_chars=0, max_repetition=1).metrics == {"kept": 1, "dropped": 0}


def test_the_cap_holds_over_all_inputs(tmp_path):
    step = alone(
        tmp_path,
        traces=[trace("a", thinking=LONG), trace("b", thinking=LONG + " So.")],
        rationalized=[trace("c", thinking=THINKING, source="rationalized")],
    )
    manifest = step.run(min_chars=0, max_per_problem=2)
    assert [row.id for row in step.rows(manifest, "kept")] == ["a", "c"]
    assert manifest.dropped == {"over-the-cap": 1}


def test_lengths_that_no_response_can_have_are_refused():
    with pytest.raises(ValidationError, match="max_chars 10 is less than min_chars 200"):
        FILTER.config(max_chars=10)


def test_the_cap_does_not_count_two_problems_of_one_id_as_one(tmp_path):
    step = alone(tmp_path, traces=[trace("a", thinking=LONG)], public=[trace("b", thinking=LONG, source="public", statement="Another?")])
    with pytest.raises(InputError, match=r"public\.jsonl: problem id 'p1' stands for 'Another\?' here"):
        step.run(max_per_problem=1)


def test_no_traces_are_refused_by_their_address_while_nothing_rationalized_or_public_is_fine(tmp_path):
    assert alone(tmp_path, traces=[trace("a", thinking=LONG)], rationalized=[], public=[]).run().metrics["kept"] == 1
    with pytest.raises(InputError, match=r"traces\.jsonl: the input traces holds no rows; at least one of Traces is right"):
        alone(tmp_path, traces=[], public=[trace("e", thinking=LONG, source="public")]).run("empty")


def test_a_shard_that_holds_no_trace_of_many_is_no_empty_input(tmp_path):
    step = alone(tmp_path, traces=[trace("a", thinking=LONG)])
    assert sum(step.run(shards=3, index=index).rows_in for index in range(2)) <= 1


def test_an_answer_that_says_nothing_is_dropped_for_that_whatever_else_is_turned_off(tmp_path):
    silent = trace("a", response=" \n", answer=None, verdict="wrong")
    names = ("only_right", "require_think", "require_box", "require_end_at_box", "require_complete")
    step = alone(tmp_path, traces=[silent])
    assert step.run("on").dropped == {"empty-response": 1}
    assert step.run("off", **dict.fromkeys(names, False), min_chars=0).dropped == {"empty-response": 1}
