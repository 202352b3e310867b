"""The course of a run by one of TRL's trainers: whole checkpoints only, a stop that undoes the step under way, a resume from the newest.

A stop is heard between micro batches. A step that is given up half-way never happened: the weights have not moved, the random numbers
are put back, and the checkpoint is that of the step before, so the resumed run repeats it whole.

Where several processes train together, all of them go through the same course; the first one keeps the checkpoints, with the random
numbers of all.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemoflow.errors import Stopped
from nemoflow.training.randomness import Randomness
from nemoflow.training.ranks import ALONE, Ranks

COMPLETE = "complete"
PARTIAL = "partial"
LIVE = "watch.jsonl"
KEPT_CHECKPOINTS = 2


@dataclass(frozen=True)
class Surroundings:
    """Where checkpoints go, who is told of progress and who may ask to stop."""

    checkpoints: Path
    saved: Callable[[], None]
    started: Callable[[int, int], None]
    """Called with the steps in all and the steps that a checkpoint already holds."""
    advanced: Callable[[dict[str, float]], None]
    noted: Callable[[str], None]
    stopping: Callable[[], bool]
    ranks: Ranks = ALONE
    """The processes that train together."""


def with_one_gpu(arguments: Any) -> Any:
    """A trainer's arguments, held to the process' own GPU.

    With several in sight transformers makes batches as many times as large, and splits each between them with torch's DataParallel: what a
    step holds would depend on the machine.
    """
    arguments._n_gpu = min(arguments.n_gpu, 1)  # as transformers' Trainer sets it where a model lies on several GPUs
    return arguments


def checkpoints(complete: Path) -> list[Path]:
    """Whole checkpoints, the newest last."""
    return sorted(complete.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))


def newest_checkpoint(complete: Path) -> Path | None:
    """The complete checkpoint with the highest step."""
    found = checkpoints(complete)
    return found[-1] if found else None


def lay_out_checkpoints(folder: Path, ranks: Ranks = ALONE) -> tuple[Path, Path]:
    """(where the trainer writes, where whole checkpoints go); what a killed process left half-written is gone.

    Others than the first write to folders of their own, of which `_bring` takes what belongs to a checkpoint.
    """
    partial, complete = folder / (PARTIAL if ranks.is_first else f"{PARTIAL}-{ranks.index}"), folder / COMPLETE
    shutil.rmtree(partial, ignore_errors=True)
    complete.mkdir(parents=True, exist_ok=True)
    return partial, complete


def go_through(trainer: Any, watch: Any, folder: Path, what: str, ranks: Ranks = ALONE) -> list[dict[str, Any]]:
    """Train from the newest whole checkpoint; what was logged of each step. Stopped where a stop was asked for; `what` names the step."""
    from transformers import PrinterCallback

    trainer.callback_handler.callbacks.insert(0, watch)  # before the trackers, who are told what it adds to a step's figures
    trainer.remove_callback(PrinterCallback)
    newest = newest_checkpoint(folder / COMPLETE) if ranks.is_first else None
    name = ranks.first(newest and newest.name)  # others may see a later state of the folder, or a copy of it
    last = folder / COMPLETE / name if name else None
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    if watch.stopped:
        kept = "the checkpoint is kept" if trainer.state.global_step else "there was nothing to keep"
        raise Stopped(f"{what}: stopped after step {trainer.state.global_step} of {trainer.state.max_steps}; {kept}")
    shutil.rmtree(trainer.args.output_dir, ignore_errors=True)
    return [entry for entry in trainer.state.log_history if "loss" in entry]


def _bring(written: Path, ranks: Ranks) -> None:
    """Put what other processes wrote of a checkpoint, the states of their random numbers, to what the first one wrote."""
    own = {} if ranks.is_first else {path.name: path.read_bytes() for path in written.iterdir()}
    for files in ranks.all(own):
        for name, content in files.items() if ranks.is_first else ():
            (written / name).write_bytes(content)
    if not ranks.is_first:
        shutil.rmtree(written)


def make_keeper(complete: Path, saved: Callable[[], None], stopping: Callable[[], bool], ranks: Ranks = ALONE) -> type[Any]:
    """The class of callbacks that keep whole checkpoints in `complete` and hear a stop; `stopping` answers all processes alike."""
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):  # type: ignore[misc]
        stopped = False
        randomness: Randomness | None = None

        def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if stopping():
                if self.randomness is not None:
                    self.randomness.restore()
                    control.should_save = not self._is_saved(state)
                self.stop(control)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.randomness = Randomness.now()
            if stopping() and state.global_step < state.max_steps:
                control.should_save = True
                self.stop(control)

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            written = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            if not self._is_saved(state):
                _bring(written, ranks)
                if ranks.is_first:
                    os.rename(written, complete / written.name)
            if ranks.is_first:
                for old in checkpoints(complete)[:-KEPT_CHECKPOINTS]:
                    shutil.rmtree(old)
                self.keep_more(state)
                saved()
            ranks.wait()

        def keep_more(self, state: Any) -> None:
            """What else goes with a checkpoint."""

        def stop(self, control: Any) -> None:
            self.stopped = control.should_training_stop = True

        def _is_saved(self, state: Any) -> bool:
            return bool(ranks.first((complete / f"checkpoint-{state.global_step}").exists()))

    return Keeper
