import json
import zipfile
from pathlib import Path

import pytest
from tests.steps.alone import Alone
from tests.submission.lora import save_base, sound

from nemoflow.errors import SubmissionError
from nemoflow.steps.package import PACKAGE


@pytest.fixture
def step(tmp_path):
    inputs = {"adapter": sound(tmp_path / "adapter").save(), "model": save_base(tmp_path / "base")}
    return Alone(PACKAGE, inputs, tmp_path / "root")


def submission(step: Alone, manifest) -> Path:
    return step.root / manifest.outputs["submission"].address


def test_a_sound_adapter_becomes_a_zip_and_its_receipt(step):
    manifest = step.run()
    folder = submission(step, manifest)
    assert sorted(file.name for file in folder.iterdir()) == ["receipt.json", "submission.zip"]
    receipt = json.loads((folder / "receipt.json").read_bytes())
    assert receipt["bytes"] == manifest.metrics["bytes"] == (folder / "submission.zip").stat().st_size
    assert (manifest.metrics["tensors"], manifest.metrics["rank"], manifest.metrics["dead_modules"]) == (6, 4, 0)


def test_two_runs_give_the_same_bytes(step, tmp_path):
    one, two = (submission(other, other.run()) for other in (step, Alone(PACKAGE, step.inputs, tmp_path / "elsewhere")))
    for name in ("submission.zip", "receipt.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_an_adapter_that_would_be_refused_leaves_nothing_behind(step, tmp_path):
    lora = sound(tmp_path / "adapter")
    lora.config["modules_to_save"] = ["lm_head"]
    lora.save()
    with pytest.raises(SubmissionError, match=r"modules_to_save: \['lm_head'\] \(modules-to-save\)"):
        step.run()
    assert not list(step.root.rglob("*.zip"))


def test_the_limits_and_the_name_of_the_base_are_config(step):
    with pytest.raises(SubmissionError, match="r: 4; a whole number from 1 to 2 was expected"):
        step.run("a", max_rank=2)
    with pytest.raises(SubmissionError, match="10 are taken"):
        step.run("b", max_bytes=10)
    folder = submission(step, step.run("c", base_model_name="nvidia/model"))
    with zipfile.ZipFile(folder / "submission.zip") as zipped:
        assert json.loads(zipped.read("adapter_config.json"))["base_model_name_or_path"] == "nvidia/model"
