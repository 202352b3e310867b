import json

import pytest
from tests.evaluation.tiny import numerals, save_tiny_adapter, save_tiny_base
from tests.steps.alone import Alone, write_lines

from nemoflow.errors import InputError, Stopped
from nemoflow.steps.evaluate import EVALUATE
from nemoflow.submission.doctor import examine

CONFIG = {"max_new_tokens": 8, "threads": 1, "batch_size": 4}
PROBLEMS = numerals(9)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def step(base, tmp_path):
    return Alone(EVALUATE, {"problems": write_lines(tmp_path / "eval.jsonl", PROBLEMS), "model": base}, tmp_path / "root")


def report(step: Alone, manifest) -> dict:
    return json.loads((step.root / manifest.outputs["report"].address / "report.json").read_bytes())


def test_rollouts_are_verified_and_the_report_counts_them(step):
    manifest = step.run(**CONFIG)
    traces = step.rows(manifest, "rollouts")
    assert [trace.problem_id for trace in traces] == [problem.id for problem in PROBLEMS]
    assert all(trace.verdict.gold == problem.gold for trace, problem in zip(traces, PROBLEMS, strict=True))
    found = report(step, manifest)
    right = sum(trace.verdict.verdict == "right" for trace in traces)
    assert (found["problems"], found["right"], found["revision"], found["max_new_tokens"]) == (9, right, "c", 8)
    assert set(found["kinds"]) == {"numeral", "unit"}
    assert manifest.metrics["accuracy"] == right / 9
    assert manifest.metrics["completion_tokens"] == sum(trace.usage.completion_tokens for trace in traces)
    assert manifest.engines.keys() == {"torch", "transformers", "peft"}


def test_the_same_evaluation_in_another_place_has_the_same_bytes(step, tmp_path):
    other = Alone(EVALUATE, step.inputs, tmp_path / "elsewhere")
    one, two = (found.run(**CONFIG).outputs["rollouts"].files[0].digest for found in (step, other))
    assert one == two


def test_an_adapter_is_told_from_its_base_by_the_name_that_its_traces_carry(step, base, tmp_path):
    alone = {trace.model for trace in step.rows(step.run("base", **CONFIG), "rollouts")}
    step.inputs["adapter"] = save_tiny_adapter(base, tmp_path / "adapter")
    adapted = {trace.model for trace in step.rows(step.run("adapter", **CONFIG), "rollouts")}
    assert len(alone) == len(adapted) == 1
    assert next(iter(adapted)).startswith(f"{next(iter(alone))}+adapter@")


def test_a_limit_evaluates_so_many_and_says_what_it_left_out(step):
    manifest = step.run(limit=4, **CONFIG)
    assert len(step.rows(manifest, "rollouts")) == 4
    assert (manifest.rows_in, manifest.dropped) == (9, {"beyond-limit": 5})


def test_asked_to_stop_it_stops_between_batches(step):
    step.stopping = lambda: True
    with pytest.raises(Stopped):
        step.run(**CONFIG)


def test_an_empty_set_is_refused_by_its_address(step, tmp_path):
    step.inputs["problems"] = write_lines(tmp_path / "none.jsonl", [])
    with pytest.raises(InputError, match=r"none\.jsonl: holds no problem"):
        step.run(**CONFIG)


def test_what_peft_saves_is_what_package_takes(base, tmp_path):
    """The hand-made adapters of the package's tests are only as good as their likeness to this one."""
    checkup = examine(save_tiny_adapter(base, tmp_path / "adapter"), base, max_rank=32)
    assert (checkup.violations, checkup.dead) == ((), ())
    assert checkup.tensors == 2 * checkup.modules == 18
