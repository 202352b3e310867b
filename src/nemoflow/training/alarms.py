"""When to stop a training run that cannot come to anything, and what to look at then.

Three rules: a loss or gradient norm that is no number; a gradient norm of exactly zero for `ZERO_STEPS` steps on end; and a loss that
is stuck, that is, `STUCK_STEPS` steps after the warm-up the model's loss on the run's first micro batch, without dropout, differs from
the base's by less than `STUCK_SHARE` of it. The same rows are asked with and without the adapter, so that the noise of batches, which
hides a fall of some percent over hundreds of steps, has no part in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from nemoflow.errors import ConfigError

ZERO_STEPS = 3
STUCK_STEPS = 50
STUCK_STEPS_OF_SHORT_RUNS = 20
"""A run that ends before `STUCK_STEPS` is asked at its end if it has so many after the warm-up; a shorter one is not asked."""
STUCK_SHARE = 1e-3


@dataclass(frozen=True)
class Suspects:
    """What to look at: the fields that most often are the cause."""

    learning_rate: float
    precision: str
    targets: str
    trainable: int


class Alarms:
    """Looks at each step's row."""

    def __init__(self, suspects: Suspects) -> None:
        self._suspects = suspects
        self._zeros = 0

    def check(self, row: Mapping[str, float]) -> None:
        """ConfigError where a row is no number, or where the gradient has been zero for too long."""
        loss, norm, step = row["loss"], row["grad_norm"], int(row["step"])
        if not (isfinite(loss) and isfinite(norm)):
            raise ConfigError(
                f"train: loss {loss}, gradient norm {norm} at step {step}: no number to learn from; "
                f"look at train.learning_rate ({self._suspects.learning_rate}; try a tenth), train.precision "
                f"({self._suspects.precision}; try fp32) and the corpus' longest rows"
            )
        self._zeros = self._zeros + 1 if norm == 0 else 0
        if self._zeros >= ZERO_STEPS:
            raise ConfigError(
                f"train: the gradient norm was 0 in steps {step - ZERO_STEPS + 1} to {step}: nothing reaches the adapter; look at "
                f"train.targets ({self._suspects.targets}; {self._suspects.trainable:,} weights to train) and at whether the "
                "responses of the corpus hold tokens to learn"
            )

    def need_change(self, step: int, base: float, adapted: float) -> None:
        """ConfigError where the adapter leaves the loss on the same rows as it is without it."""
        if abs(adapted - base) < STUCK_SHARE * abs(base):
            raise ConfigError(
                f"train: the loss is stuck: after step {step} it is {adapted:.6g} on the first rows, {base:.6g} without the adapter "
                f"(less than {STUCK_SHARE:.1%} apart); look at train.learning_rate ({self._suspects.learning_rate}; try ten times as "
                f"much), train.targets ({self._suspects.targets}; {self._suspects.trainable:,} weights to train) and train.alpha"
            )


def asked_at(steps: int, warmup: int) -> int | None:
    """The step after which the loss must have moved; None for a run that is too short to tell.

    Example: `asked_at(1000, 100)` is 150, `asked_at(40, 10)` is 40 and `asked_at(16, 0)` is None.
    """
    if steps - warmup >= STUCK_STEPS:
        return warmup + STUCK_STEPS
    return steps if steps - warmup >= STUCK_STEPS_OF_SHORT_RUNS else None
