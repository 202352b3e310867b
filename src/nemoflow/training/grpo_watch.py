"""The callback of a GRPO run: a row a step, and runs that come to nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any

from nemoflow.errors import ConfigError
from nemoflow.training.course import make_keeper
from nemoflow.training.live import LiveLog
from nemoflow.training.reward import PARTS

FIGURES = {
    "step": "step",
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "reward": "reward",
    "reward_std": "reward_std",
    **{part: f"rewards/{part}/mean" for part in PARTS},
    "tokens": "completions/mean_length",
    "cut": "completions/clipped_ratio",
    "even": "even",
    "entropy": "entropy",
    "kl": "kl",
}
"""A row's names and TRL's: `tokens` and `cut` are the mean length and the share cut off, `even` the share of groups that were all alike."""
EVEN_STEPS = 30
"""Steps on end in which no group had a difference, after which a run is stopped."""


@dataclass(frozen=True)
class PolicyWatched:
    """What the callback looks at and where it writes."""

    complete: Path
    """Folder of whole checkpoints."""
    live: LiveLog
    saved: Callable[[], None]
    started: Callable[[int, int], None]
    advanced: Callable[[dict[str, float]], None]
    stopping: Callable[[], bool]


def policy_row(entry: dict[str, Any]) -> dict[str, float]:
    """What the log holds of a step, and nothing that depends on the clock; `kl` only where there is a penalty on it."""
    return {name: entry[told] for name, told in FIGURES.items() if told in entry}


class EvenGroups:
    """Counts steps in which all samples of each prompt were alike: then there is nothing to learn from."""

    def __init__(self) -> None:
        self._steps = 0

    def check(self, row: dict[str, float]) -> None:
        """ConfigError where a row is no number, or nothing has differed for too long."""
        if not all(isfinite(row[name]) for name in ("loss", "grad_norm", "reward")):
            raise ConfigError(
                f"reinforce: loss {row['loss']}, gradient norm {row['grad_norm']}, reward {row['reward']} at step {row['step']}: no number "
                "to learn from; look at reinforce.learning_rate (try a tenth) and reinforce.precision (try fp32)"
            )
        self._steps = self._steps + 1 if row["even"] == 1 else 0
        if self._steps >= EVEN_STEPS:
            raise ConfigError(
                f"reinforce: in {EVEN_STEPS} steps on end all samples of a prompt got the same reward ({row['reward']:.3g}): nothing to "
                "learn from; look at reinforce.temperature and reinforce.samples (more of both), at the problems (easier or harder ones), "
                f"and at reinforce.max_new_tokens ({row['cut']:.0%} of the responses were cut off)"
            )


def make_policy_watch(around: PolicyWatched) -> Any:
    """The callback for a trainer."""

    class PolicyWatch(make_keeper(around.complete, around.saved, around.stopping)):  # type: ignore[misc]
        even = EvenGroups()
        begun = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            around.live.resume(state.global_step, policy_row(state.log_history[-1]) if state.global_step else {})
            around.started(state.max_steps, state.global_step)

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.begun = perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
            if not logs or "loss" not in logs:  # what a step that was given up had counted is no row
                return
            row = policy_row({**logs, "step": state.global_step})
            self.even.check(row)
            row["seconds"] = round(perf_counter() - self.begun, 4)
            around.live.add(row)
            around.advanced(row)

    return PolicyWatch()
