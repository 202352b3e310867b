"""The run of `train`: length buckets, held-out loss, which state becomes the adapter, stops, what is told of it."""

import json
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise

import orjson
import pytest
import torch
from safetensors.torch import load_file
from tests.training.tiny import QUICK, train_step, untaught, wait_for

from nemoflow.config import build, identity
from nemoflow.errors import ConfigError, Stopped
from nemoflow.steps.train import TrainConfig
from nemoflow.training.tracking import need_trackers

pytestmark = pytest.mark.timeout(900)
BUCKETS = {**QUICK, "buckets": (128, 180, 512), "batch_tokens": 320, "accumulation": 2, "checkpoint_every": 2}
HELD = {**BUCKETS, "eval_share": 0.3, "eval_every": 3, "keep": "best", "learning_rate": 0.3, "schedule": "constant_with_warmup"}
MEAN = {**QUICK, "average": 3, "average_every": 3, "checkpoint_every": 4}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return untaught(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, base):
    """Undisturbed runs by name: (folder of outputs, manifest)."""
    made = {}
    for name, config in (("buckets", BUCKETS), ("held", HELD), ("mean", MEAN)):
        root = tmp_path_factory.mktemp(name)
        manifest = train_step(root, base).run(**config)
        made[name] = root / "root" / "runs" / "r" / "node", manifest
    return made


def digests(manifest):
    return {file.path: file.digest for file in manifest.outputs["adapter"].files}


