import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from tests.steps.alone import Alone, write_lines
from tests.submission.fake_kaggle import fake_kaggle
from tests.training.tiny import BRIEF, QUICK, puzzles, train_step, untaught

from nemoflow.errors import InputError
from nemoflow.flow.manifest import FileRecord, Manifest, OutputRecord
from nemoflow.flow.step import Step
from nemoflow.steps import EVALUATE, NOTEBOOK, REINFORCE, TRAIN
from nemoflow.steps.evaluate import EvaluateConfig
from nemoflow.steps.reinforce import ReinforceConfig
from nemoflow.steps.train import TrainConfig
from nemoflow.store import open_store

EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
print("".join(part.get("text", "") for cell in notebook.cells for part in cell.get("outputs", ())))
"""
OFFLINE = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def execute(path: Path, **environment: str) -> str:
    told = {**os.environ, **OFFLINE, **environment}
    done = subprocess.run([sys.executable, "-c", EXECUTE, str(path)], env=told, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(root: Path, inputs: dict, **config: object) -> Path:
    step = Alone(NOTEBOOK, inputs, root)
    return root / step.run("notebooks", **config).outputs["notebooks"].address


def test_an_adapter_without_a_manifest_gives_notebooks_with_the_defaults_that_say_so(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    one, two = (write(tmp_path / name, {"adapter": tmp_path / "adapter"}, owner="me", competition="contest") for name in "ab")
    names = sorted(path.relative_to(one).as_posix() for path in one.rglob("*") if path.is_file())
    assert names == [
        f"{name}/{file}" for name in ("nemoflow-score", "nemoflow-train") for file in ("kernel-metadata.json", f"{name}.ipynb")
    ]
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
    notebook = nbformat.read(one / "nemoflow-train" / "nemoflow-train.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert "training: no manifest was at hand" in notebook.cells[0].source
    assert any(cell.source.startswith("CONFIG = {}") for cell in notebook.cells)


def put_manifest(root: Path, run: str, step: Step, config: dict, **metrics: float) -> None:
    """What a run of that step would have left, one file an output."""
    outputs = {
        name: OutputRecord(
            kind=kind.name,
            address=f"runs/{run}/node/{name}",
            files=tuple(FileRecord(path=path, size=2, digest=run + name) for path in ("adapter_config.json", "log.jsonl")),
        )
        for name, kind in step.outputs.items()
    }
    made = Manifest(
        run=run, node="node", step=step.name, version=1, fingerprint="f", config=config, outputs=outputs, started="", seconds=1, code="",
        metrics=metrics,
    )  # fmt: skip
    open_store(str(root)).write_bytes(f"runs/{run}/node/manifest.json", made.to_json())


@pytest.mark.parametrize("kinds", [{}, {"unit": 1}])
def test_both_stages_of_a_reinforced_adapter_stand_in_a_notebook_and_the_last_ones_files_are_asked_for(tmp_path, kinds):
    put_manifest(tmp_path / "root", "t", TRAIN, TrainConfig(r=8).model_dump(mode="json"))
    reward = ReinforceConfig(steps=7, kinds=kinds, checkpoint_every=3).model_dump(mode="json")
    put_manifest(tmp_path / "root", "g", REINFORCE, reward, reward=0.5, reward_at_start=0.25, steps=7)
    folder = write(tmp_path / "root", {"adapter": "run://g/node/adapter", "trained": "run://t/node/adapter"})
    score, train = (path.read_text() for path in sorted(folder.rglob("*.ipynb")))
    for part in ("'r': 8", "'steps': 7", "'checkpoint_every': 3", "reward, from start to end | 0.250 to 0.500 | `g/node"):
        assert part in train, part
    assert ("ASKED" in train) == (not kinds)
    asked = json.loads((folder / "nemoflow-train" / "kernel-metadata.json").read_text())["dataset_sources"]
    assert ("USERNAME/nemoflow-train-problems" in asked) == (not kinds)
    assert "'adapter_config.json': 'gadapter'" in score
    assert "tadapter" not in score
    assert "log.jsonl" not in score
    with pytest.raises(InputError, match="made by `reinforce`; wire the input `trained`"):
        Alone(NOTEBOOK, {"adapter": "run://g/node/adapter"}, tmp_path / "root").run("other")


def test_what_decided_the_result_stands_in_a_notebook_and_where_it_was_made_does_not(tmp_path):
    """An evaluation by a server of the team's own, and a training on four GPUs that told a tracker of itself."""
    spread = {"processes": 4, "sharding": "base", "quantization": "none"}
    train = TrainConfig(r=8, track=("wandb",), checkpoint_every=7, **spread).model_dump(mode="json")
    evaluate = EvaluateConfig(
        engine="endpoint", url="http://team.internal:8000/v1", api_key_env="TEAM_KEY", served_model="m", temperature=0.6
    )
    for run, step, config in (("t", TRAIN, train), ("e", EVALUATE, evaluate.model_dump(mode="json"))):
        put_manifest(tmp_path / "root", run, step, config)
    folder = write(tmp_path / "root", {"adapter": "run://t/node/adapter", "report": "run://e/node/report"})
    texts = [path.read_text() for path in sorted(folder.rglob("*.ipynb"))]
    assert "'temperature': 0.6" in texts[0]
    assert "'r': 8" in texts[1]
    assert "'checkpoint_every': 7" in texts[1]
    assert "'quantization': 'none'" in texts[1]
    assert not any(
        word in text
        for text in texts
        for word in ("'processes'", "sharding", "team.internal", "TEAM_KEY", "wandb", "endpoint", "served_model")
    )


