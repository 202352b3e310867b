import json
from pathlib import Path

import pytest
from tests.evaluation.made import RECEIPT, attempt, problem, rejected
from tests.steps.alone import Alone, write_lines
from tests.training.nano import nano

from nemoflow.errors import InputError
from nemoflow.evaluation.score import score, verify_rollouts
from nemoflow.models.modules import read_modules
from nemoflow.records import Example
from nemoflow.steps.report import REPORT
from nemoflow.training.resolution import resolve

PROBLEMS = [problem(index, kind) for kind in ("numeral", "unit") for index in range(4)]
BY_ID = {row.id: row for row in PROBLEMS}


def write_json(folder: Path, name: str, value: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value))
    return folder


def evaluation(folder: Path, answer: str) -> dict[str, Path]:
    traces = verify_rollouts([attempt(row, answer) for row in PROBLEMS], BY_ID)
    report = {"v": 1, "model": "m", "revision": "c", "max_new_tokens": 8, **score(traces).to_json()}
    return {"report": write_json(folder, "report.json", report), "rollouts": write_lines(folder / "rows" / "rollouts.jsonl", traces)}


@pytest.fixture
def step(tmp_path):
    base, adapter = evaluation(tmp_path / "base", "II"), evaluation(tmp_path / "adapter", "XII")
    inputs = {
        "problems": write_lines(tmp_path / "eval.jsonl", PROBLEMS),
        "base": base["report"],
        "base_rollouts": base["rollouts"],
        "adapter": adapter["report"],
        "adapter_rollouts": adapter["rollouts"],
    }
    return Alone(REPORT, inputs, tmp_path / "root")


def page(step: Alone, manifest) -> Path:
    return step.root / manifest.outputs["page"].address


