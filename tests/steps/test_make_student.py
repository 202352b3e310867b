import os
import signal
import subprocess
import sys

import pytest
from tests.steps.alone import write_lines
from tests.training.tiny import STUDENT, student_step, wait_for
from transformers import AutoModelForCausalLM

from nemoflow.config import build
from nemoflow.errors import ConfigError, InputError, Stopped
from nemoflow.records import Problem
from nemoflow.steps.make_student import MakeStudentConfig

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    return root, student_step(root).run(**STUDENT)


def digests(manifest):
    return {file.path: file.digest for file in manifest.outputs["model"].files}


def test_a_student_is_a_folder_that_transformers_loads(whole):
    root, manifest = whole
    model = AutoModelForCausalLM.from_pretrained(root / "root" / manifest.outputs["model"].address)
    assert model.config.model_type == "nemotron_h"
    assert sum(weight.numel() for weight in model.parameters()) == manifest.metrics["parameters"]
    assert model.config.vocab_size == manifest.metrics["vocabulary"]
    assert manifest.rows_in == 40


def test_the_same_config_gives_the_same_bytes_and_another_seed_others(tmp_path, whole):
    assert digests(student_step(tmp_path / "again").run(**STUDENT)) == digests(whole[1])
    other = digests(student_step(tmp_path / "other").run(**{**STUDENT, "seed": 1}))
    assert other["model.safetensors"] != digests(whole[1])["model.safetensors"]


def test_a_run_that_is_killed_and_resumed_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, whole):
    command = [sys.executable, "-m", "tests.training.tiny", "student", str(tmp_path)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait_for(tmp_path, "pretraining.pt")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    next(tmp_path.rglob("pretraining.pt")).with_name("pretraining.pt.part").write_bytes(b"half")
    resumed = student_step(tmp_path).run(**STUDENT)
    assert digests(resumed) == digests(whole[1])
    assert resumed.metrics == whole[1].metrics


def test_a_stop_keeps_a_checkpoint_and_the_next_run_ends_with_the_same_bytes(tmp_path, whole):
    asked = iter([False] * 5 + [True] * 100)
    with pytest.raises(Stopped, match=r"after step \d+ of 12"):
        student_step(tmp_path, stopping=lambda: next(asked)).run(**STUDENT)
    assert digests(student_step(tmp_path).run(**STUDENT)) == digests(whole[1])


def test_no_problems_are_bad_input(tmp_path):
    step = student_step(tmp_path)
    step.inputs["problems"] = write_lines(tmp_path / "none.jsonl", list[Problem]())
    with pytest.raises(InputError, match="training side of make-problems"):
        step.run(**STUDENT)


def test_a_loss_that_is_no_number_ends_it_and_says_what_to_change(tmp_path):
    with pytest.raises(ConfigError, match=r"no number to learn from; make-student\.learning_rate \(1e\+30\)"):
        student_step(tmp_path).run(**{**STUDENT, "learning_rate": 1e30})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("steps", 10**30),
        ("batch", 10**30),
        ("warmup", 10**30),
        ("threads", 10**30),
        ("checkpoint_every", 10**30),
        ("learning_rate", float("inf")),
        ("drill_share", float("nan")),
        ("pattern", "M-"),
        ("pattern", "M*" * 101),
    ],
)
def test_a_shape_or_number_that_makes_no_student_is_refused(field, value):
    with pytest.raises(ConfigError, match=rf"make-student\.{field}: "):
        build(MakeStudentConfig, {field: value}, "make-student")
