"""Nodes of several pods on a real cluster: what Argo, JobSet and Kueue make of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.argo.test_gang import GOLDEN, manifest
from tests.cluster.team import SHORT, Team, made_team, new_run

from nemoflow.argo.api import connect
from nemoflow.argo.members import GANG_LABEL, Member
from nemoflow.argo.state import read_state

pytestmark = pytest.mark.cluster
WIDE = SHORT + "processes = 2\n"
APART = {"more": "processes_per_pod = 1\n"}


@pytest.fixture(scope="module")
def team(cluster, image, tmp_path_factory):
    if not connect("default", cluster.kubectl.kubeconfig).serves("jobsets"):
        pytest.skip("NODES OF SEVERAL PODS ARE NOT TRIED: JobSet is not installed on this cluster")
    with made_team(cluster.kubectl, cluster.environment, image("data"), tmp_path_factory.mktemp("team")) as made:
        yield made


def members(team: Team, run: str) -> list[Member]:
    """The node's pods by their places."""
    found = [Member(pod) for pod in team.pods(run, "page") if GANG_LABEL in pod["metadata"]["labels"]]
    return sorted(found, key=lambda member: (member.attempt, member.index))


def wait_for_members(team: Team, run: str, attempt: int = 0) -> list[Member]:
    """Both, once they are at work."""

    def at_work() -> list[Member]:
        found = [member for member in members(team, run) if member.attempt == attempt and member.phase == "Running"]
        return found if len(found) == 2 else []

    team.kubectl.wait_for(f"both pods of {run}", lambda: bool(at_work()))
    return at_work()


def jobset(team: Team, run: str) -> dict[str, Any]:
    (found,) = team.api.items("jobsets", {"nemoflow/run": run})
    return found


def test_template_and_jobset_are_valid_to_a_real_api_server_and_its_webhooks(team):
    made = yaml.safe_load(GOLDEN.read_text())
    made["metadata"]["namespace"] = team.namespace
    assert team.api.apply("workflowtemplates", made, dry=True)["metadata"]["uid"]
    template = next(each for each in made["spec"]["templates"] if "resource" in each)
    file = Path(__file__).read_text().replace("{{", "{ {")  # quotes, line ends, backslashes
    taken = team.api.apply("jobsets", manifest(template, workflow=file, set=json.dumps({"a.b": 'x"\n'})), dry=True)
    pod = taken["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
    assert pod["metadata"]["annotations"]["nemoflow/workflow-file"] == file
    assert taken["spec"]["failurePolicy"]["restartStrategy"] == "BlockingRecreate"


def test_the_pods_of_a_node_know_their_places_and_find_the_first_and_its_end_is_theirs(team):
    run = new_run()
    done = team.submit("--set", '{"page.disk_mib": 1}', workflow=WIDE, run=run, **APART)
    assert done.code == 0
    assert [(member.index, member.attempt, member.end["exitCode"]) for member in members(team, run)] == [(0, 0, 0), (1, 0, 0)]
    assert team.stored(run, "page")["config"]["salt"] == run
    said = team.nemoflow("logs", run, "page", "--namespace", team.namespace).out
    for place in range(2):
        assert re.search(rf"pod {place}: +pod {place}/2; the first is at 10\.\d+\.\d+\.\d+:29500", said)
    for member in members(team, run):
        assert member.pod["spec"]["automountServiceAccountToken"] is False
        assert {volume["name"] for volume in member.pod["spec"]["volumes"]} == {"tmp", "ca", "shm", "workflow"}
    owner = jobset(team, run)["metadata"]["ownerReferences"][0]
    assert owner["uid"] == team.workflow(run)["metadata"]["uid"]


def test_when_one_pod_is_lost_all_begin_anew_from_what_was_saved_and_the_pod_that_waits_may_be_lost_too(team):
    run = new_run()
    assert team.submit("--no-follow", "--set", '{"page.end": "wait once"}', workflow=WIDE, run=run, **APART).code == 0
    before = wait_for_members(team, run)
    (waiting,) = [pod for pod in team.pods(run, "page") if GANG_LABEL not in pod["metadata"]["labels"]]
    team.kubectl("delete", "pod", waiting["metadata"]["name"], "--wait=false")
    team.kubectl("delete", "pod", before[1].pod["metadata"]["name"], "--wait=false")
    followed = team.nemoflow("follow", run, "--namespace", team.namespace)
    assert followed.code == 0
    after = members(team, run)
    assert [(member.index, member.attempt, member.end["exitCode"]) for member in after] == [(0, 1, 0), (1, 1, 0)]
    assert not {member.pod["metadata"]["uid"] for member in before} & {member.pod["metadata"]["uid"] for member in after}
    assert jobset(team, run)["status"]["restarts"] == 1
    (row,) = read_state(team.workflow(run), team.pods(run)).rows
    assert (row.phase, row.attempts) == ("done", 2)


def test_a_pod_that_is_sent_away_is_no_failure_where_none_is_tried_again(team):
    run = new_run()
    assert team.submit("--no-follow", "--set", '{"page.end": "wait once"}', workflow=WIDE, run=run, retries=0, **APART).code == 0
    name = wait_for_members(team, run)[1].pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": team.namespace}}
    team.kubectl("create", "--raw", f"/api/v1/namespaces/{team.namespace}/pods/{name}/eviction", "-f", "-", text=json.dumps(eviction))
    assert team.nemoflow("follow", run, "--namespace", team.namespace).code == 0
    status = jobset(team, run)["status"]
    assert (status["restarts"], status.get("restartsCountTowardsMax", 0)) == (1, 0)
    assert "a pod was sent away: all pods begin anew" in team.nemoflow("show", run, "--cluster", team.cluster_file()).out


def test_want_of_memory_begins_all_anew_as_often_as_the_pool_allows_and_then_says_what_to_change(team):
    run = new_run()
    hungry = {"memory": "192Mi", "retries": 1, **APART}
    done = team.submit("--set", '{"page.memory_mib": 900}', workflow=WIDE, run=run, **hungry)
    assert done.code == 137
    assert "pod 0 ended with exit code 137: OOMKilled" in done.err
    assert "a pod ran out of memory, each time: raise memory of cpu in the cluster file" in done.err
    assert jobset(team, run)["status"]["restarts"] == 1


def test_bad_input_ends_all_at_once_and_is_told(team):
    run = new_run()
    done = team.submit("--set", '{"page.end": "bad input"}', workflow=WIDE, run=run, **APART)
    assert done.code == 2
    assert re.search(r"pod 0 ended with exit code 2: InputError: row 3: bad", done.err)
    assert jobset(team, run)["status"].get("restarts", 0) == 0


def test_a_run_that_is_stopped_gives_its_pods_back(team):
    run = new_run()
    assert team.submit("--no-follow", "--set", '{"page.end": "wait"}', workflow=WIDE, run=run, **APART).code == 0
    wait_for_members(team, run)
    assert team.nemoflow("stop", run, "--namespace", team.namespace).code == 0
    assert team.nemoflow("follow", run, "--namespace", team.namespace).code == 75
    assert team.api.items("jobsets", {"nemoflow/run": run}) == []
    team.kubectl.wait_for(f"the end of {run}", lambda: not members(team, run))
