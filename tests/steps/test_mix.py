"""The step `mix`: a corpus in the contest's form and its card, the same bytes whatever the order of the traces."""

import json

import pytest
from tests.curate.traces import problem, trace
from tests.steps.alone import Alone, write_lines

from nemoflow.errors import ConfigError, InputError
from nemoflow.prompts.chat import user_message
from nemoflow.prompts.modes import message
from nemoflow.steps.mix import MIX

TRACES = [trace(f"t{number}", number=number, seconds=number / 7) for number in range(30)]


def alone(tmp_path, traces, name="a"):
    problems = [problem(number) for number in range(30)]
    inputs = {
        "traces": write_lines(tmp_path / name / "traces.jsonl", traces),
        "problems": write_lines(tmp_path / name / "problems.jsonl", problems),
    }
    return Alone(MIX, inputs, tmp_path / name / "root")


def card(step, manifest):
    return json.loads((step.root / manifest.outputs["card"].address / "card.json").read_text())


def test_examples_are_the_contests_prompt_and_a_response_that_ends_at_its_box(tmp_path):
    step = alone(tmp_path, TRACES)
    manifest = step.run()
    for row in step.rows(manifest, "corpus"):
        assert row.prompt == user_message(problem(int(row.problem_id[1:])).statement)
        assert row.response.startswith("<think>\n")
        assert row.response.endswith("</think>\n\\boxed{4}")


def test_the_same_traces_in_another_order_and_other_seconds_give_the_same_bytes(tmp_path):
    one, two = alone(tmp_path, TRACES, "a"), alone(tmp_path, [row.model_copy(update={"seconds": 9.0}) for row in reversed(TRACES)], "b")
    first, second = one.run(quota={"sum": 20}), two.run(quota={"sum": 20})
    for output in ("corpus", "card"):
        assert [file.digest for file in first.outputs[output].files] == [file.digest for file in second.outputs[output].files]


def test_what_is_left_out_is_counted_on_the_card_and_in_the_manifest(tmp_path):
    step = alone(tmp_path, [*TRACES, trace("bad", answer=None, verdict=None)])
    manifest = step.run(max_rows=10)
    assert manifest.dropped == {"max-rows": 20, "no-answer-to-learn": 1}
    assert (manifest.rows_in, manifest.metrics["rows"]) == (31, 10)
    assert card(step, manifest)["left_out"] == manifest.dropped
    assert card(step, manifest)["rows"] == 10


def test_nothing_left_is_refused_with_the_reasons(tmp_path):
    with pytest.raises(InputError, match=r"of 1 traces none is left to learn from \(1 no-answer-to-learn\)"):
        alone(tmp_path, [trace("bad", answer=None, verdict=None)]).run()
    with pytest.raises(InputError, match="there were none"):
        alone(tmp_path, []).run()


def test_a_quota_for_a_category_that_there_is_not_is_refused_with_the_known(tmp_path):
    with pytest.raises(ConfigError, match=r"mix\.quota\.sums: .* there are sum"):
        alone(tmp_path, TRACES).run(quota={"sums": 3})


def test_a_public_trace_whose_id_is_another_problems_is_refused_not_given_that_statement(tmp_path):
    public = trace("public", source="public", verdict=None, statement="How many apples has Ann?", number=3)
    with pytest.raises(
        InputError, match=r"traces\.jsonl: problem id 'p3' stands for 'How many apples has Ann\?' .* 'What is 3 plus 3\?' in .*problems"
    ):
        alone(tmp_path, [*TRACES, public]).run()


def test_an_empty_set_of_problems_is_refused_by_its_address(tmp_path):
    step = alone(tmp_path, TRACES)
    write_lines(step.inputs["problems"], [])
    with pytest.raises(InputError, match=r"problems\.jsonl: the input problems holds no rows"):
        step.run()


def test_prompts_say_their_modes_where_that_is_asked_for_and_a_mode_that_nobody_knows_is_left_out(tmp_path):
    modes = ["", "low", "high+python", "frantic"]
    step = alone(tmp_path, [trace(f"t{number}", number=number, meta={"mode": mode}) for number, mode in enumerate(modes)])
    prompts = {row.problem_id: row.prompt for row in step.rows(step.run(), "corpus")}
    assert prompts == {f"p{number}": user_message(problem(number).statement) for number in range(4)}
    manifest = step.run("told", tell_modes=True)
    told = {row.problem_id: row.prompt for row in step.rows(manifest, "corpus")}
    assert told == {f"p{number}": message(problem(number).statement, modes[number]) for number in range(3)}
    assert manifest.dropped == {"unknown-mode": 1}
