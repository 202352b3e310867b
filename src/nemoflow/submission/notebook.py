"""Notebooks for Kaggle: one trains the adapter without a network, one scores it and makes the submission.

They are of notebook format 4.5, the same bytes every time (a cell's id is a hash of its place and text). All figures in them come from
manifests. What they do is done by nemoflow's own steps, from wheels in a data set, so that a notebook is some ten lines of Python.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pprint import pformat
from typing import Any

from nemoflow.submission.figures import Figures


@dataclass(frozen=True)
class Sets:
    """Names of the data sets on Kaggle, and where it mounts them."""

    owner: str
    corpus: str
    wheels: str
    adapter: str
    problems: str
    train_problems: str
    model: str
    model_source: str
    """Kaggle's name of the base: OWNER/MODEL/FRAMEWORK/VARIATION/VERSION."""
    machine: str
    """Kaggle's name of the machine, such as NvidiaRtxPro6000."""
    competition: str
    input_dir: str
    output_dir: str


@dataclass(frozen=True)
class Recipe:
    """What the training notebook repeats."""

    training: Mapping[str, Any]
    """Config of `train`."""
    reward: Mapping[str, Any] | None = None
    """Config of `reinforce`; None where nothing followed on training."""
    asks_problems: bool = False
    """Whether the reinforcement asked problems of a data set, not puzzles that it makes itself."""


@dataclass(frozen=True)
class Made:
    """The adapter that a run scored and packaged."""

    place: str = ""
    """RUN/NODE; empty where no manifest says."""
    files: Mapping[str, str] = field(default_factory=dict)
    """xxh3-128 of its config and weights."""


@dataclass(frozen=True)
class Cell:
    """A piece of a notebook."""

    kind: str
    """`markdown` or `code`."""
    text: str


def train_notebook(sets: Sets, recipe: Recipe, known: Figures) -> dict[str, Any]:
    """Trains by the recipe from the corpus, reinforces where the run did, and checks what came out."""
    asked = [sets.train_problems] if recipe.asks_problems else []
    places = {"CORPUS": (sets.corpus, "*.jsonl*"), "MODEL": (sets.model, "config.json")}
    places |= {"ASKED": (sets.train_problems, "*.jsonl*")} if asked else {}
    words = TRAIN_WORDS if recipe.reward is None else REINFORCED_WORDS
    return _notebook(
        [
            Cell("markdown", _head("Train the adapter, without a network", words, [sets.corpus, *asked, sets.wheels, sets.model], known)),
            Cell("code", _places(sets, **places)),
            Cell("code", _install(sets)),
            Cell(
                "markdown",
                "The recipe, as the run had it. A stopped notebook goes on from its last checkpoint where `ROOT` is still there.",
            ),
            Cell("code", f"CONFIG = {_literal(recipe.training)}\n\n{TRAIN}"),
            Cell("code", LOSS),
            *_reinforcement(recipe),
            Cell("markdown", "Every rule of the contest's runtime is checked; the zip is what *Submit to competition* takes."),
            Cell("code", PACKAGE),
        ]
    )


def _reinforcement(recipe: Recipe) -> Iterator[Cell]:
    if recipe.reward is None:
        return
    wired = 'wired = [f"adapter={ADAPTER}", f"model={MODEL}"' + (', f"problems={ASKED}"' if recipe.asks_problems else "") + "]"
    yield Cell("markdown", "What the run did next: reinforcement of that adapter. The adapter from here on is what comes out of it.")
    yield Cell("code", f"REWARD = {_literal(recipe.reward)}\n\n{wired}\n{REINFORCE}")
    yield Cell("code", REWARDS)


def score_notebook(sets: Sets, config: Mapping[str, Any], known: Figures, expected: Mapping[str, Any], made: Made) -> dict[str, Any]:
    """Scores the run's adapter on held-out problems, makes the zip, and submits it where somebody says so; another adapter stops it."""
    return _notebook(
        [
            Cell(
                "markdown",
                _head("Score the adapter, and submit it", SCORE_WORDS, [sets.adapter, sets.problems, sets.wheels, sets.model], known),
            ),
            Cell(
                "code",
                _places(
                    sets,
                    ADAPTER=(sets.adapter, "adapter_config.json"),
                    PROBLEMS=(sets.problems, "*.jsonl*"),
                    MODEL=(sets.model, "config.json"),
                ),
            ),
            Cell("code", _install(sets)),
            *_same(made),
            Cell("markdown", "The contest's settings; `limit` takes so many problems, chosen by a hash, and 0 takes all."),
            Cell("code", f"CONFIG = {_literal(config)}\n\n{SCORE}"),
            Cell("code", f"EXPECTED = {_literal(expected)}\n{COMPARE}"),
            Cell("code", PACKAGE),
            Cell("markdown", SUBMIT_WORDS),
            Cell("code", f"COMPETITION = {sets.competition!r}\nCONFIRM = False\n\n{SUBMIT}"),
        ]
    )


