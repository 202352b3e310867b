import os
import shutil
import signal
import subprocess
import sys

import orjson
import pytest
from tests.steps.alone import write_lines
from tests.training.tiny import QUICK, example, puzzles, train_step, untaught, wait_for
from transformers import AutoModelForCausalLM

from nemoflow.config import build
from nemoflow.errors import ConfigError, InputError, Stopped
from nemoflow.records import Example
from nemoflow.steps.train import TrainConfig

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return untaught(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, base):
    """An undisturbed run: (root, manifest)."""
    root = tmp_path_factory.mktemp("whole")
    return root, train_step(root, base).run(**QUICK)


def digests(manifest):
    return {file.path: file.digest for file in manifest.outputs["adapter"].files}


def read(whole, name):
    root, manifest = whole
    return (root / "root" / manifest.outputs["adapter"].address / name).read_bytes()


def falls(rows):
    """The last epoch's loss is under the first's: epochs see the same rows, single steps do not."""
    epoch = len(rows) // QUICK["epochs"]
    first, last = (sum(row["loss"] for row in part) / epoch for part in (rows[:epoch], rows[-epoch:]))
    return last < first


def test_an_adapter_is_weights_config_log_and_report(whole):
    _, manifest = whole
    assert set(digests(manifest)) == {"adapter_config.json", "adapter_model.safetensors", "log.jsonl", "targets.json", "trainable.json"}
    assert manifest.metrics["rows"] == 16
    assert manifest.metrics["steps"] == 16


def test_what_was_told_from_the_headers_is_what_was_trained(whole):
    told, trained = (orjson.loads(read(whole, name)) for name in ("targets.json", "trainable.json"))
    assert (told["trained"], told["parameters"]) == (trained["trainable"], trained["parameters"])
    assert sum(kind["matched"] for kind in told["kinds"]) == sum(trained["modules"].values())


def test_a_row_in_another_form_than_evaluations_is_named(tmp_path, base):
    alone = train_step(tmp_path, base)
    row = example(puzzles(1)[0])
    alone.inputs["corpus"] = write_lines(tmp_path / "cut.jsonl", [row, row.model_copy(update={"id": "cut", "response": "7"})])
    with pytest.raises(InputError, match=r"cut\.jsonl: row 2 \(cut\): response-start: begins with '7'"):
        alone.run(**QUICK)


