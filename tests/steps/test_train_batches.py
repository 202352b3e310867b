import json
import os
import signal
import subprocess
import sys

import orjson
import pytest
from tests.training.tiny import QUICK, attending, train_step, untaught, wait_for

from nemoflow.config import identity
from nemoflow.errors import ConfigError
from nemoflow.steps.train import TrainConfig

pytestmark = pytest.mark.timeout(900)
PACKED = {"packing": True, "batch_tokens": 300, "epochs": 8}
STACKED = {"batch_tokens": 300}
WHOLE = {**QUICK, "dropout": 0.0, "micro_batch": 4, "accumulation": 64}
"""Every step sees all 16 rows, so that whole curves are comparable."""


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    return {"llama": attending(tmp_path_factory.mktemp("llama")), "nemotron_h": untaught(tmp_path_factory.mktemp("nemotron_h"))}


@pytest.fixture(scope="module")
def plain(tmp_path_factory, bases):
    """The curves of rows that were not put together."""
    roots = {family: tmp_path_factory.mktemp("plain") for family in bases}
    return {family: log_of(root, train_step(root, bases[family]).run(**WHOLE)) for family, root in roots.items()}


def log_of(root, manifest):
    lines = (root / "root" / manifest.outputs["adapter"].address / "log.jsonl").read_bytes().splitlines()
    return [orjson.loads(line) for line in lines]


def digests(manifest):
    return {file.path: file.digest for file in manifest.outputs["adapter"].files}


@pytest.mark.parametrize(
    ("family", "fields"),
    [
        ("llama", {"packing": True, "batch_tokens": 300}),
        ("llama", {"packing": True, "micro_batch": 3, "activation_checkpointing": True}),
        ("llama", {"batch_tokens": 300}),
        ("nemotron_h", {"batch_tokens": 300}),
    ],
)
def test_steps_that_see_the_same_rows_have_the_same_losses_and_gradients_however_rows_are_put_together(
    tmp_path, bases, plain, family, fields
):
    other = train_step(tmp_path, bases[family]).run(**{**WHOLE, **fields})
    assert len(plain[family]) == QUICK["epochs"]
    assert 1 < other.metrics["groups"] < 16
    for row, expected in zip(log_of(tmp_path, other), plain[family], strict=True):
        assert row == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("family", "fields"), [("llama", PACKED), ("nemotron_h", STACKED)])
def test_a_run_that_is_killed_and_resumed_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, bases, family, fields):
    config = {**QUICK, "checkpoint_every": 2, **fields}
    whole = train_step(tmp_path / "whole", bases[family]).run(**config)
    extra = {name: value for name, value in config.items() if QUICK.get(name) != value}
    broken = tmp_path / "broken"
    command = [sys.executable, "-m", "tests.training.tiny", "train", str(broken), str(bases[family]), json.dumps(extra)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait_for(broken, "checkpoint-4")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert digests(train_step(broken, bases[family]).run(**config)) == digests(whole)


def test_packing_a_model_with_mamba_layers_is_refused_by_name_before_anything_is_trained(tmp_path, bases):
    with pytest.raises(
        ConfigError, match=r"train\.packing: .* nemotron_h: NemotronHMamba\w* x1 .* false is right, with train\.batch_tokens"
    ):
        train_step(tmp_path, bases["nemotron_h"]).run(**QUICK, packing=True)
    assert not list(tmp_path.rglob("checkpoint-*"))


def test_rows_over_the_tokens_of_a_batch_are_trained_alone_and_not_lost(tmp_path, bases):
    for name, packing in (("packs", True), ("stacks", False)):
        manifest = train_step(tmp_path / name, bases["llama"]).run(**{**QUICK, "epochs": 1, "packing": packing, "batch_tokens": 8})
        assert (manifest.metrics["rows"], manifest.metrics["groups"], manifest.dropped) == (16, 16, {})
        assert manifest.metrics["padding"] == 0


def test_what_was_trained_before_rows_could_be_put_together_is_still_found():
    assert not {"packing", "batch_tokens"} & set(identity(TrainConfig()))
    assert {"packing", "batch_tokens"} <= set(identity(TrainConfig(**PACKED)))