def _same(made: Made) -> Iterator[Cell]:
    if not made.files:
        return
    yield Cell("markdown", f"The adapter is that of `{_escaped(made.place)}`, which the run scored and packaged; anything else stops here.")
    yield Cell("code", f"MADE_BY = {made.place!r}\nFILES = {_literal(made.files)}\n\n{SAME}")


def metadata(sets: Sets, name: str, title: str, names: Sequence[str]) -> dict[str, Any]:
    """`kernel-metadata.json`, with which `kaggle kernels push` makes a private notebook on a GPU without a network."""
    return {
        "id": f"{sets.owner}/{name}",
        "title": title,
        "code_file": f"{name}.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": True,
        "enable_internet": False,
        "machine_shape": sets.machine,
        "dataset_sources": [f"{sets.owner}/{one}" for one in names],
        "competition_sources": [sets.competition] if sets.competition else [],
        "kernel_sources": [],
        "model_sources": [sets.model_source],
    }


def to_bytes(value: Mapping[str, Any]) -> bytes:
    """As Jupyter writes it: one space, keys sorted, a line's end."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _notebook(cells: Sequence[Cell]) -> dict[str, Any]:
    return {
        "cells": [_cell(cell, place) for place, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(cell: Cell, place: int) -> dict[str, Any]:
    digest = hashlib.sha256(f"{place}\n{cell.kind}\n{cell.text}".encode()).hexdigest()[:12]
    source = cell.text.strip("\n").splitlines(keepends=True)
    shared = {"cell_type": cell.kind, "id": digest, "metadata": {}, "source": source}
    return {**shared, "execution_count": None, "outputs": []} if cell.kind == "code" else shared


def _head(title: str, words: str, inputs: Sequence[str], known: Figures) -> str:
    lines = [f"# {title}", "", words, "", "Add these to the notebook:", "", *(f"- `{name}`" for name in inputs)]
    if known.found:
        lines += ["", "| | figure | | from |", "| --- | --- | --- | --- |", *_rows(known)]
    if known.left_out:
        lines += ["", f"Left out, as no manifest has it: {'; '.join(known.left_out)}."]
    return "\n".join(lines)


def _rows(known: Figures) -> Iterator[str]:
    for figure in known.found:
        yield f"| {figure.part} | {_escaped(figure.label)} | {_escaped(figure.value)} | `{_escaped(figure.source)}` |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("`", "'")


def _literal(values: Mapping[str, Any]) -> str:
    """A dictionary as Python writes it by hand: a line a key."""
    lines = [f"    {name!r}: {pformat(value, width=10_000)}," for name, value in sorted(values.items())]
    return "\n".join(["{", *lines, "}"]) if lines else "{}"


def _places(sets: Sets, **wanted: tuple[str, str]) -> str:
    """Finds data sets below the input folder: Kaggle has mounted them under other paths before."""
    lines = [f"INPUT, OUTPUT = Path({sets.input_dir!r}), Path({sets.output_dir!r})", 'ROOT = OUTPUT / "nemoflow-data"']
    found = [f"{name} = find({folder!r}, {file!r})" for name, (folder, file) in wanted.items()]
    return "\n".join([FIND_HEAD, *lines, "", FIND, "", *found])


def _install(sets: Sets) -> str:
    return INSTALL.replace("WHEELS", repr(sets.wheels))


TRAIN_WORDS = "QLoRA on the corpus by nemoflow's step `train`; then `package` checks the adapter and makes `submission.zip`."
REINFORCED_WORDS = (
    "QLoRA on the corpus by nemoflow's step `train`; then reinforcement of what came out by `reinforce`, as in the run; then `package` "
    "checks the adapter and makes `submission.zip`. On another GPU or with other versions the weights differ from the run's, and so may "
    "the score: the run's own adapter is what `nemoflow score` takes."
)
SCORE_WORDS = (
    "The contest's metric on held-out problems by nemoflow's step `evaluate`; then `package` checks the adapter and makes `submission.zip`."
)
SUBMIT_WORDS = (
    "The zip lies in the output folder: *Submit to competition* takes it from there. To submit it from here instead, switch the "
    "internet on, give the notebook `KAGGLE_USERNAME` and `KAGGLE_KEY` as variables, and set `CONFIRM = True`. It cannot be taken back."
)
FIND_HEAD = "import importlib.util, json, shutil, subprocess, sys\nfrom pathlib import Path\n"
FIND = """
def find(name, file):
    found = [path for path in INPUT.rglob(file) if name in path.relative_to(INPUT).parts]
    if not found:
        raise FileNotFoundError(f"no {file} of {name} below {INPUT}: add it to the notebook")
    return min(found, key=lambda path: (len(path.parts), path)).parent
