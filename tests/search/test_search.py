import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from tests.search.toy import make

from nemoflow.config import build
from nemoflow.errors import ClusterRefused, ConfigError, ProviderError, Stopped
from nemoflow.flow.local import run_local
from nemoflow.flow.place import Place
from nemoflow.search.space import Space
from nemoflow.search.study import MOST_TAKEN_UP, Study
from nemoflow.search.table import Table
from nemoflow.search.trial import Trials
from nemoflow.store import open_store

ROOT = Path(__file__).parents[2]
RATE = {"climb.rate": {"low": 0.0, "high": 1.0}, "climb.width": {"choices": [1, 2, 4]}}


def space(**fields):
    return build(Space, {"metric": "climb.score", "trials": 6, **fields}, "space.toml")


def here(pipeline, place, overrides):
    run_local(pipeline, place)


def search(root, wanted, name="s", local=None, stopping=lambda: False, seen=None, workflow="w", may_stop=False, execute=here, together=1):
    """Run a search to its end; its table. `root` is a folder, or a store."""
    store = open_store(str(root)) if isinstance(root, Path) else root
    study = Study(store, name, wanted, workflow, local or Path(str(root)) / "local")
    work = Trials(wanted, make, Place(store, name, stopping=stopping), execute)
    work.check()

    def do(trial):
        if seen is not None:
            seen.append(trial.number)
        work.do(study.optuna, trial)

    with suppress(*([Stopped] if may_stop else [])):
        study.work(do, stopping, together)
    return Table.of(study.optuna, wanted)


def test_a_search_finds_the_better_values_and_says_what_mattered(tmp_path):
    table = search(tmp_path, space(params=RATE, trials=12))
    assert [row.state for row in table.rows] == ["done"] * 12
    assert table.best.value == max(row.value for row in table.rows)
    assert set(table.importance) == set(RATE)
    assert sum(table.importance.values()) == pytest.approx(1, abs=0.01)


def test_only_what_an_override_touches_runs_again_and_nothing_behind_the_metric(tmp_path):
    table = search(tmp_path, space(params=RATE, trials=3))
    assert table.rows[0].ran == ("count", "climb")
    assert [(row.ran, row.reused) for row in table.rows[1:]] == [(("climb",), ("count",))] * 2


def test_a_grid_tries_every_combination_once_whatever_kind_of_value(tmp_path):
    table = search(tmp_path, space(grid={"climb.weights": [{}, {"public": 0.5}], "climb.width": [1, 4]}))
    tried = [tuple(row.overrides.values()) for row in table.rows]
    assert tried == [({}, 1), ({}, 4), ({"public": 0.5}, 1), ({"public": 0.5}, 4)]
    assert table.best.number == 3
    assert table.best_toml == "[climb]\nweights = { public = 0.5 }\nwidth = 4\n"


def test_an_ablation_starts_from_the_workflow_as_it_is_and_changes_one_thing_at_a_time(tmp_path):
    table = search(tmp_path, space(ablate={"climb.width": [4], "climb.rate": [0.3, 0.9]}))
    assert [row.overrides for row in table.rows] == [{}, {"climb.width": 4}, {"climb.rate": 0.3}, {"climb.rate": 0.9}]
    assert [round(row.value - table.rows[0].value, 6) for row in table.rows] == [0.0, 0.3, 0.2, -0.4]


def test_more_trials_go_on_where_the_search_stopped_and_propose_what_one_go_would_have(tmp_path):
    at_once = search(tmp_path / "a", space(params=RATE, trials=6))
    search(tmp_path / "b", space(params=RATE, trials=2))
    seen = []
    in_two = search(tmp_path / "b", space(params=RATE, trials=6), seen=seen)
    assert seen == [2, 3, 4, 5]
    assert [row.overrides for row in in_two.rows] == [row.overrides for row in at_once.rows]


def test_a_trial_that_is_behind_by_a_figure_is_given_up_before_its_end(tmp_path):
    wanted = space(grid={"climb.rate": [0.3, 0.35, 0.9]}, prune={"figure": "loss", "after": 2})
    table = search(tmp_path, wanted)
    assert [row.state for row in table.rows] == ["done", "done", "pruned"]
    assert table.rows[2].why.startswith("loss ")
    assert table.rows[2].why.endswith(" after 1")


