"""What the bucket says of runs: rows, tokens, what was dropped, what was reused. Manifests of runs that are over are read once."""

from collections import Counter
from dataclasses import dataclass, field

from nemoflow.flow.manifest import Manifest
from nemoflow.flow.place import list_runs, read_manifest
from nemoflow.flow.summary import nodes_of
from nemoflow.store import Store

TOKENS = {"prompt_tokens": "prompt", "completion_tokens": "completion", "tokens": "trained"}
"""Metrics of a manifest that count tokens, and of which kind."""
MOST_REASONS = 20
"""Reasons of a step that have a series of their own; the rest is `other`."""


@dataclass(frozen=True)
class StepReading:
    """One finished step of a run."""

    run: str
    step: str
    rows_in: int
    rows_out: int
    dropped: dict[str, int]
    tokens: dict[str, int]
    seconds: float
    is_reused: bool


@dataclass
class Held:
    """The steps that lie in a store."""

    store: Store
    _over: dict[str, list[StepReading]] = field(default_factory=dict)

    def steps(self, runs: dict[str, bool]) -> list[StepReading]:
        """Finished steps of runs, by whether the run is over."""
        self._over = {run: steps for run, steps in self._over.items() if runs.get(run)}
        found = []
        for run, is_over in runs.items():
            steps = self._over.get(run)
            if steps is None:
                steps = self._read(run)
                if is_over:
                    self._over[run] = steps
            found += steps
        return found

    def newest(self, count: int) -> dict[str, bool]:
        """The newest runs of a store that no cluster tells of; none of them counts as over."""
        begun = {run: max((manifest.started for manifest in self._manifests(run)), default="") for run in list_runs(self.store)}
        return dict.fromkeys(sorted(begun, key=lambda run: begun[run], reverse=True)[:count], False)

    def _read(self, run: str) -> list[StepReading]:
        return [read_step(run, manifest) for manifest in self._manifests(run)]

    def _manifests(self, run: str) -> list[Manifest]:
        found = [read_manifest(self.store, run, node) for node in nodes_of(self.store, run)]
        return [manifest for manifest in found if manifest is not None]


def read_step(run: str, manifest: Manifest) -> StepReading:
    """A manifest's numbers; rows and tokens of a reused step were another run's and count there."""
    reasons = Counter(manifest.dropped)
    kept = dict(reasons.most_common(MOST_REASONS))
    other = reasons.total() - sum(kept.values())
    return StepReading(
        run=run,
        step=manifest.node,
        rows_in=manifest.rows_in,
        rows_out=manifest.rows_out,
        dropped={**kept, **({"other": other} if other else {})},
        tokens={kind: int(manifest.metrics[name]) for name, kind in TOKENS.items() if name in manifest.metrics},
        seconds=manifest.seconds,
        is_reused=manifest.reused_from is not None,
    )
