"""`nemoflow search` with its trials on a cluster: a small API server, whose Workflows a thread runs, and a real bucket."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.argo.api_server import ApiServer
from tests.cli.test_submit import says, there  # noqa: F401  a fixture

from nemoflow.flow.local import run_local
from nemoflow.flow.part import up_to
from nemoflow.flow.place import Place
from nemoflow.flow.workflow import build_pipeline, load_workflow
from nemoflow.store import open_store

pytest.importorskip("kubernetes", reason="THE COMMANDS FOR A CLUSTER ARE NOT TESTED: the extra [argo] is not installed")
pytest.importorskip("optuna", reason="SEARCHES ARE NOT TESTED: the extra [search] is not installed")

GRID = 'metric = "copy.copied"\n[grid]\n"count.count" = [2, 5, 4]\n'


def play(workflow: dict[str, Any], folder: Path) -> None:
    """Do what a Workflow's pods would, as far as it has steps."""
    given = {entry["name"]: entry["value"] for entry in workflow["spec"]["arguments"]["parameters"]}
    file = folder / f"{given['run']}.toml"
    file.write_text(given["workflow"])
    steps = {template["name"] for template in workflow["spec"]["templates"]}
    pipeline = build_pipeline(load_workflow(file, given["set"]), {})
    last = [node.name for node in pipeline.nodes if node.name in steps][-1]
    part = up_to(pipeline, last)
    assert {node.name for node in part.nodes} == steps - {"dag"}
    run_local(part, Place(open_store(given["root"]), given["run"]))
    workflow["status"] = {"phase": "Succeeded", "nodes": {}}


@contextmanager
def playing(server: ApiServer, folder: Path, first: int = 1, after: str = "") -> Iterator[None]:
    """Workflows are run as they come; none before so many wait, or before a path that ends so was looked at."""
    over = threading.Event()

    def work() -> None:
        has_begun = False
        while not over.wait(0.2):
            waiting = [made for path, made in list(server.objects.items()) if "/workflows/" in path and "status" not in made]
            has_begun = has_begun or (len(waiting) >= first and any(path.endswith(after) for path in server.looked_at))
            for made in waiting if has_begun else ():
                play(made, folder)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def search(there, tmp_path):  # noqa: F811
    server, folder = there
    (folder / "space.toml").write_text(GRID)
    return server, ["search", folder / "toy.toml", "--space", folder / "space.toml", "--local", tmp_path / "local"]


def test_trials_are_workflows_of_what_the_metric_needs_and_no_template_is_touched(search, tmp_path, capsys):
    server, command = search
    command += ["--cluster", tmp_path / "cluster.toml", "--json"]
    with playing(server, tmp_path, first=2):
        code, out, err = says(capsys, *command, "--together", 2)
    assert code == 0, err
    assert [trial["value"] for trial in json.loads(out)["trials"]] == [2, 5, 4]
    assert not server.sent("workflowtemplates")
    sent = server.sent("workflows")
    assert sorted(one["metadata"]["labels"]["nemoflow/run"] for one in sent) == ["space-000", "space-001", "space-002"]
    code, again, _ = says(capsys, *command)
    assert (code, json.loads(again)) == (0, json.loads(out))
    assert len(server.sent("workflows")) == len(sent)


def test_a_run_that_is_at_work_already_is_followed_and_not_sent_again(search, tmp_path, capsys):
    server, command = search
    command += ["--cluster", tmp_path / "cluster.toml", "--json"]
    server.refused["GET", "/workflows/space-000-abcde"] = (403, "not now")
    code, _, err = says(capsys, *command)
    assert code == 2
    assert "not now" in err
    server.refused.clear()
    server.looked_at.clear()
    with playing(server, tmp_path, after="/workflows/space-000-abcde"):  # by its name, so it is followed
        code, out, _ = says(capsys, *command)
    assert [trial["state"] for trial in json.loads(out)["trials"]] == ["done"] * 3
    assert len(server.sent("workflows")) == 3


def test_a_run_that_ended_while_no_search_was_there_is_not_sent_again(search, tmp_path, capsys):
    server, command = search
    command += ["--cluster", tmp_path / "cluster.toml", "--json"]
    server.refused["GET", "/workflows/space-000-abcde"] = (403, "not now")
    assert says(capsys, *command)[0] == 2
    server.refused.clear()
    (left,) = server.sent("workflows")
    play(left, tmp_path)
    with playing(server, tmp_path):
        code, out, _ = says(capsys, *command)
    assert (code, [trial["value"] for trial in json.loads(out)["trials"]]) == (0, [2, 5, 4])
    assert len(server.sent("workflows")) == 3


@pytest.mark.parametrize(
    ("space", "args", "said"),
    [
        (GRID, ["--together", "2"], "--together 2: is for trials on a cluster"),
        (GRID, ["--cluster", "none.toml"], "none.toml: no such file"),
        (GRID, ["--cluster", "CLUSTER", "--root", "results"], "--root 'results': pods have no folder in common"),
        (GRID + '[prune]\nfigure = "loss"\n', ["--cluster", "CLUSTER"], "prune.figure 'loss': is heard where a trial runs in this process"),
        (GRID.replace("count.count", "count.nonsense"), ["--cluster", "CLUSTER"], "count.nonsense: unknown key"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(search, tmp_path, capsys, space, args, said):
    server, command = search
    (tmp_path / "space.toml").write_text(space)
    code, _, err = says(capsys, *command, *[str(tmp_path / "cluster.toml") if arg == "CLUSTER" else arg for arg in args])
    assert code == 2
    assert said in err
    assert not server.sent("workflows")