REWARD = {**BRIEF, "steps": 2, "base_name": ""}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebooks_train_reinforce_score_and_submit_without_a_network_what_the_run_did(tmp_path):
    base, mounted = untaught(tmp_path / "input" / "mounted" / "tiny-base"), tmp_path / "input"
    train = train_step(tmp_path, base)
    trained = train.run("r", **QUICK, dropout=0.0)
    sources = {"adapter": "run://g/node/adapter", "trained": "run://r/node/adapter"}
    reinforced = Alone(REINFORCE, {"adapter": sources["trained"], "model": base}, train.root).run("g", **REWARD)
    before, adapter = (train.root / made.outputs["adapter"].address for made in (trained, reinforced))
    assert (adapter / "adapter_model.safetensors").read_bytes() != (before / "adapter_model.safetensors").read_bytes()
    told = json.loads((adapter / "adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == "test/tiny", "that of the adapter it went on from"
    problems = write_lines(mounted / "nemoflow-problems" / "eval.jsonl", puzzles(3))
    settings = {"max_new_tokens": 8, "threads": 1}
    Alone(EVALUATE, {"problems": problems, "model": base, "adapter": adapter}, train.root).run("s", **settings)
    (mounted / "nemoflow-corpus").mkdir()
    os.link(tmp_path / "corpus.jsonl", mounted / "nemoflow-corpus" / "corpus.jsonl")
    (mounted / "nemoflow-adapter").mkdir()
    for file in adapter.iterdir():
        os.link(file, mounted / "nemoflow-adapter" / file.name)
    places = {
        "input_dir": str(mounted),
        "output_dir": str(tmp_path / "working"),
        "model": "tiny-base",
        "competition": "contest",
        "limit": 0,
    }
    (tmp_path / "working").mkdir()
    made = write(train.root, {**sources, "report": "run://s/node/report"}, **places)
    said = execute(made / "nemoflow-train" / "nemoflow-train.ipynb")
    assert f"loss {trained.metrics['loss']:.4f}" in said
    for step, made_here in (("train", before), ("reinforce", adapter)):
        again = tmp_path / "working" / "nemoflow-data" / "runs" / "steps" / step / "adapter"
        assert (again / "adapter_model.safetensors").read_bytes() == (made_here / "adapter_model.safetensors").read_bytes()
    with zipfile.ZipFile(tmp_path / "working" / "submission.zip") as archive:
        assert archive.read("adapter_model.safetensors") == (adapter / "adapter_model.safetensors").read_bytes()
    score = made / "nemoflow-score" / "nemoflow-score.ipynb"
    score.write_text(score.read_text().replace("CONFIRM = False", "CONFIRM = True"))
    with fake_kaggle() as board:
        board.looks_until_scored = 0
        said = execute(score, **board.environment)
        assert "the run itself had" in said
        assert "byte for byte" in said
        assert [row["status"] for row in board.submissions] == ["COMPLETE"]
    assert json.loads((made / "nemoflow-train" / "kernel-metadata.json").read_text())["is_private"]
    (mounted / "nemoflow-adapter" / "adapter_model.safetensors").unlink()
    os.link(before / "adapter_model.safetensors", mounted / "nemoflow-adapter" / "adapter_model.safetensors")
    with pytest.raises(AssertionError, match=r"adapter_model\.safetensors is not that of g/node"):
        execute(score)
