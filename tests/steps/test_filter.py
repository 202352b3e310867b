"""The step `filter`: what is kept, what is dropped and why, over all its inputs."""

import pytest
from pydantic import ValidationError
from tests.curate.traces import THINKING, trace
from tests.steps.alone import Alone, write_lines

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
