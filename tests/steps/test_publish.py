"""Publishing through the hub's own client, in a process of its own: that reads its environment when it is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.steps.alone import Alone, write_lines
from tests.submission.fake_hub import TOKEN, fake_hub
from tests.submission.lora import save_base, sound

from nemoflow.errors import ConfigError, InputError
from nemoflow.records import Example
from nemoflow.steps import PUBLISH


@pytest.fixture
def hub():
    with fake_hub() as hub:
        yield hub


@pytest.fixture
def outside(tmp_path):
    """An adapter, a corpus, and cards as the step `cards` writes them."""
    sound(tmp_path / "adapter").save()
    save_base(tmp_path / "base")
    fields = {name: name for name in ("id", "problem_id", "trace_id", "category", "source", "prompt", "response")}
    write_lines(tmp_path / "corpus" / "part.jsonl", [Example(**fields)])
    for name in ("model", "dataset"):
        (tmp_path / "cards" / name).mkdir(parents=True)
        (tmp_path / "cards" / name / "README.md").write_text(f'---\nlicense: "apache-2.0"\n---\n\n# {name}\n')
    told = {"base": "nvidia/base", "licence": "apache-2.0", "corpus_licence": "cc-by-4.0"}
    (tmp_path / "cards" / "cards.json").write_text(json.dumps(told))
    return tmp_path


CONFIG = {"model_repo": "team/adapter", "dataset_repo": "team/corpus", "confirm": True}


def publish(outside: Path, hub, run: str = "one", **config: object) -> subprocess.CompletedProcess[str]:
    inputs = [f"{name}={outside}/{name}" for name in ("cards", "adapter", "corpus")]
    words = ["step", "publish", *(word for one in inputs for word in ("--input", one)), "--run", run, "--root", str(outside / "root")]
    command = [sys.executable, "-m", "nemoflow.cli.main", *words, "--set", json.dumps({**CONFIG, **config})]
    return subprocess.run(command, env={**os.environ, **hub.environment}, capture_output=True, text=True, timeout=120)


def test_adapter_and_corpus_go_with_their_cards_to_private_repositories_once(outside, hub):
    done = publish(outside, hub)
    assert done.returncode == 0, done.stderr
    adapter, corpus = hub.repos["models/team/adapter"], hub.repos["datasets/team/corpus"]
    assert (adapter["private"], corpus["private"]) == (True, True)
    assert set(adapter["files"]) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert adapter["files"]["adapter_model.safetensors"] == (outside / "adapter" / "adapter_model.safetensors").read_bytes()
    assert set(corpus["files"]) == {"README.md", "part.jsonl"}
    again = publish(outside, hub, "two")
    assert again.returncode == 0, again.stderr
    assert "held all of it already" in again.stderr
    assert (adapter["commits"], corpus["commits"]) == (1, 1)
    held = b"".join(path.read_bytes() for path in (outside / "root").rglob("*") if path.is_file())
    assert TOKEN.encode() not in held
    assert TOKEN not in done.stderr + done.stdout
    assert f"Bearer {TOKEN}" in hub.tokens


def test_a_public_repository_takes_nothing_that_is_to_stay_private(outside, hub):
    hub.repos["models/team/adapter"] = {"private": False, "files": {}, "commits": 0}
    done = publish(outside, hub, dataset_repo="")
    assert done.returncode == 2
    assert "team/adapter: is public, and private = true" in done.stderr
    assert hub.repos["models/team/adapter"]["files"] == {}
    assert publish(outside, hub, dataset_repo="", private=False).returncode == 0


@pytest.mark.parametrize(
    ("told", "config", "words"),
    [
        ({}, {"confirm": False}, r"publish\.confirm: false"),
        ({}, {"model_repo": "", "dataset_repo": ""}, "neither model_repo nor dataset_repo"),
        ({"licence": ""}, {}, "licence: not stated"),
        ({"corpus_licence": ""}, {}, "corpus_licence: not stated"),
        ({"base": ""}, {}, "base: not known"),
        ({}, {"token_env": "NO_SUCH_TOKEN"}, "token_env: NO_SUCH_TOKEN is not set"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(outside, told, config, words):
    file = outside / "cards" / "cards.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **told}))
    step = Alone(PUBLISH, {name: outside / name for name in ("cards", "adapter", "corpus")}, outside / "root")
    with pytest.raises((ConfigError, InputError), match=words):
        step.run(**{**CONFIG, **config})


def test_what_the_gate_refused_is_not_published(outside):
    gate = {"rules": [{"name": "min_gain", "passed": False, "words": "asked for +1 points, found -2"}]}
    (outside / "gate").mkdir()
    (outside / "gate" / "gate.json").write_text(json.dumps(gate))
    step = Alone(PUBLISH, {name: outside / name for name in ("cards", "adapter", "corpus", "gate")}, outside / "root")
    manifest = step.run(**CONFIG)
    assert (manifest.status, "min_gain: asked for" in manifest.reason) == ("skipped", True)


def test_a_hub_that_refuses_ends_with_2_and_one_that_is_away_with_75(outside, hub):
    hub.fail = [403]
    refused = publish(outside, hub)
    assert (refused.returncode, "hub, team/adapter: 403" in refused.stderr) == (2, True), refused.stderr
    hub.fail = [500] * 9
    away = publish(outside, hub)
    assert (away.returncode, "hub, team/adapter: 500" in away.stderr) == (75, True), away.stderr
