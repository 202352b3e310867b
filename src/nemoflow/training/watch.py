"""The callback of a training run: what is told of each step, held-out loss, snapshots, and runs that come to nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemoflow.errors import Stopped
from nemoflow.training.alarms import Alarms, asked_at
from nemoflow.training.course import make_keeper
from nemoflow.training.held_out import HeldOut, mean_loss
from nemoflow.training.live import LiveLog
from nemoflow.training.meter import Meter, forget_peak
from nemoflow.training.ranks import ALONE, Ranks
from nemoflow.training.snapshots import Snapshots

LOGGED = ("step", "loss", "learning_rate", "grad_norm")


@dataclass(frozen=True)
class Watched:
    """What the callback looks at and where it writes."""

    complete: Path
    """Folder of whole checkpoints."""
    live: LiveLog
    meter: Meter
    alarms: Alarms
    snapshots: Snapshots
    held: HeldOut | None
    eval_every: int
    averaged: Callable[[int], Sequence[int]]
    """Steps whose states are averaged at the end, of a run of so many."""
    bucket: Callable[[int], dict[str, float]]
    """What a step's row says of its length bucket; nothing without buckets."""
    saved: Callable[[], None]
    started: Callable[[int, int], None]
    advanced: Callable[[dict[str, float]], None]
    stopping: Callable[[], bool]
    ranks: Ranks = ALONE
    """The processes that train together: all of them ask and decide the same, the first one writes it down."""


def step_row(entry: dict[str, Any]) -> dict[str, float]:
    """What the log of a run holds of a step, and nothing that depends on the clock."""
    row: dict[str, float] = {key: entry.get(key, 0.0) for key in LOGGED}
    return row if "held_out_loss" not in entry else {**row, "held_out_loss": entry["held_out_loss"]}


def best_step(history: Sequence[dict[str, Any]]) -> int | None:
    """The first step of the lowest held-out loss; None where none was asked for."""
    asked = [(entry["held_out_loss"], entry["step"]) for entry in history if "held_out_loss" in entry]
    return int(min(asked)[1]) if asked else None


def make_watch(around: Watched) -> Any:
    """The callback; it must be given its trainer as `trainer` before the run."""

    class Watch(make_keeper(around.complete, around.saved, around.stopping, around.ranks)):  # type: ignore[misc]
        trainer: Any = None
        figures: dict[str, float] | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step and not self._ask(state):  # a stop came before this step's held-out rows were through
                raise Stopped(f"train: stopped at step {state.global_step} of {state.max_steps}; the checkpoint is kept")
            if around.ranks.is_first:
                around.live.resume(state.global_step, step_row(state.log_history[-1]) if state.global_step else {})
            forget_peak()
            around.started(state.max_steps, state.global_step)

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            around.meter.begin()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.figures = around.meter.figures(around.ranks)
            if state.global_step in around.averaged(state.max_steps):
                self._snapshot(state.global_step)
            super().on_step_end(args, state, control)

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
            if not logs or "loss" not in logs:
                return
            around.alarms.check(step_row({**logs, "step": state.global_step}))
            self._need_change(state)
            if not self._ask(state):
                control.should_save = True
                self.stop(control)
            row = {**step_row(state.log_history[-1]), **(self.figures or {}), **around.bucket(state.global_step)}
            logs.update({key: value for key, value in row.items() if key not in LOGGED})  # for trackers, which are told after this
            if around.ranks.is_first:
                around.live.add(row)
                around.advanced(row)

        def keep_more(self, state: Any) -> None:
            around.snapshots.keep({*around.averaged(state.max_steps), best_step(state.log_history) or 0})

        def _ask(self, state: Any) -> bool:
            """Write the held-out loss to the step's row where it is due; False where a stop came first."""
            entry, step = state.log_history[-1], state.global_step
            is_due = around.held is not None and (step % around.eval_every == 0 or step == state.max_steps)
            if not is_due or "held_out_loss" in entry:
                return True
            loss = mean_loss(self.trainer, around.held.batches if around.held else [], around.stopping, around.ranks)
            if loss is not None:
                entry["held_out_loss"] = loss
                if best_step(state.log_history) == step:
                    self._snapshot(step)
            return loss is not None

        def _snapshot(self, step: int) -> None:
            if around.ranks.is_first:
                around.snapshots.take(step, self.trainer.model)

        def _need_change(self, state: Any) -> None:
            """Once, some steps after the warm-up: has the loss on the first micro batch moved from the base's?"""
            if state.global_step != asked_at(state.max_steps, self.trainer.args.get_warmup_steps(state.max_steps)):
                return
            data = self.trainer.train_dataset
            first = [self.trainer.data_collator([data[row] for row in range(min(len(data), self.trainer.args.train_batch_size))])]
            adapted = mean_loss(self.trainer, first, ranks=around.ranks)
            with self.trainer.model.disable_adapter():
                base = mean_loss(self.trainer, first, ranks=around.ranks)
            if adapted is not None and base is not None:
                around.alarms.need_change(state.global_step, base, adapted)

    return Watch()
