"""The step `decontaminate`: matched problems lose their traces, many of them stop the run."""

import pytest
from tests.curate.traces import problem, trace
from tests.steps.alone import Alone, write_lines

from nemoflow.errors import InputError
from nemoflow.steps.decontaminate import DECONTAMINATE

NUMBERS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
)
STATEMENTS = [f"{first} {second} apples: how many pies?" for first in NUMBERS.split() for second in ("red", "green")]
HELD_OUT = "Alice had seven cats, gave away two dogs, kept a hamster."


def alone(tmp_path, statements, held_out=(HELD_OUT,)):
    problems = [problem(number, statement) for number, statement in enumerate(statements)]
    files = {
        "problems": problems,
        "traces": [trace(f"t{number}", statement=problem.statement, number=number) for number, problem in enumerate(problems)],
        "eval": [problem(f"e{number}", statement) for number, statement in enumerate(held_out)],
    }
    return Alone(DECONTAMINATE, {name: write_lines(tmp_path / f"{name}.jsonl", rows) for name, rows in files.items()}, tmp_path / "root")


def test_the_traces_of_a_matched_problem_go_with_the_id_it_matched(tmp_path):
    step = alone(tmp_path, [*STATEMENTS, "Today " + HELD_OUT + " Count them."])
    manifest = step.run()
    assert len(step.rows(manifest, "kept")) == len(STATEMENTS)
    [rejected] = step.rows(manifest, "rejected")
    assert rejected.meta["rejected"] == "contaminated"
    assert rejected.meta["matched_eval"] == "pe0"
    assert rejected.meta["matched_text"] in " ".join(HELD_OUT.lower().replace(",", "").split())
    assert manifest.metrics["contaminated_problems"] == 1


def test_more_than_the_allowed_share_is_refused_with_an_example(tmp_path):
    step = alone(tmp_path, [*STATEMENTS[:5], HELD_OUT])
    with pytest.raises(InputError, match=r"1 of 6 problems occur in .*eval\.jsonl \(such as 'p5' in 'pe0'.*max_share = 0\.1"):
        step.run("strict")
    assert step.run("lenient", max_share=0.5).dropped == {"contaminated": 1}


def test_an_empty_evaluation_set_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"eval\.jsonl: holds no problems"):
        alone(tmp_path, STATEMENTS, held_out=()).run()


def test_a_trace_whose_id_is_another_problems_is_refused(tmp_path):
    step = alone(tmp_path, STATEMENTS)
    write_lines(step.inputs["traces"], [trace("t", statement="Another?", number=0)])
    with pytest.raises(InputError, match=r"problem id 'p0' stands for 'Another\?' here"):
        step.run()


def test_a_trace_without_a_prompt_goes_by_its_problems_statement(tmp_path):
    step = alone(tmp_path, [*STATEMENTS, HELD_OUT])
    write_lines(step.inputs["traces"], [trace(f"t{number}", number=number, messages=()) for number in range(len(STATEMENTS) + 1)])
    assert step.run().dropped == {"contaminated": 1}


@pytest.mark.parametrize("name", ["traces", "problems"])
def test_an_empty_file_is_refused_by_its_address(tmp_path, name):
    step = alone(tmp_path, STATEMENTS)
    write_lines(step.inputs[name], [])
    with pytest.raises(InputError, match=rf"{name}\.jsonl: the input {name} holds no rows"):
        step.run()
