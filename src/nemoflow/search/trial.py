"""One trial: runs of the workflow with the trial's overrides, as far as the node whose metric counts; given up where the pruner says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nemoflow.errors import ClaimError, ClusterRefused, ConfigError, DriftError, NemoflowError, Stopped
from nemoflow.flow.part import up_to
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.step import Progress
from nemoflow.search.space import Overrides, Space
from nemoflow.search.study import OVERRIDES

PASSING = 75
Make = Callable[[Overrides], Pipeline]
"""The workflow's pipeline with overrides laid over it."""
Execute = Callable[[Pipeline, Place, Overrides], None]
"""Runs a pipeline to its end where the place says, or raises; the overrides are those that it was made with."""


@dataclass(frozen=True)
class Trials:
    """How a search's trials are run."""

    space: Space
    make: Make
    place: Place
    """Where the results lie; its run is the search's name, and the trials' runs are named after it."""
    execute: Execute

    def check(self) -> None:
        """ConfigError where the workflow has no such node or does not take the space's values; before anything runs."""
        for overrides in ({}, *self.space.samples):
            self.make(overrides).node(self.space.node)

    def do(self, study: Any, trial: Any) -> None:
        """Run a trial and tell the study what came of it; what another attempt may cure, or nobody else would meet, is raised."""
        from optuna.trial import TrialState

        runs: list[str] = []
        try:
            value = self._value(trial, runs)
        except NemoflowError as error:
            if error.exit_code == PASSING or isinstance(error, DriftError | ClaimError | ClusterRefused):
                raise
            trial.set_user_attr("why", str(error))
            value = None
        self._note(trial, runs)
        state = TrialState.PRUNED if trial.user_attrs.get("pruned") else TrialState.FAIL if value is None else None
        study.tell(trial, None if state else value, state=state)

    def _value(self, trial: Any, runs: list[str]) -> float | None:
        """The metric; None where the trial was given up or has none. `runs` becomes the names of what it ran."""
        overrides, prune = trial.user_attrs[OVERRIDES], self.space.prune
        name = f"{self.place.run}-{trial.number:03d}"
        for rung, cheaper in enumerate(prune.rungs if prune else ()):
            value = self._run(f"{name}-rung{rung}", {**overrides, **cheaper}, self.place, runs)
            if value is None or self._is_behind(trial, value, rung, self.space.direction, f"after rung {rung}"):
                return None
        if prune is None or not prune.figure:
            return self._run(name, overrides, self.place, runs)
        figure = prune.figure

        def is_behind(value: float, age: int) -> bool:
            return self._is_behind(trial, value, age, prune.direction, f"{figure} {value:.4g} after {age}")

        watching = Watching(self.place.progress, figure, is_behind)
        place = replace(self.place, progress=watching, stopping=lambda: watching.is_given_up or self.place.stopping())
        try:
            return self._run(name, overrides, place, runs)
        except Stopped:
            if watching.is_given_up and not self.place.stopping():
                return None
            raise

    def _is_behind(self, trial: Any, value: float, age: int, direction: str, when: str) -> bool:
        """Tell the pruner, in the search's direction, and ask it."""
        known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
        if age not in known:  # told before its process was killed
            trial.report(value if direction == self.space.direction else -value, age)
        if not trial.should_prune():
            return False
        trial.set_user_attr("pruned", when)
        return True

    def _run(self, name: str, overrides: Overrides, place: Place, runs: list[str]) -> float | None:
        pipeline = up_to(self.make(overrides), self.space.node)
        here = replace(place, run=name)
        runs.append(name)
        self.execute(pipeline, here, overrides)
        manifest = here.manifest(self.space.node)
        if manifest is None or self.space.measure not in manifest.metrics:
            known = ", ".join(manifest.metrics) if manifest else "none"
            why = f" ({manifest.reason})" if manifest and manifest.reason else ""
            raise ConfigError(f"metric {self.space.metric!r}: node {self.space.node} of run {name} has the metrics {known}{why}")
        return float(manifest.metrics[self.space.measure])

    def _note(self, trial: Any, runs: list[str]) -> None:
        """What it cost and what it could take from others."""
        nodes = [node.name for node in self.make({}).nodes]
        found = [replace(self.place, run=run).manifest(node) for run in runs for node in nodes]
        manifests = [manifest for manifest in found if manifest is not None]
        trial.set_user_attr("seconds", round(sum(each.seconds for each in manifests if each.reused_from is None), 3))
        trial.set_user_attr("reused", [each.node for each in manifests if each.reused_from is not None])
        trial.set_user_attr("ran", [each.node for each in manifests if each.reused_from is None])
        trial.set_user_attr("runs", runs)


class Watching:
    """Progress that also hears one figure of a step, with the count it was shown at."""

    def __init__(self, inner: Progress, figure: str, is_behind: Callable[[float, int], bool]) -> None:
        self._inner, self._figure, self._is_behind = inner, figure, is_behind
        self._count = 0
        self._heard: set[int] = set()
        self.is_given_up = False

    def start(self, *told: Any, **more: Any) -> None:
        """Begin a count."""
        self._count = 0
        self._inner.start(*told, **more)

    def advance(self, amount: int = 1, **figures: float | int | str) -> None:
        """Count on; where the figure is shown, ask whether the trial goes on."""
        self._count += amount
        self._inner.advance(amount, **figures)
        value = _number(figures, self._figure)
        if value is not None and self._count not in self._heard and not self.is_given_up:
            self._heard.add(self._count)
            self.is_given_up = self._is_behind(value, self._count)

    def note(self, message: str) -> None:
        """One line."""
        self._inner.note(message)

    def stop(self) -> None:
        """Let go of the terminal, where it is held."""
        stop = getattr(self._inner, "stop", None)
        if stop is not None:
            stop()


def _number(figures: Mapping[str, Any], name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) else None
