"""Claim: `reinforce` makes an adapter that is right some of the time right more often, on puzzles that neither step saw.

    python -m benchmarks.reinforce --seeds 21 22

The demo's student, an adapter from a short training on the solver's traces, then GRPO on puzzles without end. How far a short training
comes differs from seed to seed, so the start is the shortest of several trainings after which the adapter is right a quarter of the time;
that picks a start that looks well, so it makes the gain smaller, if anything. Both adapters answer the same held-out puzzles as the
contest asks (greedy, its metric); the gain is taken puzzle by puzzle, with the interval of the paired bootstrap.

Exit 1 where a seed gains less than 10 points, an interval holds 0, or the mean reward of a run's last tenth is not above that of its
first.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.demo_accuracy import DEMO, SOLVE

from nemoflow.evaluation.compare import pair_up
from nemoflow.evaluation.paired import Gain, differences, measure_gain
from nemoflow.flow.execute import execute
from nemoflow.flow.manifest import Manifest
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.progress import Lines
from nemoflow.flow.workflow import Workflow, load_workflow
from nemoflow.records import Problem, Trace
from nemoflow.steps import EVALUATE, MAKE_PROBLEMS, MAKE_STUDENT, REINFORCE, TRAIN
from nemoflow.store import Store, open_store, read_rows

LEAST_GAIN = 10.0
EPOCHS, RIGHT_AT_START = (0.85, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5), 0.25
"""Passes over the traces, of which the first is taken that comes to this accuracy."""
RECIPE: dict[str, Any] = {
    "make-problems.train": {"numeral": 600},
    "make-problems.eval": {"numeral": 300},
    "reinforce.kinds": {"numeral": 1},
    "reinforce.level": "easy",
    "reinforce.steps": 120,
    "reinforce.prompts": 8,
    "reinforce.samples": 8,
    "reinforce.micro_batch": 64,
    "reinforce.max_new_tokens": 96,
    "reinforce.learning_rate": 3e-4,
    "reinforce.warmup": 4,
    "reinforce.adam_beta2": 0.98,
    "reinforce.precision": "fp32",
    "reinforce.quantization": "none",
    "reinforce.activation_checkpointing": False,
    "reinforce.threads": 1,
    "reinforce.base_name": "nemoflow/tiny-nemotron-h",
    "evaluate-adapter.batch_size": 150,
}
"""Laid over workflows/demo.toml."""


@dataclass(frozen=True)
class Result:
    """Of one seed."""

    done: dict[str, Manifest]
    """By node."""
    gain: Gain
    seconds: float


def pipeline(workflow: Workflow) -> Pipeline:
    """Student, short training, reinforcement, and both adapters scored on the same puzzles."""
    model, trained, pushed = From("make-student", "model"), From("train", "adapter"), From("reinforce", "adapter")
    return Pipeline(
        "reinforce",
        (
            workflow.node("make-problems", MAKE_PROBLEMS),
            workflow.node("make-student", MAKE_STUDENT, {"problems": From("make-problems", "train")}),
            workflow.node("solve", SOLVE, {"problems": From("make-problems", "train")}),
            workflow.node("train", TRAIN, {"corpus": From("solve", "corpus"), "model": model}),
            _evaluate(workflow, "before", model, trained),
            workflow.node("reinforce", REINFORCE, {"adapter": trained, "model": model}),
            _evaluate(workflow, "after", model, pushed),
        ),
    )


def _evaluate(workflow: Workflow, name: str, model: From, adapter: From) -> Node:
    asked = workflow.node("evaluate-adapter", EVALUATE, {"problems": From("make-problems", "eval"), "model": model, "adapter": adapter})
    return Node(name, asked.step, asked.config, asked.inputs)


def measure(seed: int, sets: dict[str, Any], folder: Path, run: str) -> Result:
    """One seed's way from nothing."""
    begun = time.perf_counter()
    store = open_store(str(folder))
    done: dict[str, Manifest] = {}
    for epochs in EPOCHS:
        work = pipeline(load_workflow(DEMO, json.dumps({**RECIPE, "train.epochs": epochs, **sets, "seed": seed})))
        place = Place(store, f"{run}-{seed}-{epochs:g}", progress=Lines(sys.stderr, every_s=10))
        done = {name: execute(work, name, place) for name in ("make-problems", "make-student", "solve", "train", "before")}
        if done["before"].metrics["accuracy"] >= RIGHT_AT_START:
            break
    done |= {name: execute(work, name, place) for name in ("reinforce", "after")}
    rows = [_rows(store, done["make-problems"], "eval", Problem)]
    rows += [_rows(store, done[name], "rollouts", Trace) for name in ("before", "after")]
    return Result(done, measure_gain(differences(pair_up(*rows))), time.perf_counter() - begun)


def _rows(store: Store, manifest: Manifest, output: str, kind: type[Any]) -> list[Any]:
    record = manifest.outputs[output]
    return [row for file in record.files for row in read_rows(store, f"{record.address}/{file.path}", kind)]


def row(seed: int, found: Result) -> str:
    """A line of the table."""
    told, gain = found.done["reinforce"].metrics, found.gain
    cells = [
        seed,
        f"{found.done['train'].metrics['steps']} + {told['steps']}",
        f"{told['reward_at_start']:.3f} to {told['reward']:.3f}",
        f"{told['right_at_start']:.1%} to {told['right']:.1%}",
        f"{found.done['before'].metrics['accuracy']:.1%}",
        f"{found.done['after'].metrics['accuracy']:.1%}",
        f"{gain.points:+.1f} ({gain.low:+.1f} to {gain.high:+.1f})",
        f"{found.done['reinforce'].seconds:.0f}",
        f"{found.seconds:.0f}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def misses(found: Result) -> list[str]:
    """Which bars were missed, in words."""
    told, gain = found.done["reinforce"].metrics, found.gain
    missed = [f"gain {gain.points:.1f} points, bar {LEAST_GAIN:.0f}"] if gain.points < LEAST_GAIN else []
    missed += [f"the interval from {gain.low:.1f} to {gain.high:.1f} points does not lie above 0"] if gain.low <= 0 else []
    missed += [f"reward {told['reward_at_start']:.3f} to {told['reward']:.3f}"] if told["reward"] <= told["reward_at_start"] else []
    return missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every seed, print the table, return 1 below a bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22])
    parser.add_argument("--set", default="{}", help="overrides of the recipe as JSON, such as '{\"reinforce.steps\": 20}'")
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in; what is done there is not done again")
    parser.add_argument("--run", default="reinforce", help="name of the run within it")
    options = parser.parse_args(arguments)
    missed = []
    print("| seed | steps | reward, first and last tenth | right of the samples | held-out before | after | gain, 95 % | s | all s |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        for seed in options.seeds:
            found = measure(seed, json.loads(options.set), options.keep or Path(temporary), f"{options.run}-{seed}")
            print(row(seed, found), flush=True)
            missed += [f"seed {seed}: {miss}" for miss in misses(found)]
    print("\n".join(missed) or f"every gain >= {LEAST_GAIN:.0f} points, every interval above 0, every reward higher at the end")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
