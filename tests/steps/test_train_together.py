"""Training by several processes, on real trainers: what a process alone does, to the last digits that sums leave the same."""

import os
import signal
import subprocess
import sys

import orjson
import pytest
from tests.training.tiny import QUICK, train_step, untaught, wait_for

from nemoflow.config import build
from nemoflow.errors import ConfigError
from nemoflow.gang import AT_ENV, GANG_ENV
from nemoflow.ports import free_port
from nemoflow.steps.train import TrainConfig

pytestmark = pytest.mark.timeout(1500)

CALM = {**QUICK, "dropout": 0.0, "eval_share": 0.2, "eval_every": 4, "keep": "best"}
"""Without dropout, whose masks belong to a process and not to a row; 12 rows in steps of 4 are 12 steps."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return untaught(tmp_path_factory.mktemp("base"))


def run(root, base, **fields):
    """(rows of the log, manifest) of a run."""
    root.mkdir(exist_ok=True)
    manifest = train_step(root, base).run(**{**CALM, **fields})
    return [orjson.loads(line) for line in read(root, manifest, "log.jsonl").splitlines()], manifest


def read(root, manifest, name):
    return (root / "root" / manifest.outputs["adapter"].address / name).read_bytes()


def digests(manifest):
    return {file.path: file.digest for file in manifest.outputs["adapter"].files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, base):
    return run(tmp_path_factory.mktemp("alone"), base)


@pytest.fixture(scope="module")
def two(tmp_path_factory, base):
    return run(tmp_path_factory.mktemp("two"), base, processes=2)


def same_curve(mine, theirs):
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert one == {name: pytest.approx(value, rel=1e-4) for name, value in other.items()}


def test_two_processes_draw_the_loss_curve_of_one(alone, two):
    """The same rows in the same steps, each token with the same weight; tokens and held-out rows are counted once."""
    same_curve(two[0], alone[0])
    counted = ("rows", "tokens", "steps", "held_out", "trainable", "best_step")
    assert {name: two[1].metrics[name] for name in counted} == {name: alone[1].metrics[name] for name in counted}


def test_a_base_in_shares_draws_it_too(tmp_path, base, alone):
    rows, _ = run(tmp_path / "shares", base, processes=2, sharding="base", activation_checkpointing=True)
    same_curve(rows, alone[0])


class Pods:
    """Two pods, each with the command that both are given, one store between them, and no other folder in common."""

    def __init__(self, folder, base):
        self.root = folder / "root"
        sets = orjson.dumps({**CALM, "processes": 2}).decode()
        inputs = train_step(folder, base).inputs
        self.command = [sys.executable, "-m", "nemoflow.cli.main", "step", "train", "--root", str(self.root), "--run", "r", "--set", sets]
        self.command += [part for name, path in inputs.items() for part in ("--input", f"{name}={path}")]
        self.folders = [folder / "first", folder / "second"]
        for own in self.folders:
            own.mkdir()

    def start(self):
        at = f"127.0.0.1:{free_port()}"
        own = [{GANG_ENV: f"{index}/2", AT_ENV: at, "TMPDIR": str(path)} for index, path in enumerate(self.folders)]
        return [subprocess.Popen(self.command, env={**os.environ, **one}, stderr=subprocess.PIPE, text=True) for one in own]


def test_two_pods_of_which_one_was_killed_end_with_the_bytes_of_one_that_nobody_disturbed(tmp_path, base, two):
    """The random numbers of both processes come back, or the order of rows would differ; the pod that is left says: try again."""
    pods = Pods(tmp_path, base)
    first, second = pods.start()
    wait_for(pods.root, "complete/checkpoint-4", 400)
    second.kill()
    assert "lost another" in first.communicate(timeout=300)[1]
    second.communicate(timeout=300)
    assert (first.returncode, second.returncode) == (75, -signal.SIGKILL)
    again = pods.start()
    said = [pod.communicate(timeout=500)[1] for pod in again]
    assert [pod.returncode for pod in again] == [0, 0], said
    assert "resumed at step" in said[0]
    assert "training" not in said[1]
    manifest = orjson.loads((pods.root / "runs" / "r" / "train" / "manifest.json").read_bytes())
    assert {file["path"]: file["digest"] for file in manifest["outputs"]["adapter"]["files"]} == digests(two[1])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"processes": 3, "accumulation": 8}, "processes 3: share the 8 micro batches"),
        ({"processes": 2, "sharding": "base"}, "sharding 'base' with processes 2 and quantization 'nf4'"),
        ({"sharding": "base", "quantization": "none"}, "sharding 'base' with processes 1"),
    ],
)
def test_what_cannot_be_shared_is_refused(fields, said):
    with pytest.raises(ConfigError, match=said):
        build(TrainConfig, fields, "train")
