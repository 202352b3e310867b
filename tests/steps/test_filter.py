"""The step `filter`: what is kept, what is dropped and why, over all its inputs."""

import pytest
from pydantic import ValidationError
from tests.curate.traces import THINKING, trace
from tests.steps.alone import Alone, write_lines

from nemoflow.errors import ConfigError, InputError
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


def says_no(row):
    return "says-no" if "no" in row.response.split() else ""


def twice(row):
    yield row.model_copy(update={"id": f"{row.id}-shouted", "response": row.response.replace("add", "ADD")})


def same_again(row):
    yield row


def test_checks_and_augmentations_of_ones_own_are_named_by_import_path(tmp_path):
    step = alone(tmp_path, traces=[trace("a", thinking=LONG), trace("b", thinking=LONG + " no")])
    manifest = step.run(checks=(f"{__name__}:says_no",), augment=(f"{__name__}:twice",))
    assert [row.id for row in step.rows(manifest, "kept")] == ["a", "a-shouted"]
    assert manifest.dropped == {"says-no": 2}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"checks": ("nowhere:check",)}, r"filter\.checks: 'nowhere:check' cannot be imported"),
        ({"checks": ("check",)}, r"filter\.checks: unknown 'check'; an import path"),
        ({"checks": (f"{__name__}:LONG",)}, r"filter\.checks: .* is a str; a function of a Trace"),
        ({"checks": ("builtins:len",)}, r"filter\.checks: 'builtins:len' failed on trace 'a': TypeError"),
        ({"augment": (f"{__name__}:same_again",)}, r"filter\.augment: .* gave a trace 'a' .* an id of its own and the same problem"),
    ],
)
def test_what_is_no_check_and_no_augmentation_is_refused(tmp_path, config, words):
    with pytest.raises(ConfigError, match=words):
        alone(tmp_path, traces=[trace("a", thinking=LONG)]).run(**config)


def test_pass_rates_see_the_traces_that_other_filters_drop(tmp_path):
    rows = [trace(f"a{n}", thinking=LONG, meta={"mode": "low"}) for n in range(4)]
    rows += [trace("b", number=2, thinking=LONG, meta={"mode": "low"}), trace("c", number=2, verdict="wrong", meta={"mode": "low"})]
    step = alone(tmp_path, traces=rows)
    assert step.run("more", pass_rates={"low": [0, 0.5]}, augment=(f"{__name__}:twice",)).dropped == {"too-easy": 12}
    manifest = step.run(pass_rates={"low": [0, 0.8]})
    assert [row.id for row in step.rows(manifest, "kept")] == ["b"]
    assert manifest.dropped == {"too-easy": 4, "wrong": 1}