def test_a_trial_that_is_behind_after_a_cheaper_run_never_runs_whole(tmp_path):
    wanted = space(grid={"climb.rate": [0.3, 0.35, 0.9]}, prune={"rungs": [{"count.count": 1}], "after": 2})
    table = search(tmp_path, wanted)
    assert [row.state for row in table.rows] == ["done", "done", "pruned"]
    store = open_store(str(tmp_path))
    assert store.exists("runs/s-001/climb/manifest.json")
    assert store.exists("runs/s-002-rung0/climb/manifest.json")
    assert not store.exists("runs/s-002/climb/manifest.json")


def test_a_trial_that_fails_by_its_values_is_put_down_and_the_search_goes_on(tmp_path):
    table = search(tmp_path, space(grid={"climb.fail": ["input", ""]}))
    assert [(row.state, row.why) for row in table.rows] == [("failed", "row 3: bad"), ("done", "")]


def test_what_another_attempt_may_cure_stops_the_search_and_the_trial_is_taken_up_again(tmp_path):
    wanted = space(grid={"climb.fail": ["busy"]})
    for _ in range(MOST_TAKEN_UP):
        with pytest.raises(ProviderError):
            search(tmp_path, wanted)
    assert [(row.state, row.why) for row in search(tmp_path, wanted).rows] == [
        ("failed", f"ended its process {MOST_TAKEN_UP} times, as for want of memory")
    ]


def test_a_search_that_is_asked_to_stop_ends_between_or_within_trials_and_loses_none(tmp_path):
    seen = []
    first = search(tmp_path, space(params=RATE), stopping=lambda: len(seen) == 2, seen=seen, may_stop=True)
    assert [row.state for row in first.rows] == ["done", "running"]
    table = search(tmp_path, space(params=RATE))
    assert [row.state for row in table.rows] == ["done"] * 6


def test_to_be_stopped_is_not_held_against_a_trial(tmp_path):
    wanted = space(grid={"climb.rate": [0.3]})
    for _ in range(MOST_TAKEN_UP + 1):
        seen = []
        table = search(tmp_path, wanted, stopping=lambda seen=seen: bool(seen), seen=seen, may_stop=True)
        assert [row.state for row in table.rows] == ["running"]
    assert [row.state for row in search(tmp_path, wanted).rows] == ["done"]


def test_several_trials_at_once_are_each_run_once_and_find_what_they_find_one_by_one(store, tmp_path):
    wanted = space(grid={"climb.rate": [0.1, 0.3, 0.9], "climb.width": [1, 4]})
    meet, seen = threading.Barrier(3, timeout=60), []

    def together(pipeline, place, overrides):
        meet.wait()
        run_local(pipeline, place)

    table = search(store, wanted, together=3, execute=together, seen=seen, local=tmp_path / "local")
    assert sorted(seen) == list(range(6))
    alone = search(tmp_path / "alone", wanted)
    assert [(row.overrides, row.value) for row in table.rows] == [(row.overrides, row.value) for row in alone.rows]


def test_what_one_of_several_raises_ends_the_search_and_the_others_are_seen_to_their_end(tmp_path):
    meet = threading.Barrier(2, timeout=60)

    def together(pipeline, place, overrides):
        meet.wait()
        if overrides["climb.rate"] == 0.1:
            raise ClusterRefused("no such account")
        run_local(pipeline, place)

    wanted = space(grid={"climb.rate": [0.1, 0.3, 0.9]})
    with pytest.raises(ClusterRefused):
        search(tmp_path, wanted, together=2, execute=together)
    left = Table.of(Study(open_store(str(tmp_path)), "s", wanted, "w", tmp_path).optuna, wanted)
    assert [row.state for row in left.rows] == ["running", "done", "waiting"]
    assert [row.state for row in search(tmp_path, wanted, together=2).rows] == ["done"] * 3


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.search.test_search import RATE, space
from tests.search import toy
from nemoflow.flow.local import run_local
from nemoflow.flow.place import Place
from nemoflow.search.study import Study
from nemoflow.search.trial import Trials
from nemoflow.store import open_store
store, wanted = open_store(sys.argv[1]), space(params=RATE)
study = Study(store, "s", wanted, "w", Path("unused"))
def watch(plan, manifest):
    if plan.node.name == "climb" and manifest is None and store.exists("runs/s-001/count/manifest.json"):
        os.kill(os.getpid(), signal.SIGKILL)
