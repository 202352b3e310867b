"""The competition's pipeline on a contest-like train.csv, a public set and a base of its own, with a teacher behind a URL."""

import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import xxhash
from tests.training.tiny import BRIEF

from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.split import draw
from nemoflow.store import open_store

ROOT = Path(__file__).parents[2]


def word_problem(n: int) -> dict[str, str]:
    """A row as GSM8K has them."""
    total = 2 * n + 2
    answer = f"She has {n}+{n + 2}=<<{n}+{n + 2}={total}>>{total}.\n#### {total}"
    return {"question": f"Ann has {n} apples and buys {n + 2} more. How many has she?", "answer": answer}


def nemoflow(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nemoflow.cli.main", *map(str, args)], capture_output=True, text=True, timeout=300)


@pytest.fixture
def outside(tmp_path):
    """Files that a contest team brings: train.csv, a public set, a base model."""
    puzzles = [problem for kind in ("numeral", "unit") for problem, _ in zip(draw(FAMILIES[kind], "train", 5), range(60), strict=False)]
    with (tmp_path / "train.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "prompt", "answer"])
        rows.writerows((f"{index:08x}", puzzle.statement, puzzle.gold) for index, puzzle in enumerate(puzzles))
    (tmp_path / "public.jsonl").write_text("".join(json.dumps(row) + "\n" for row in map(word_problem, range(3, 23))))
    with (tmp_path / "problems.jsonl").open("wb") as stream:
        stream.writelines(puzzle.model_dump_json().encode() + b"\n" for puzzle in puzzles)
    made = nemoflow(
        "step", "make-student", "--input", f"problems={tmp_path}/problems.jsonl", "--set", '{"steps": 2}', "--root", tmp_path / "made"
    )
    assert made.returncode == 0, made.stderr
    return tmp_path


@pytest.fixture
def teacher():
    command = [sys.executable, "-m", "nemoflow.cli.main", "puzzles", "serve", "--port", "0", "--error-rate", "0.2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline().split()
    yield said[0], said[-1]
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.mark.slow
def test_the_competitions_way_ends_in_a_zip_and_a_second_run_starts_at_train(outside, teacher):
    model, url = teacher
    workflow = outside / "mine.toml"
    workflow.write_text(f"""
pipeline = "competition"
[inputs]
problems = "train.csv"
public = "public.jsonl"
model = "made/runs/steps/make-student/model"
[load-problems]
format = "kaggle"
eval_share = 0.2
[load-public]
format = "gsm8k"
eval_share = 0.0
[wake-teacher]
kind = "url"
url = "{url}"
model = "{model}"
[harvest]
samples = 2
[shards]
harvest = 2
verify = 2
[filter]
min_chars = 20
max_per_problem = 1
[train]
epochs = 1
r = 8
micro_batch = 4
max_length = 600
precision = "fp32"
threads = 1
activation_checkpointing = false
base_name = "mine"
[evaluate-base]
max_new_tokens = 8
threads = 1
[evaluate-adapter]
max_new_tokens = 8
threads = 1
""")
    root = outside / "root"
    first = nemoflow("run", workflow, "--root", root)
    assert first.returncode == 0, first.stderr
    with zipfile.ZipFile(root / "runs/competition/package/submission/submission.zip") as archive:
        assert sorted(archive.namelist()) == ["adapter_config.json", "adapter_model.safetensors"]
    corpus = [json.loads(line) for line in (root / "runs/competition/mix/corpus/part.jsonl").read_text().splitlines()]
    assert {row["source"] for row in corpus} >= {"teacher", "public"}
    assert all(row["response"].endswith("}") and row["response"].startswith("<think>\n") for row in corpus)
    second = nemoflow("run", workflow, "--root", root, "--run", "second", "--set", '{"train.learning_rate": 1e-4}')
    assert second.returncode == 0, second.stderr
    ran = [line.split()[0] for line in second.stdout.splitlines() if " running: " in line]
    assert ran == ["train", "evaluate-adapter", "gate", "package", "report"]
    assert open_store(str(root)).exists("runs/second/harvest/manifest.json")
    asked = {f"reinforce.{name}": value for name, value in {**BRIEF, "steps": 1, "kinds": {}}.items()}
    sets = json.dumps({**asked, "notebook.owner": "me", "cards.title": "x"})
    third = nemoflow("run", workflow, "--root", root, "--run", "third", "--set", sets)
    assert third.returncode == 0, third.stderr
    ran = [line.split()[0] for line in third.stdout.splitlines() if " running: " in line]
    assert ran == ["reinforce", "evaluate-adapter", "gate", "package", "report", "notebook", "cards"]
    the_reinforced_adapter_is_packaged_reported_carded_and_asked_for(root / "runs/third", root / "runs/competition/train/adapter")


def the_reinforced_adapter_is_packaged_reported_carded_and_asked_for(run, before):
    weights = (run / "reinforce/adapter/adapter_model.safetensors").read_bytes()
    assert weights != (before / "adapter_model.safetensors").read_bytes()
    with zipfile.ZipFile(run / "package/submission/submission.zip") as archive:
        assert archive.read("adapter_model.safetensors") == weights
    assert {"training.png", "reward.png"} <= {path.name for path in (run / "report/page").iterdir()}
    assert "`third/reinforce " in (run / "cards/cards/model/README.md").read_text()
    assert xxhash.xxh3_128_hexdigest(weights) in (run / "notebook/notebooks/nemoflow-score/nemoflow-score.ipynb").read_text()


@pytest.mark.slow
def test_a_teacher_that_serves_another_model_ends_with_2_and_the_problems_are_kept(outside, teacher):
    _, url = teacher
    workflow = outside / "mine.toml"
    workflow.write_text(f"""
pipeline = "competition"
[inputs]
problems = "train.csv"
model = "made/runs/steps/make-student/model"
[load-problems]
format = "kaggle"
[wake-teacher]
kind = "url"
url = "{url}"
model = "other"
""")
    done = nemoflow("run", workflow, "--root", outside / "root")
    assert done.returncode == 2
    assert "other" in done.stderr
    assert open_store(str(outside / "root")).exists("runs/competition/load-problems/manifest.json")
