from dataclasses import replace

import pytest
from tests.flow.toy import CountConfig, line, place, words

from nemoflow.errors import ClaimError, ConfigError, DriftError, InputError, ProviderError, Stopped
from nemoflow.flow.local import run_local
from nemoflow.flow.plan import make_plan

ALL = ["count", "copy 0", "open", "page", "close"]


def test_a_run_does_every_node_once_and_cleans_up(tmp_path):
    log = tmp_path / "log"
    result = run_local(line(log), place(tmp_path / "root"))
    assert words(log) == ALL
    assert result.executed == ("count", "copy", "open", "page", "close")


def test_a_second_run_runs_no_step_and_opens_no_door(tmp_path):
    log = tmp_path / "log"
    run_local(line(log), place(tmp_path / "root"))
    result = run_local(line(log), place(tmp_path / "root"))
    assert (words(log), result.executed) == (ALL, ())


def test_another_run_reuses_what_did_not_change(tmp_path):
    log = tmp_path / "log"
    run_local(line(log), place(tmp_path / "root", "one"))
    result = run_local(line(log, page=1), here := place(tmp_path / "root", "two"))
    assert result.executed == ("open", "page", "close")
    manifest = here.manifest("copy")
    assert manifest is not None
    assert (manifest.reused_from, manifest.run) == ("runs/one/copy", "two")


def test_a_third_run_refers_to_the_first_maker(tmp_path):
    for run in ("one", "two", "three"):
        run_local(line(), here := place(tmp_path, run))
    manifest = here.manifest("copy")
    assert manifest is not None
    assert manifest.reused_from == "runs/one/copy"


def test_fresh_ignores_other_runs(tmp_path):
    log = tmp_path / "log"
    run_local(line(log), place(tmp_path / "root", "one"))
    run_local(line(log), place(tmp_path / "root", "two"), fresh=True)
    assert words(log) == ALL * 2


def test_reuse_is_off_when_the_objects_are_gone(tmp_path):
    log = tmp_path / "log"
    run_local(line(log), here := place(tmp_path / "root", "one"))
    here.store.delete("runs/one/copy/problems")
    result = run_local(line(log), place(tmp_path / "root", "two"))
    assert "copy" in result.executed
    assert "count" not in result.executed


def test_drift_stops_before_anything_runs(tmp_path):
    log = tmp_path / "log"
    run_local(line(log), place(tmp_path / "root"))
    with pytest.raises(DriftError, match="--run"):
        run_local(line(log, count=9), place(tmp_path / "root"))
    assert words(log) == ALL
    run_local(line(log, count=9), place(tmp_path / "root"), force=True)
    assert words(log) == ALL * 2


@pytest.mark.parametrize(("fail", "error"), [("input", InputError), ("bug", ValueError), ("stop", Stopped)])
def test_what_was_done_before_a_failure_is_kept(tmp_path, fail, error):
    log = tmp_path / "log"
    with pytest.raises(error):
        run_local(line(log, fail=fail), place(tmp_path / "root"))
    assert words(log) == ["count", "copy 0"]
    run_local(line(log), place(tmp_path / "root"))
    assert words(log) == ["count", "copy 0", "copy 0", "open", "page", "close"]


def test_the_cleanup_runs_after_a_failure_behind_the_open_door(tmp_path):
    log = tmp_path / "log"
    pipeline = line(log)
    broken = place(tmp_path / "root")
    run_local(pipeline, broken)
    broken.store.delete("runs/one/page")
    broken.store.delete("index/page")
    asked = iter([False, False, False, True])
    with pytest.raises(Stopped):
        run_local(pipeline, place(tmp_path / "root", stopping=lambda: next(asked)))
    assert words(log) == [*ALL, "open", "close"]


def test_a_door_that_does_not_open_ends_the_run_and_there_is_nothing_to_close(tmp_path):
    log = tmp_path / "log"
    pipeline = line(log)
    count, copy, opened, page = pipeline.nodes
    opened = replace(opened, config=CountConfig(fail="open", log=str(log)))
    with pytest.raises(ProviderError, match="no door"):
        run_local(replace(pipeline, nodes=(count, copy, opened, page)), place(tmp_path / "root"))
    assert words(log)[-1] == "open"


def test_a_cleanup_that_fails_too_is_told_beside_the_first_error(tmp_path):
    pipeline = line(tmp_path / "log", close="input", fail_page="input")
    with pytest.raises(InputError, match="row 4") as caught:
        run_local(pipeline, place(tmp_path / "root"))
    assert caught.value.__notes__ == ["and the cleanup close failed: the door is stuck"]


def test_a_stop_before_a_node_ends_the_run(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(Stopped, match="before count"):
        run_local(line(log), place(tmp_path / "root", stopping=lambda: True))
    assert words(log) == []


def test_the_plan_says_why(tmp_path):
    here = place(tmp_path)
    plan = make_plan(line(), here)
    assert [(node.action, node.why) for node in plan.nodes] == [
        ("run", "never done under this root"),
        ("run", "never done under this root"),
        ("run", "page needs it"),
        ("run", "never done under this root"),
        ("run", "open will have run"),
    ]
    run_local(line(), here)
    assert [node.action for node in make_plan(line(), here).nodes] == ["done", "done", "rest", "done", "rest"]
    other = make_plan(line(count=4), place(tmp_path, "two"))
    assert [(node.action, node.why) for node in other.nodes[:2]] == [
        ("run", "count 3 -> 4 (against run one)"),
        ("run", "input problems changed (against run one)"),
    ]
    assert make_plan(line(page=1), place(tmp_path, "two"))["copy"].why == "run one made it"


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "..", "-a", "a" * 64])
def test_a_bad_run_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="run "):
        place(tmp_path, name)


def test_a_second_run_of_the_same_name_is_told_and_opens_and_closes_no_door(tmp_path):
    log, here = tmp_path / "log", place(tmp_path / "root")
    second: list[str] = []

    def come_along(plan, manifest):
        if plan.node.name == "page" and manifest is None:
            with pytest.raises(ClaimError, match=r"claims/one\.json: held by process") as told:
                run_local(line(log), here)
            second.append(str(told.value))

    run_local(line(log), here, watch=come_along)
    assert (words(log), len(second)) == (ALL, 1)
    assert list(here.store.list("claims")) == []


def test_runs_of_other_names_go_on_beside_each_other(tmp_path):
    log = tmp_path / "log"

    def come_along(plan, manifest):
        if plan.node.name == "page" and manifest is None:
            run_local(line(log, page=2), place(tmp_path / "root", "two"))

    run_local(line(log), place(tmp_path / "root"), watch=come_along)
    assert words(log).count("page") == 2


@pytest.mark.parametrize("shards", [1, 2])
def test_what_is_incomplete_and_what_was_made_from_it_is_done_here_and_made_again_by_other_runs(tmp_path, shards):
    log = tmp_path / "log"
    run_local(line(log, shards=shards, fail="part"), here := place(tmp_path / "root", "one"))
    assert [here.manifest(name).is_complete for name in ("count", "copy", "page")] == [True, False, False]
    assert run_local(line(log, shards=shards, fail="part"), here).executed == ()
    result = run_local(line(log, shards=shards), there := place(tmp_path / "root", "two"))
    assert result.executed == ("copy", "open", "page", "close")
    assert [there.manifest(name).is_complete for name in ("copy", "page")] == [True, True]
    assert run_local(line(log, shards=shards), place(tmp_path / "root", "three")).executed == ()