def test_two_evaluations_and_their_problems_are_enough_for_a_page(step):
    manifest = step.run()
    folder = page(step, manifest)
    assert sorted(file.name for file in folder.iterdir()) == ["accuracy.png", "flips.jsonl", "gain.png", "index.html", "summary.json"]
    assert (folder / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert manifest.metrics == {"base_accuracy": 0.0, "adapter_accuracy": 1.0, "fixed": 8, "broken": 0}
    assert json.loads((folder / "summary.json").read_bytes())["changes"]["fixed"] == 8


def test_every_further_input_adds_its_part(step, tmp_path):
    lora = write_json(tmp_path / "lora", "adapter_config.json", {})
    (lora / "log.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
    row = Example(id="e", problem_id="p", trace_id="t", category="unit", source="teacher", prompt="p", response="<think>\n</think>")
    step.inputs |= {
        "lora": lora,
        "corpus": write_lines(tmp_path / "corpus.jsonl", [row]),
        "submission": write_json(tmp_path / "zip", "receipt.json", RECEIPT),
        "rejected": write_lines(tmp_path / "rejected.jsonl", [rejected("no-box"), rejected("no-box"), rejected("wrong")]),
    }
    folder = page(step, step.run())
    assert (folder / "training.png").read_bytes().startswith(b"\x89PNG")
    said = (folder / "index.html").read_text()
    for part in ("Training over 2 steps", "1 responses that it learned from", RECEIPT["sha256"], ">no-box<", ">wrong<"):
        assert said.count(part) == 1, part


def test_the_modules_that_train_are_shown_and_a_file_of_something_else_is_named(step, tmp_path):
    (tmp_path / "nano").mkdir()
    told = resolve(read_modules(nano(tmp_path / "nano", "M*E")), "auto", 32).to_json()
    step.inputs["lora"] = write_json(tmp_path / "lora", "adapter_config.json", {})
    write_json(tmp_path / "lora", "targets.json", told)
    said = (page(step, step.run()) / "index.html").read_text()
    assert "What the adapter changes" in said
    assert "refused by PEFT" in said
    write_json(tmp_path / "lora", "targets.json", {"v": 1})
    with pytest.raises(InputError, match=r"targets\.json: kinds: missing"):
        step.run("other")


def test_a_reinforced_adapter_is_shown_with_the_training_that_it_went_on_from(step, tmp_path):
    """Its own log has a loss too, which is none of a training."""
    step.inputs |= {name: write_json(tmp_path / name, "adapter_config.json", {}) for name in ("lora", "trained")}
    (tmp_path / "lora" / "log.jsonl").write_text('{"step": 1, "loss": 0.1, "reward": 0.25, "right": 0.0, "tokens": 9}\n')
    (tmp_path / "trained" / "log.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
    (tmp_path / "nano").mkdir()
    write_json(tmp_path / "trained", "targets.json", resolve(read_modules(nano(tmp_path / "nano", "M*E")), "auto", 32).to_json())
    folder = page(step, step.run())
    said = (folder / "index.html").read_text()
    for part in (
        "Training over 2 steps: a loss of 2.000 at first",
        "Reinforcement over 1 steps: a reward of 0.250",
        "What the adapter changes",
    ):
        assert said.count(part) == 1, part
    assert {"training.png", "reward.png"} <= {file.name for file in folder.iterdir()}
    del step.inputs["trained"]
    said = (page(step, step.run("alone")) / "index.html").read_text()
    assert ("Training over" in said, "Reinforcement over" in said) == (False, True)


def test_evaluations_of_different_problems_are_not_compared(step, tmp_path):
    fewer = verify_rollouts([attempt(row, "XII") for row in PROBLEMS[:3]], BY_ID)
    step.inputs["base_rollouts"] = write_lines(tmp_path / "fewer.jsonl", fewer)
    with pytest.raises(InputError, match="were not asked the same: 3 and 8 problems"):
        step.run()


def test_a_training_log_that_is_none_is_named(step, tmp_path):
    step.inputs["lora"] = write_json(tmp_path / "lora", "adapter_config.json", {})
    (tmp_path / "lora" / "log.jsonl").write_text("nope\n")
    with pytest.raises(InputError, match=r"log\.jsonl: not JSONL"):
        step.run()


@pytest.mark.parametrize("which", ["base", "adapter"])
def test_a_report_without_its_fields_is_named(step, tmp_path, which):
    step.inputs[which] = write_json(tmp_path / "bad", "report.json", {"v": 1, "revision": "c"})
    with pytest.raises(InputError, match=r"bad/report\.json: kinds: missing"):
        step.run()


def test_a_report_that_does_not_say_its_revision_is_named(step, tmp_path):
    step.inputs["adapter"] = write_json(tmp_path / "bad", "report.json", {"v": 1, "kinds": {}})
    with pytest.raises(InputError, match=r"bad/report\.json: revision: missing"):
        step.run()


def test_problems_that_share_an_id_are_refused(step, tmp_path):
    step.inputs["problems"] = write_lines(tmp_path / "twice.jsonl", [*PROBLEMS, PROBLEMS[2]])
    with pytest.raises(InputError, match=r"twice\.jsonl: row 9: id 'numeral-002' is also that of row 3"):
        step.run()


def samples(count: int, each: int) -> list:
    """Problems with `each` samples in a row, of which one is right."""
    problems = [problem(index) for index in range(count)]
    by_id = {row.id: row for row in problems}
    return verify_rollouts([attempt(row, "I" if index else "XII") for row in problems for index in range(each)], by_id)


@pytest.mark.parametrize("count", [3, 1002])
def test_the_teachers_samples_are_told_of_the_first_problems_and_none_is_cut_in_two(step, tmp_path, count):
    """1002 problems with 4 samples are 8 rows over what is read."""
    step.inputs["verified"] = write_lines(tmp_path / "verified.jsonl", samples(count, 4))
    found = json.loads((page(step, step.run()) / "summary.json").read_bytes())["samples"]["numeral"]
    assert (found["problems"], found["samples"]) == (min(count, 1000), 4)
    assert (found["k"]["1"]["pass"], found["k"]["1"]["maj"]) == (0.25, 0.25)
    assert (found["k"]["4"]["pass"], found["k"]["4"]["maj"]) == (1.0, 0.0)
