import json
import os
import signal
import subprocess
import sys

import pytest
from tests.evaluation.tiny import LONG, evaluate_step, numerals, save_tiny_adapter, save_tiny_base
from tests.steps.alone import Alone, write_lines
from tests.training.tiny import wait_for

from nemoflow.config import build
from nemoflow.errors import ConfigError, InputError, Stopped
from nemoflow.steps.evaluate import EVALUATE, EvaluateConfig
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
    assert manifest.engines.keys() == {"torch", "transformers", "peft", "dtype", "device"}


def test_modes_are_asked_counted_and_told_in_the_report_and_its_metrics(step):
    manifest = step.run(modes=["high", "low+python"], metric="symbolic", **CONFIG)
    traces = step.rows(manifest, "rollouts")
    assert [trace.mode for trace in traces] == ["high"] * 9 + ["low+python"] * 9
    found = report(step, manifest)
    assert {mode: tally["problems"] for mode, tally in found["modes"].items()} == {"high": 9, "low+python": 9}
    assert (found["problems"], found["metric"]) == (18, "symbolic")
    assert {"accuracy.mode.high", "accuracy.mode.low+python"} <= manifest.metrics.keys()
    assert "math-verify" in manifest.engines
    without = step.run("without", **CONFIG)
    assert step.rows(without, "rollouts")[0].meta == {}
    assert not {"modes", "metric"} & report(step, without).keys()


def test_a_mode_comes_once():
    with pytest.raises(ConfigError, match=r"modes = \['low', 'low'\]: each mode once"):
        build(EvaluateConfig, {"modes": ["low", "low"]}, "evaluate")


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


@pytest.fixture(scope="module")
def whole(tmp_path_factory, base):
    """An undisturbed evaluation: (its manifest, how often it asked whether to stop)."""
    asked = []
    step = evaluate_step(tmp_path_factory.mktemp("whole"), base, stopping=lambda: bool(asked.append(1)))
    return step.run(**LONG), len(asked)


def untimed(metrics):
    return {name: value for name, value in metrics.items() if name not in ("generation_s", "tokens_per_s")}


def digests(manifest):
    return [file.digest for output in manifest.outputs.values() for file in output.files]


def test_a_stop_is_seen_within_a_token_and_the_next_run_does_only_what_is_left(tmp_path, base, whole):
    manifest, tokens = whole
    asked = []
    until = tokens // 2
    with pytest.raises(Stopped, match="finished batches are kept"):
        evaluate_step(tmp_path, base, stopping=lambda: len(asked) >= until or bool(asked.append(1))).run(**LONG)
    assert len(asked) == until
    kept = list(tmp_path.rglob("batch-*.jsonl"))
    assert len(kept) == 1
    kept[0].with_suffix(".part").write_bytes(b"half")
    again = []
    assert digests(evaluate_step(tmp_path, base, stopping=lambda: bool(again.append(1))).run(**LONG)) == digests(manifest)
    assert until < len(again) < tokens


def test_an_evaluation_that_is_killed_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, base, whole):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.evaluation.tiny", str(tmp_path), str(base)], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    wait_for(tmp_path, "batch-*.jsonl")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = evaluate_step(tmp_path, base).run(**LONG)
    assert digests(resumed) == digests(whole[0])
    assert untimed(resumed.metrics) == untimed(whole[0].metrics)
    assert resumed.metrics["generation_s"] > 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda rows: [*rows, rows[2]], r"eval\.jsonl: row 10: id 'n03' is also that of row 3"),
        (lambda rows: [rows[0], rows[1].model_copy(update={"gold": None})], r"eval\.jsonl: problem 'n02': has no gold answer"),
    ],
    ids=["twice", "no-gold"],
)
def test_problems_that_cannot_be_scored_are_refused_before_the_model_is_loaded(tmp_path, changed, message):
    step = Alone(EVALUATE, {"problems": write_lines(tmp_path / "eval.jsonl", changed(PROBLEMS)), "model": tmp_path}, tmp_path / "root")
    with pytest.raises(InputError, match=message):
        step.run(**CONFIG)


def test_a_folder_that_is_no_model_is_named_with_what_it_lacks(step, tmp_path):
    step.inputs["model"] = tmp_path / "empty"
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        InputError, match=r"empty: holds no config\.json, no tokenizer_config\.json, no tokenizer\.json, no \*\.safetensors"
    ):
        step.run(**CONFIG)


def test_a_folder_that_is_no_adapter_is_named_before_the_base_is_loaded(step, tmp_path):
    step.inputs["adapter"] = tmp_path / "empty"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no adapter_config\.json"):
        step.run(**CONFIG)


@pytest.mark.parametrize(
    ("field", "value"),
    [("limit", -1), ("limit", 10**30), ("max_new_tokens", 0), ("max_new_tokens", 10**30), ("seed", -1), ("seed", 2**32), ("batch_size", 0)],
)
def test_a_number_that_would_evaluate_something_else_is_refused(field, value):
    with pytest.raises(ConfigError, match=rf"evaluate\.{field}: .*got {value}"):
        build(EvaluateConfig, {field: value}, "evaluate")


def test_an_empty_set_is_refused_by_its_address(step, tmp_path):
    step.inputs["problems"] = write_lines(tmp_path / "none.jsonl", [])
    with pytest.raises(InputError, match=r"none\.jsonl: holds no problem"):
        step.run(**CONFIG)


def test_what_peft_saves_is_what_package_takes(base, tmp_path):
    """The hand-made adapters of the package's tests are only as good as their likeness to this one."""
    checkup = examine(save_tiny_adapter(base, tmp_path / "adapter"), base, max_rank=32)
    assert (checkup.violations, checkup.dead) == ((), ())
    assert checkup.tensors == 2 * checkup.modules == 18