def test_the_config_names_sorted_targets_and_the_base_by_name(whole):
    config = orjson.loads(read(whole, "adapter_config.json"))
    assert (
        config["target_modules"]
        == sorted(config["target_modules"])
        == ["down_proj", "in_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    )
    assert (config["r"], config["lora_alpha"], config["base_model_name_or_path"]) == (4, 8, "test/tiny")


def test_the_log_has_a_row_a_step_and_no_time(whole):
    rows = [orjson.loads(line) for line in read(whole, "log.jsonl").splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 17))
    assert all(set(row) == {"step", "loss", "learning_rate", "grad_norm"} for row in rows)
    assert falls(rows)


def test_a_run_that_is_killed_and_resumed_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, base, whole):
    command = [sys.executable, "-m", "tests.training.tiny", "train", str(tmp_path), str(base)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait_for(tmp_path, "checkpoint-8")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    torn = next(tmp_path.rglob("complete")).parent / "partial" / "checkpoint-99"
    torn.mkdir(parents=True)
    (torn / "adapter_model.safetensors").write_bytes(b"half")
    assert digests(train_step(tmp_path, base).run(**QUICK)) == digests(whole[1])


def test_a_stop_keeps_a_checkpoint_and_the_next_run_ends_with_the_same_bytes(tmp_path, base, whole):
    asked = iter([False] * 5 + [True] * 100)
    with pytest.raises(Stopped, match=r"step 3 of 16"):
        train_step(tmp_path, base, stopping=lambda: next(asked)).run(**QUICK)
    assert next(tmp_path.rglob("checkpoint-3")).parent.name == "complete"
    assert digests(train_step(tmp_path, base).run(**QUICK)) == digests(whole[1])


def test_a_row_over_the_length_is_dropped_whole_and_counted(tmp_path, base):
    manifest = train_step(tmp_path, base).run(**{**QUICK, "epochs": 1, "max_length": 120})
    assert manifest.dropped == {"too-long": 8}
    assert manifest.metrics["longest"] <= 120


def test_a_corpus_of_which_nothing_is_left_is_bad_input(tmp_path, base):
    with pytest.raises(InputError, match=r"all 16 rows are over train.max_length"):
        train_step(tmp_path, base).run(**{**QUICK, "max_length": 20})
    step = train_step(tmp_path / "empty", base)
    step.inputs["corpus"] = write_lines(tmp_path / "none.jsonl", list[Example]())
    with pytest.raises(InputError, match="no rows"):
        step.run(**QUICK)


def test_a_folder_that_is_no_model_is_named_with_what_it_lacks(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no config\.json"):
        train_step(tmp_path, tmp_path / "empty").run(**QUICK)


def test_targets_that_match_nothing_stop_the_run_and_name_what_there_is(tmp_path, base):
    with pytest.raises(ConfigError, match=r"gate_proj.*there are: down_proj, in_proj, k_proj"):
        train_step(tmp_path, base).run(**{**QUICK, "targets": ("q_proj", "gate_proj")})
    with pytest.raises(ConfigError, match=r"'mixer.q_proj' is a path; its last part is right: 'q_proj'"):
        train_step(tmp_path, base).run(**{**QUICK, "targets": ("mixer.q_proj",)})


def test_a_loss_that_is_no_number_says_what_to_look_at(tmp_path, base):
    with pytest.raises(ConfigError, match=r"no number to learn from.*learning_rate"):
        train_step(tmp_path, base).run(**{**QUICK, "learning_rate": 1e30, "max_grad_norm": 1e30})


def test_a_base_in_four_bits_trains_on_a_cpu(tmp_path, base):
    manifest = train_step(tmp_path, base).run(**{**QUICK, "quantization": "nf4"})
    linear = [
        weight.numel()
        for name, weight in AutoModelForCausalLM.from_pretrained(base).named_parameters()
        if name.endswith("proj.weight") and not name.endswith("out_proj.weight") and weight.shape[1] % 64 == 0
    ]
    assert manifest.metrics["quantised"] == sum(linear)
    told = orjson.loads((tmp_path / "root" / manifest.outputs["adapter"].address / "targets.json").read_bytes())
    assert told["quantisable"] == sum(kind["parameters"] for kind in told["kinds"] if kind["is_quantised"]) >= sum(linear)
    log = (tmp_path / "root" / manifest.outputs["adapter"].address / "log.jsonl").read_bytes().splitlines()
    assert falls([orjson.loads(line) for line in log])


def test_a_run_in_four_bits_that_is_stopped_ends_with_the_same_bytes(tmp_path, base):
    config = {**QUICK, "epochs": 2, "quantization": "nf4"}
    expected = digests(train_step(tmp_path / "whole", base).run(**config))
    asked = iter([False] * 3 + [True] * 100)
    with pytest.raises(Stopped, match=r"step 2 of 8"):
        train_step(tmp_path / "stopped", base, stopping=lambda: next(asked)).run(**config)
    assert digests(train_step(tmp_path / "stopped", base).run(**config)) == expected


def test_the_recipe_of_the_defaults_runs(tmp_path, base):
    manifest = train_step(tmp_path, base).run(epochs=1)
    assert (manifest.metrics["steps"], manifest.metrics["rows"]) == (1, 16)
    assert manifest.config["r"] == 32


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("epochs", float("inf")),
        ("learning_rate", float("inf")),
        ("learning_rate", float("nan")),
        ("warmup", float("inf")),
        ("weight_decay", float("inf")),
        ("max_grad_norm", float("inf")),
        ("alpha", 10**30),
        ("micro_batch", 10**30),
        ("accumulation", 10**30),
        ("max_length", 10**30),
        ("checkpoint_every", 10**30),
        ("threads", 10**30),
    ],
)
def test_a_number_that_no_run_could_use_is_refused(field, value):
    with pytest.raises(ConfigError, match=rf"train\.{field}: .*got {value}".replace("+", r"\+")):
        build(TrainConfig, {field: value}, "train")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_model_without_a_part_is_named_with_it(tmp_path, base, name):
    shutil.copytree(base, tmp_path / "model")
    (tmp_path / "model" / name).unlink()
    with pytest.raises(InputError, match=r"model: holds no .*(safetensors|tokenizer)"):
        train_step(tmp_path, tmp_path / "model").run(**QUICK)