def lines(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def factors(folder):
    return load_file(folder / "adapter_model.safetensors")


def test_a_run_that_is_killed_and_resumed_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, base, whole):
    extra = {key: value for key, value in HELD.items() if QUICK.get(key) != value}
    command = [sys.executable, "-m", "tests.training.tiny", "train", str(tmp_path), str(base), json.dumps(extra)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait_for(tmp_path, "checkpoint-4")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    folder, undisturbed = whole["held"]
    assert digests(train_step(tmp_path, base).run(**HELD)) == digests(undisturbed)
    again = lines(tmp_path / "root/runs/r/node/watch/watch.jsonl")
    told = ("step", "loss", "learning_rate", "grad_norm", "tokens", "padding", "bucket", "held_out_loss")
    assert [[row.get(key) for key in told] for row in again] == [
        [row.get(key) for key in told] for row in lines(folder / "watch/watch.jsonl")
    ]


@pytest.mark.parametrize("asked", [1, 7])
def test_a_stop_between_micro_batches_keeps_the_step_before_and_ends_with_the_same_bytes(tmp_path, base, whole, asked):
    """Two micro batches a step: it is asked after the first of each, and after each step."""
    answers = iter([False] * (asked - 1) + [True] * 100)
    with pytest.raises(Stopped, match=rf"stopped after step {asked // 2} of"):
        train_step(tmp_path, base, stopping=lambda: next(answers)).run(**MEAN)
    kept = [path.name for path in tmp_path.rglob("checkpoint-*")]
    assert (f"checkpoint-{asked // 2}" in kept) == (asked > 1)
    assert digests(train_step(tmp_path, base).run(**MEAN)) == digests(whole["mean"][1])


def test_a_stop_while_held_out_rows_are_asked_ends_with_the_same_bytes(tmp_path, base, whole):
    """Steps have two micro batches and are asked about twice; then, after the third step, so are the held-out rows."""
    answers = iter([False] * 6 + [True] * 100)
    with pytest.raises(Stopped, match="stopped after step 3 of"):
        train_step(tmp_path, base, stopping=lambda: next(answers)).run(**HELD)
    assert digests(train_step(tmp_path, base).run(**HELD)) == digests(whole["held"][1])


def test_buckets_are_gone_through_in_order_and_their_rows_are_no_longer_than_they_say(whole):
    folder, manifest = whole["buckets"]
    rows = lines(folder / "watch/watch.jsonl")
    bounds = [row["bucket"] for row in rows]
    assert bounds == sorted(bounds)
    assert len(set(bounds)) == 3
    assert sum(row["tokens"] for row in rows) == QUICK["epochs"] * manifest.metrics["tokens"]
    assert manifest.metrics["padding"] < 0.2


def test_one_learning_rate_schedule_goes_over_all_buckets(whole):
    rates = [row["learning_rate"] for row in lines(whole["buckets"][0] / "adapter/log.jsonl")]
    warm = rates.index(max(rates))
    assert all(before > after for before, after in pairwise(rates[warm:]))


def test_the_adapter_is_the_state_of_the_lowest_held_out_loss_and_the_last_is_kept_beside_it(whole):
    folder, manifest = whole["held"]
    asked = {row["step"]: row["held_out_loss"] for row in lines(folder / "adapter/log.jsonl") if "held_out_loss" in row}
    steps = int(manifest.metrics["steps"])
    assert set(asked) == {*range(3, steps + 1, 3), steps}
    assert asked[manifest.metrics["best_step"]] == min(asked.values()) == manifest.metrics["best_held_out_loss"]
    assert manifest.metrics["best_step"] < steps, "the rate is so high that the end is not the best"
    assert manifest.metrics["rows"] + manifest.metrics["held_out"] == 16
    best, last = factors(folder / "adapter"), factors(folder / "watch/last")
    assert any(not torch.equal(best[name], last[name]) for name in best)


def test_the_mean_of_states_is_another_adapter_than_the_last_of_them(whole):
    folder, manifest = whole["mean"]
    mean, last = factors(folder / "adapter"), factors(folder / "watch/last")
    assert {name: weight.shape for name, weight in mean.items()} == {name: weight.shape for name, weight in last.items()}
    assert any(not torch.allclose(mean[name], last[name]) for name in mean)
    assert 0 <= manifest.metrics["averaging_left_out"] < 0.05


def test_what_depends_on_the_clock_is_told_beside_the_adapter_and_not_in_it(whole):
    folder, manifest = whole["buckets"]
    rows = lines(folder / "watch/watch.jsonl")
    assert all({"tokens", "tokens_per_s", "padding", "seconds", "peak_memory_gib"} <= set(row) for row in rows)
    assert all(manifest.metrics[name] > 0 for name in ("seconds_per_step", "tokens_per_s", "peak_memory_gib"))
    assert not any(b"seconds" in path.read_bytes() for path in (folder / "adapter").glob("*.json*"))
    assert (folder / "watch/curve.svg").read_text().startswith("<svg")


def test_a_rate_that_moves_nothing_stops_the_run(tmp_path, base):
    with pytest.raises(ConfigError, match=r"the loss is stuck: after step 20 .* train\.learning_rate \(1e-12; try ten times as much\)"):
        train_step(tmp_path, base).run(**{**QUICK, "learning_rate": 1e-12, "epochs": 5, "warmup": 0})


def test_a_tracker_that_is_not_installed_is_named():
    with pytest.raises(ConfigError, match=r"train\.track: no_such is not installed; `pip install no_such`"):
        need_trackers(["no_such"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"buckets": [64, 32, 4096], "batch_tokens": 64}, "rising bounds of which the last is max_length (4096)"),
        ({"buckets": [64, 128], "batch_tokens": 64}, "the last is max_length (4096)"),
        ({"buckets": [64, 4096]}, "need batch_tokens"),
        ({"keep": "best"}, "needs eval_share above 0"),
        ({"keep": "best", "eval_share": 0.1, "average": 2}, "one of the two"),
        ({"average": 1}, "0 for the last state, or 2 and more"),
        ({"eval_share": 1.0}, "train.eval_share"),
        ({"track": ["mlflow"]}, "train.track"),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(fields, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        build(TrainConfig, fields, "train")


def test_results_made_before_these_fields_are_still_found():
    news = {"buckets", "eval_share", "eval_every", "keep", "average", "average_every", "track"}
    assert not news & set(identity(TrainConfig()))
    assert "track" not in identity(TrainConfig(track=("tensorboard",)))
