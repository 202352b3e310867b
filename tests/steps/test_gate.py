import json
from pathlib import Path

import pytest
from tests.evaluation.made import attempt, problem
from tests.steps.alone import Alone, write_lines
from tests.submission.lora import save_base, sound

from nemoflow.errors import InputError
from nemoflow.evaluation.score import score, verify_rollouts
from nemoflow.flow.local import run_local
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.place import Place
from nemoflow.steps import GATE, PACKAGE, REPORT
from nemoflow.store import open_store

PROBLEMS = [problem(index, kind) for kind in ("numeral", "unit") for index in range(4)]
BY_ID = {row.id: row for row in PROBLEMS}


def rollouts(path: Path, right: int) -> Path:
    """The first `right` problems are solved."""
    traces = [attempt(row, "XII" if index < right else "I") for index, row in enumerate(PROBLEMS)]
    return write_lines(path, verify_rollouts(traces, BY_ID))


def evaluations(folder: Path, base: int, adapter: int) -> dict[str, Path]:
    return {
        "problems": write_lines(folder / "eval.jsonl", PROBLEMS),
        "base_rollouts": rollouts(folder / "base.jsonl", base),
        "adapter_rollouts": rollouts(folder / "adapter.jsonl", adapter),
    }


def decision(step: Alone, manifest) -> dict:
    return json.loads((step.root / manifest.outputs["decision"].address / "gate.json").read_bytes())


def test_a_gate_is_done_whether_it_passes_or_refuses_and_says_which(tmp_path):
    step = Alone(GATE, evaluations(tmp_path, 4, 6), tmp_path / "root")
    passed = step.run()
    assert (passed.status, passed.metrics["passed"], passed.metrics["gain"], passed.rows_in) == ("done", 1, 25.0, 8)
    refused = step.run("stricter", min_gain=30)
    assert (refused.status, refused.metrics["passed"]) == ("done", 0)
    assert decision(step, refused)["reason"] == "min_gain: asked for +30 points over the base, found +25.00 points over 8 problems"
    assert decision(step, refused)["kinds"]["unit"]["points"] == 50.0


def test_the_same_rollouts_and_limits_give_the_same_decision_to_the_byte(tmp_path):
    step = Alone(GATE, evaluations(tmp_path, 4, 6), tmp_path / "root")
    one, two = step.run("one"), step.run("two", fresh=True)
    assert one.outputs["decision"].files[0].digest == two.outputs["decision"].files[0].digest


OUT_OF_BOUNDS = {
    "min_gain": [101, -101, float("nan")],
    "max_family_drop": [-1, 101],
    "significance": [-0.1, 1],
    "max_truncated": [1.1, -0.1],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in OUT_OF_BOUNDS.items() for value in values])
def test_limits_that_mean_nothing_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        GATE.config(**{field: value})


def test_rollouts_without_verdicts_are_named_by_their_row(tmp_path):
    inputs = evaluations(tmp_path, 1, 2)
    inputs["base_rollouts"] = write_lines(tmp_path / "raw.jsonl", [attempt(row, "XII") for row in PROBLEMS])
    with pytest.raises(InputError, match=r"raw\.jsonl: row 1: verdict: missing; rollouts with verdicts were expected"):
        Alone(GATE, inputs, tmp_path / "root").run()


def test_no_rollouts_are_nothing_to_judge_by(tmp_path):
    inputs = evaluations(tmp_path, 1, 2)
    for name in ("base_rollouts", "adapter_rollouts"):
        inputs[name] = write_lines(tmp_path / f"{name}-none.jsonl", [])
    with pytest.raises(InputError, match=r"adapter_rollouts-none\.jsonl: holds no rollouts"):
        Alone(GATE, inputs, tmp_path / "root").run()


def whole(folder: Path, base: int, adapter: int, **limits: object) -> tuple[Pipeline, Place]:
    """Gate, package and report as the pipelines wire them, behind evaluations of so many right answers."""
    files = {name: str(path) for name, path in evaluations(folder, base, adapter).items()}
    reports = {}
    for name, right in (("base", base), ("adapter", adapter)):
        traces = verify_rollouts([attempt(row, "XII" if index < right else "I") for index, row in enumerate(PROBLEMS)], BY_ID)
        reports[name] = str(folder / name)
        (folder / name).mkdir()
        (folder / name / "report.json").write_text(json.dumps({"v": 1, "revision": "c", "max_new_tokens": 99, **score(traces).to_json()}))
    lora = {"adapter": str(sound(folder / "lora").save()), "model": str(save_base(folder / "model"))}
    gate = From("gate", "decision")
    nodes = (
        Node("gate", GATE, GATE.config(**limits), files),
        Node("package", PACKAGE, PACKAGE.config(), {**lora, "gate": gate}),
        Node("report", REPORT, REPORT.config(), {**files, **reports, "gate": gate, "submission": From("package", "submission")}),
    )
    return Pipeline("gated", nodes), Place(open_store(str(folder / "root")), "r")


def test_what_the_gate_refused_is_not_packaged_and_the_report_says_so_and_why(tmp_path):
    pipeline, place = whole(tmp_path, 4, 3)
    run_local(pipeline, place)
    package = place.manifest("package")
    reason = "min_gain: asked for no worse than the base, found -12.50 points over 8 problems"
    assert (package.status, package.reason) == ("skipped", f"the gate refused the adapter: {reason}")
    assert not list(tmp_path.rglob("*.zip"))
    page = tmp_path / "root/runs/r/report/page"
    assert "The gate refused the adapter: nothing was packaged." in (page / "index.html").read_text()
    assert reason.partition(": ")[2] in (page / "index.html").read_text()
    summary = json.loads((page / "summary.json").read_bytes())
    assert (summary["submission"], summary["gate"]["passed"], summary["gate"]["reason"]) == (None, False, reason)
    flips = [json.loads(line) for line in (page / "flips.jsonl").read_text().splitlines()]
    assert [(flip["change"], flip["problem_id"], flip["base_answer"], flip["adapter_answer"]) for flip in flips] == [
        ("broken", "numeral-003", "XII", "I")
    ]


def test_what_the_gate_passed_is_packaged_and_another_run_with_stricter_limits_is_not(tmp_path):
    pipeline, place = whole(tmp_path, 3, 4)
    run_local(pipeline, place)
    assert place.manifest("package").status == "done"
    assert (tmp_path / "root/runs/r/package/submission/submission.zip").exists()
    assert "The gate passed the adapter." in (tmp_path / "root/runs/r/report/page/index.html").read_text()
    gate, *others = pipeline.nodes
    stricter = Pipeline("gated", (Node("gate", GATE, GATE.config(min_gain=20), gate.inputs), *others))
    after = Place(place.store, "stricter")
    run_local(stricter, after)
    assert after.manifest("package").status == "skipped"


def test_a_gate_file_that_is_none_stops_package_before_the_adapter_is_read(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "gate.json").write_text("{}")
    inputs = {"adapter": tmp_path, "model": tmp_path, "gate": tmp_path / "bad"}
    with pytest.raises(InputError, match=r"bad/gate\.json: rules: got 'None'"):
        Alone(PACKAGE, inputs, tmp_path / "root").run()