""".strip()
INSTALL = """
if importlib.util.find_spec("nemoflow") is None:
    wheels = find(WHEELS, "nemoflow-*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels), "nemoflow[train,kaggle]"]
    subprocess.run(pip, check=True)


def nemoflow(*words):
    command = [sys.executable, "-m", "nemoflow.cli.main", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            print(line, end="")
    if process.returncode:
        raise RuntimeError(f"nemoflow {words[0]} {words[1]} ended with {process.returncode}")


nemoflow("--version")
""".strip()
TRAIN = """
nemoflow("step", "train", "--input", f"corpus={CORPUS}", "--input", f"model={MODEL}", "--set", json.dumps(CONFIG), "--root", ROOT)
ADAPTER = ROOT / "runs/steps/train/adapter"
""".strip()
LOSS = """
log = [json.loads(line) for line in (ADAPTER / "log.jsonl").read_text().splitlines()]
for row in log[:: max(1, len(log) // 10)]:
    print(f"step {row['step']:>6}  loss {row['loss']:.4f}")
print(f"step {log[-1]['step']:>6}  loss {log[-1]['loss']:.4f}")
""".strip()
REINFORCE = """
nemoflow("step", "reinforce", *(word for one in wired for word in ("--input", one)), "--set", json.dumps(REWARD), "--root", ROOT)
ADAPTER = ROOT / "runs/steps/reinforce/adapter"
""".strip()
REWARDS = """
log = [json.loads(line) for line in (ADAPTER / "log.jsonl").read_text().splitlines()]
for row in [*log[: -1 : max(1, len(log) // 10)], log[-1]]:
    print(f"step {row['step']:>6}  reward {row['reward']:.4f}  right {row['right']:.3f}")
""".strip()
SAME = """
import xxhash

for name, digest in FILES.items():
    if xxhash.xxh3_128_hexdigest((ADAPTER / name).read_bytes()) != digest:
        raise ValueError(f"{ADAPTER / name} is not that of {MADE_BY}: put that adapter into the data set, or empty FILES to score another")
if FILES:
    print(f"the adapter of {MADE_BY}, byte for byte")
""".strip()
PACKAGE = """
nemoflow("step", "package", "--input", f"adapter={ADAPTER}", "--input", f"model={MODEL}", "--root", ROOT)
SUBMISSION = ROOT / "runs/steps/package/submission"
shutil.copy(SUBMISSION / "submission.zip", OUTPUT)
print((SUBMISSION / "receipt.json").read_text())
""".strip()
SCORE = """
wired = [f"problems={PROBLEMS}", f"model={MODEL}", f"adapter={ADAPTER}"]
nemoflow("step", "evaluate", *(word for one in wired for word in ("--input", one)), "--set", json.dumps(CONFIG), "--root", ROOT)
REPORT = ROOT / "runs/steps/evaluate/report"
""".strip()
COMPARE = """
report = json.loads((REPORT / "report.json").read_text())
for name, found in {"all": report, **report["kinds"]}.items():
    interval = f"({found['low']:.3f} to {found['high']:.3f})"
    print(f"{name:<24} {found['right']:>5} of {found['problems']:>5}  {found['accuracy']:.3f} {interval}")
if EXPECTED:
    print(f"the run itself had {EXPECTED['accuracy']:.3f} ({EXPECTED['low']:.3f} to {EXPECTED['high']:.3f})")
""".strip()
SUBMIT = """
if CONFIRM:
    nemoflow("submissions", "send", SUBMISSION, "--competition", COMPETITION, "--report", REPORT, "--root", ROOT, "--confirm")
""".strip()
