import json

import pytest
from tests.steps.alone import Alone
from tests.submission.fake_kaggle import KEY
from tests.submission.lora import save_base, sound

from nemoflow.errors import ConfigError, InputError, SubmissionError
from nemoflow.steps import PACKAGE, SUBMIT

CONFIG = {"competition": "contest", "confirm": True, "poll_s": 0.05, "settle_s": 0.0}


@pytest.fixture
def step(tmp_path):
    made = Alone(PACKAGE, {"adapter": sound(tmp_path / "adapter").save(), "model": save_base(tmp_path / "base")}, tmp_path / "root")
    packaged = made.root / made.run("first").outputs["submission"].address
    report = tmp_path / "report"
    report.mkdir()
    (report / "report.json").write_text(json.dumps({"problems": 400, "right": 350, "truncated": 0, "no_box": 0, "tokens": 9}))
    return Alone(SUBMIT, {"submission": packaged, "report": report}, tmp_path / "root")


def test_nothing_is_sent_without_confirm(step, kaggle):
    with pytest.raises(ConfigError, match=r"submit\.confirm: false"):
        step.run(competition="contest")
    assert kaggle.asked == []


def test_a_submission_is_sent_once_its_scores_are_written_and_no_other_run_sends_it_again(step, kaggle):
    manifest = step.run("one", **CONFIG)
    receipt = json.loads((step.root / manifest.outputs["receipt"].address / "receipt.json").read_bytes())
    assert (receipt["public"], receipt["status"], receipt["local"]) == (0.86, "complete", {"right": 350, "problems": 400, "samples": 1})
    assert (manifest.metrics["public"], manifest.metrics["local"]) == (0.86, 0.875)
    asked = len(kaggle.asked)
    assert step.run("one", **CONFIG) == manifest
    assert len(kaggle.asked) == asked
    again = step.run("two", **CONFIG)
    assert again.status == "skipped"
    assert "the same bytes were submitted" in again.reason
    assert json.loads((step.root / again.outputs["receipt"].address / "receipt.json").read_bytes()) == receipt
    assert again.metrics == manifest.metrics
    assert len(kaggle.submissions) == 1
    held = b"".join(path.read_bytes() for path in step.root.rglob("*") if path.is_file())
    assert KEY.encode() not in held


def test_an_error_of_the_board_fails_the_step_with_its_words_and_stays_in_the_ledger(step, kaggle):
    kaggle.outcome = {"status": "ERROR", "errorDescription": "Evaluation metric raised an unexpected error"}
    with pytest.raises(SubmissionError, match="submission 1000 ended in an error: Evaluation metric raised"):
        step.run(**CONFIG)
    assert step.run("two", **CONFIG).status == "skipped"


def test_a_zip_that_is_not_its_receipts_is_not_sent(step, kaggle):
    (step.inputs["submission"] / "submission.zip").write_bytes(b"other")
    with pytest.raises(InputError, match=r"submission\.zip: sha256 .* but its receipt says"):
        step.run(**CONFIG)
    assert "upload" not in kaggle.asked
