"""What a search found: the table of its trials, how much each parameter mattered, the best trial's overrides as TOML."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from nemoflow.flow.toml import to_toml
from nemoflow.flow.workflow import lay_over
from nemoflow.search.space import Overrides, Space
from nemoflow.search.study import OVERRIDES

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy

STATES = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}
LEAST_FOR_IMPORTANCE = 4
"""Finished trials below which nothing can be said of what mattered."""


@dataclass(frozen=True)
class Row:
    """One trial."""

    number: int
    state: str
    """done, pruned, failed, running or waiting."""
    value: float | None
    """The metric, where the trial is done."""
    seconds: float
    """Of the steps that ran for it; what other runs had made costs nothing."""
    overrides: Overrides
    ran: Sequence[str] = ()
    """Nodes that ran for it."""
    reused: Sequence[str] = ()
    """Nodes whose results came from other runs."""
    why: str = ""
    """Why it failed, or when it was given up."""


@dataclass(frozen=True)
class Table:
    """All trials of a search."""

    space: Space
    rows: Sequence[Row]
    importance: Mapping[str, float] = field(default_factory=dict)
    """Share of the difference between trials by parameter, largest first; empty where too few are done."""

    @classmethod
    def of(cls, study: "OptunaStudy", space: Space) -> "Table":
        """What Optuna's file holds."""
        rows = [_row(trial) for trial in study.get_trials(deepcopy=False)]
        done = [row for row in rows if row.state == "done"]
        enough = len(done) >= LEAST_FOR_IMPORTANCE and not space.ablate
        return cls(space, rows, _importance(study) if enough else {})

    @property
    def best(self) -> Row | None:
        """The trial with the best value; of equals the first."""
        done = [row for row in self.rows if row.value is not None]
        sign = -1 if self.space.direction == "maximize" else 1
        return min(done, key=lambda row: (sign * (row.value or 0.0), row.number), default=None)

    @property
    def best_toml(self) -> str:
        """The best trial's overrides as sections of a workflow file."""
        return to_toml(lay_over({}, self.best.overrides)) if self.best else ""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        best = self.best
        return {
            "v": 1,
            "metric": self.space.metric,
            "direction": self.space.direction,
            "best": None if best is None else best.number,
            "importance": dict(self.importance),
            "trials": [asdict(row) for row in self.rows],
        }


def _row(trial: Any) -> Row:
    told = trial.user_attrs
    state = STATES[trial.state.name]
    return Row(
        number=trial.number,
        state=state,
        value=trial.value if state == "done" else None,
        seconds=told.get("seconds", 0.0),
        overrides=told.get(OVERRIDES, {}),
        ran=tuple(told.get("ran", ())),
        reused=tuple(told.get("reused", ())),
        why=told.get("why") or told.get("pruned", ""),
    )


def _importance(study: "OptunaStudy") -> dict[str, float]:
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    return {name: round(share, 4) for name, share in get_param_importances(study, evaluator=PedAnovaImportanceEvaluator()).items()}
