"""The trials of a search as runs on a real cluster."""

import json
import time

import pytest
from tests.cluster.team import TOY, made_team, new_run

from nemoflow.argo.state import OVER

pytestmark = pytest.mark.cluster
SPACE = """
metric = "page.rows"
[grid]
"make.count" = [4, 13, 6]
"""


@pytest.fixture(scope="module")
def team(cluster, image, tmp_path_factory):
    with made_team(cluster.kubectl, cluster.environment, image("data"), tmp_path_factory.mktemp("team")) as made:
        yield made


def at_work(team, name):
    """Runs of a search that are at work."""
    found = team.api.items("workflows", {})
    runs = {flow["metadata"]["labels"]["nemoflow/run"] for flow in found if flow.get("status", {}).get("phase") not in OVER}
    return {run for run in runs if run.startswith(name)}


def test_trials_run_two_at_a_time_and_a_search_that_was_killed_follows_those_it_left(team, tmp_path):
    name = new_run()
    workflow, space = tmp_path / "searched.toml", tmp_path / "space.toml"
    workflow.write_text(TOY.format(run=name))
    space.write_text(SPACE)
    search = ["search", workflow, "--space", space, "--name", name, "--cluster", team.cluster_file(), "--together", 2]
    search += ["--local", tmp_path / "local", "--json"]
    with team.process(*search) as killed:
        deadline = time.monotonic() + 300
        while at_work(team, name) != {f"{name}-000", f"{name}-001"}:
            assert killed.poll() is None, killed.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        killed.kill()
    done = team.nemoflow(*search)
    assert done.code == 0, done.err
    trials = json.loads(done.out)["trials"]
    assert [(trial["state"], trial["value"]) for trial in trials] == [("done", 4), ("failed", None), ("done", 6)]
    assert trials[1]["why"].endswith("InputError: row 13: bad")
    assert team.stored(f"{name}-002", "page")["metrics"] == {"rows": 6}
    assert "nemoflow-searched" not in {found["metadata"]["name"] for found in team.api.items("workflowtemplates", {})}
    again = team.nemoflow(*search)
    assert json.loads(again.out) == json.loads(done.out)