work = Trials(wanted, toy.make, Place(store, "s"), lambda pipeline, place, overrides: run_local(pipeline, place, watch=watch))
study.work(lambda trial: work.do(study.optuna, trial), lambda: False)
"""


def test_a_trial_whose_process_was_killed_goes_on_with_the_values_it_had(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = Table.of(Study(open_store(str(tmp_path)), "s", space(params=RATE), "w", Path("unused")).optuna, space(params=RATE))
    assert [row.state for row in left.rows] == ["done", "running"]
    seen = []
    table = search(tmp_path, space(params=RATE), seen=seen)
    assert seen == [1, 2, 3, 4, 5]
    assert table.rows[1].overrides == left.rows[1].overrides
    assert [row.overrides for row in table.rows] == [row.overrides for row in search(tmp_path / "undisturbed", space(params=RATE)).rows]


def test_a_name_is_one_search_only(tmp_path):
    search(tmp_path, space(params=RATE, trials=1))
    with pytest.raises(ConfigError, match="another space"):
        search(tmp_path, space(grid={"climb.width": [1]}))
    with pytest.raises(ConfigError, match="another workflow"):
        search(tmp_path, space(params=RATE, trials=1), workflow="v")


@pytest.mark.parametrize("wanted", [space(metric="nobody.score", params=RATE), space(grid={"climb.width": ["wide"]})])
def test_a_space_that_the_workflow_does_not_take_is_refused_before_anything_runs(tmp_path, wanted):
    with pytest.raises((ConfigError, ValueError)):
        Trials(wanted, make, Place(open_store(str(tmp_path)), "s"), here).check()


def test_a_metric_that_the_node_does_not_have_fails_the_trial_and_names_those_there_are(tmp_path):
    table = search(tmp_path, space(metric="climb.accuracy", grid={"climb.width": [1]}))
    assert table.rows[0].why == "metric 'climb.accuracy': node climb of run s-000 has the metrics score"


def test_the_file_of_a_search_in_a_bucket_comes_back_from_there(store, tmp_path):
    if store.local_path("x") is not None:
        pytest.skip("a folder holds the file itself")
    wanted = space(params=RATE, trials=2)
    study = Study(store, "s", wanted, "w", tmp_path / "here")
    work = Trials(wanted, make, Place(store, "s"), here)
    study.work(lambda trial: work.do(study.optuna, trial), lambda: False)
    elsewhere = Study(store, "s", wanted, "w", tmp_path / "there")
    assert Table.of(elsewhere.optuna, wanted).to_json() == Table.of(study.optuna, wanted).to_json()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "nothing to search"),
        ({"params": RATE, "grid": {"climb.width": [1]}}, "one of"),
        ({"params": {"climb.rate": {"low": 2, "high": 1}}}, "no more than high"),
        ({"params": {"climb.rate": {"low": 0.0, "high": 1.0, "log": True}}}, "above 0"),
        ({"params": {"climb.rate": {"low": 0, "high": 1, "choices": [1]}}}, "one of the two"),
        ({"grid": {"climb.width": []}}, "at least one value"),
        ({"grid": {"climb.width": [1, 1]}}, "each once"),
        ({"grid": {"width": [1]}}, "node.field"),
        ({"params": RATE, "prune": {}}, "one of the two"),
        ({"params": RATE, "metric": "score"}, "pattern"),
    ],
)
def test_a_space_says_what_is_wrong_with_it(fields, said):
    with pytest.raises(ConfigError, match=said):
        space(**fields)


def test_a_table_is_json(tmp_path):
    table = search(tmp_path, space(grid={"climb.width": [1, 4]}))
    assert orjson.loads(orjson.dumps(table.to_json()))["best"] == 1
