"""Study: the trials of a search in Optuna's SQLite file, taken up one at a time by any number of processes of a machine, or threads of one.

A trial that a killed process left is taken up again with the parameters it had, and its run goes on from what is done. A process holds
the trial it works at by a claim. Where the root is a bucket, the file lies in a local folder and a copy of it goes to the bucket after
each trial; then one process at a time holds the whole search.
"""

import sqlite3
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from nemoflow.errors import ClaimError, ConfigError, Stopped
from nemoflow.flow.claim import claim
from nemoflow.search.space import Overrides, Parameter, Space, label
from nemoflow.store import Store

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.trial import FrozenTrial, Trial

FILE = "study.db"
OVERRIDES = "overrides"
TAKEN_UP = "taken_up"
MOST_TAKEN_UP = 5
"""A trial that ended its process so often, say for want of memory, is given up as failed."""
POINT = "point"
WAIT_S = 120.0


class Study:
    """The trials of the search `name` under a store's root."""

    def __init__(self, store: Store, name: str, space: Space, workflow: str, local: Path) -> None:
        """Open or begin it; `workflow` identifies what it searches. ConfigError where the name is another search's."""
        self.store, self.name, self.space = store, name, space
        self.key = f"searches/{name}"
        self._claims = f"claims/search-{name}"
        here = store.local_path(self.key)
        self.is_shared = here is not None
        """Whether several processes may work at it: they do where the file lies in the root itself."""
        self.folder = here or local / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._one_at_a_time = threading.Lock()
        with claim(store, f"{self._claims}.json", wait_s=WAIT_S):
            self.optuna = self._open(workflow)

    def work(self, do: "Callable[[Trial], None]", stopping: Callable[[], bool], together: int = 1) -> None:
        """Take up trials, so many at once, until there are enough of them or somebody asks to stop; `do` tells Optuna what came of each.

        What `do` raises ends the search when the other trials that are under way have ended.
        """
        broken = threading.Event()

        def work() -> None:
            try:
                self._work(do, lambda: stopping() or broken.is_set())
            except BaseException:
                broken.set()
                raise

        with ExitStack() as whole:
            if not self.is_shared:
                whole.enter_context(claim(self.store, f"{self._claims}-all.json"))
            with ThreadPoolExecutor(together, thread_name_prefix="trial") as pool:
                workers = [pool.submit(work) for _ in range(together)]
            for worker in workers:
                worker.result()

    def _work(self, do: "Callable[[Trial], None]", stopping: Callable[[], bool]) -> None:
        while not stopping():
            with ExitStack() as held:
                with self._one_at_a_time:
                    trial = self._take(held)
                if trial is None:
                    return
                try:
                    do(trial)
                except Stopped:  # by somebody, not by the trial
                    trial.set_user_attr(TAKEN_UP, trial.user_attrs[TAKEN_UP] - 1)
                    raise
                with self._one_at_a_time:
                    self._export()

    @property
    def wanted(self) -> int:
        """How many trials there are to be."""
        return len(self.space.points) or self.space.trials

    @property
    def trials(self) -> "list[FrozenTrial]":
        """All trials, in order."""
        return list(self.optuna.trials)

    def _open(self, workflow: str) -> "OptunaStudy":
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        file = self.folder / FILE
        if not file.exists() and self.store.exists(f"{self.key}/{FILE}"):
            self.store.get_file(f"{self.key}/{FILE}", file)
        storage = optuna.storages.RDBStorage(f"sqlite:///{file}", engine_kwargs={"connect_args": {"timeout": WAIT_S}})
        study = optuna.create_study(
            storage=storage, study_name=self.name, direction=self.space.direction, pruner=_pruner(self.space), load_if_exists=True
        )
        searched = {"space": self.space.identity, "workflow": workflow}
        for what, now in searched.items():
            before = study.user_attrs.get(what)
            if before is None:
                study.set_user_attr(what, now)
            elif before != now:
                raise ConfigError(
                    f"{self.store.address(self.key)} is a search with another {what}; name another with --name (what both share is reused)"
                )
        for point in self.space.points:
            study.enqueue_trial(_given(point, self.space), skip_if_exists=True)
        return study

    def _take(self, held: ExitStack) -> "Trial | None":
        """A trial that nobody is at, left by a killed process or new; None where there are enough."""
        import optuna

        with claim(self.store, f"{self._claims}.json", wait_s=WAIT_S):
            trials = self.optuna.get_trials(deepcopy=False)
            for left in (trial for trial in trials if trial.state == optuna.trial.TrialState.RUNNING):
                try:
                    held.enter_context(claim(self.store, self._claim_of(left.number)))
                except ClaimError:
                    continue
                self.optuna.sampler = _sampler(self.space, left.number)
                trial = optuna.trial.Trial(self.optuna, left._trial_id)
                if self._may_be_taken_up(trial):
                    return trial
            begun = sum(trial.state != optuna.trial.TrialState.WAITING for trial in trials)
            if begun >= self.wanted:
                return None
            self.optuna.sampler = _sampler(self.space, begun)
            trial = self.optuna.ask()
            held.enter_context(claim(self.store, self._claim_of(trial.number)))
            self._may_be_taken_up(trial)
            return trial

    def _may_be_taken_up(self, trial: "Trial") -> bool:
        """Count that it was; False, and the trial has failed, where it was so too often."""
        import optuna

        times = trial.user_attrs.get(TAKEN_UP, 0) + 1
        if times > MOST_TAKEN_UP:
            trial.set_user_attr("why", f"ended its process {MOST_TAKEN_UP} times, as for want of memory")
            self.optuna.tell(trial, state=optuna.trial.TrialState.FAIL)
            return False
        trial.set_user_attr(TAKEN_UP, times)
        trial.set_user_attr(OVERRIDES, propose(trial, self.space))
        return True

    def _claim_of(self, number: int) -> str:
        return f"{self._claims}-{number}.json"

    def _export(self) -> None:
        """A consistent copy of the file to the bucket."""
        if self.is_shared:
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / FILE
            with closing(sqlite3.connect(self.folder / FILE)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            self.store.put_file(f"{self.key}/{FILE}", copy)


def propose(trial: Any, space: Space) -> Overrides:
    """The overrides of a trial: those it was given once, else drawn."""
    if space.ablate:
        point: Overrides = orjson.loads(trial.suggest_categorical(POINT, [*map(label, space.points)]))
        return point
    if space.grid:
        return {key: orjson.loads(trial.suggest_categorical(key, [*map(label, values)])) for key, values in space.grid.items()}
    return {key: _suggest(trial, key, parameter) for key, parameter in space.params.items()}


def _given(point: Overrides, space: Space) -> dict[str, str]:
    """A point of a grid or an ablation as the parameters that Optuna knows it by."""
    return {POINT: label(point)} if space.ablate else {key: label(value) for key, value in point.items()}


def _suggest(trial: Any, key: str, parameter: Parameter) -> Any:
    if parameter.choices:
        return orjson.loads(trial.suggest_categorical(key, [*map(label, parameter.choices)]))
    if isinstance(parameter.low, int) and isinstance(parameter.high, int):
        return trial.suggest_int(key, parameter.low, parameter.high, step=int(parameter.step or 1), log=parameter.log)
    return trial.suggest_float(key, parameter.low, parameter.high, step=parameter.step, log=parameter.log)


def _sampler(space: Space, number: int) -> Any:
    """What proposes trial `number`: seeded by it, so that a search that was killed and goes on draws what it would have drawn."""
    import optuna

    seed = (space.seed * 1_000_003 + number) % 2**32
    # a trial under way counts as a bad one, or those beside it would be drawn close by
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True) if space.sampler == "tpe" else optuna.samplers.RandomSampler(seed=seed)


def _pruner(space: Space) -> Any:
    import optuna

    if space.prune is None:
        return optuna.pruners.NopPruner()
    return optuna.pruners.PercentilePruner(100 * space.prune.keep, n_startup_trials=space.prune.after)
