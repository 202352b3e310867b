"""The course of a run by one of TRL's trainers: whole checkpoints only, a stop that undoes the step under way, a resume from the newest.

A stop is heard between micro batches. A step that is given up half-way never happened: the weights have not moved, the random numbers
are put back, and the checkpoint is that of the step before, so the resumed run repeats it whole.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemoflow.errors import Stopped
from nemoflow.training.randomness import Randomness

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


def checkpoints(complete: Path) -> list[Path]:
    """Whole checkpoints, the newest last."""
    return sorted(complete.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))


def newest_checkpoint(complete: Path) -> Path | None:
    """The complete checkpoint with the highest step."""
    found = checkpoints(complete)
    return found[-1] if found else None


def lay_out_checkpoints(folder: Path) -> tuple[Path, Path]:
    """(where the trainer writes, where whole checkpoints go); what a killed process left half-written is gone."""
    partial, complete = folder / PARTIAL, folder / COMPLETE
    shutil.rmtree(partial, ignore_errors=True)
    complete.mkdir(parents=True, exist_ok=True)
    return partial, complete


def go_through(trainer: Any, watch: Any, folder: Path, what: str) -> list[dict[str, Any]]:
    """Train from the newest whole checkpoint; what was logged of each step. Stopped where a stop was asked for; `what` names the step."""
    from transformers import PrinterCallback

    trainer.callback_handler.callbacks.insert(0, watch)  # before the trackers, who are told what it adds to a step's figures
    trainer.remove_callback(PrinterCallback)
    last = newest_checkpoint(folder / COMPLETE)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    if watch.stopped:
        kept = "the checkpoint is kept" if trainer.state.global_step else "there was nothing to keep"
        raise Stopped(f"{what}: stopped after step {trainer.state.global_step} of {trainer.state.max_steps}; {kept}")
    shutil.rmtree(folder / PARTIAL, ignore_errors=True)
    return [entry for entry in trainer.state.log_history if "loss" in entry]


def make_keeper(complete: Path, saved: Callable[[], None], stopping: Callable[[], bool]) -> type[Any]:
    """The class of callbacks that keep whole checkpoints in `complete` and hear a stop."""
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
            if not self._is_saved(state):
                name = f"checkpoint-{state.global_step}"
                os.rename(Path(args.output_dir) / name, complete / name)
            for old in checkpoints(complete)[:-KEPT_CHECKPOINTS]:
                shutil.rmtree(old)
            self.keep_more(state)
            saved()

        def keep_more(self, state: Any) -> None:
            """What else goes with a checkpoint."""

        def stop(self, control: Any) -> None:
            self.stopped = control.should_training_stop = True

        def _is_saved(self, state: Any) -> bool:
            return (complete / f"checkpoint-{state.global_step}").exists()

    return Keeper
