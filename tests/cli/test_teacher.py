import json

import pytest
from click.testing import CliRunner
from tests.inference.lease_server import LEASES, serving_leases

from nemoflow.cli.main import main, nemoflow

pytest.importorskip("kubernetes", reason="SLEEPING TEACHERS ARE NOT TESTED: the extra [argo] is not installed")


@pytest.fixture
def server(tmp_path, monkeypatch):
    with serving_leases(tmp_path, replicas=2) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        monkeypatch.chdir(tmp_path)
        for name, replicas in (("live", 1), ("dead", 2)):
            owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": name, "uid": f"uid-{name}"}
            metadata = {"labels": {"nemoflow/teacher": "teacher"}, "annotations": {"nemoflow/replicas": str(replicas)}}
            value = {"metadata": {**metadata, "ownerReferences": [owner]}, "spec": {"holderIdentity": f"workflow {name}"}}
            server.put(f"{LEASES}/teacher-{name}", value)
        server.workflow("live")
        server.workflow("dead", completed=True)
        yield server


def said(*args):
    done = CliRunner().invoke(nemoflow, ["teacher", *args, "--deployment", "teacher"], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_a_list_says_who_holds_the_teacher_and_changes_nothing(server):
    text = said("list")
    assert "team/teacher: 2 replicas wanted: 0 of 2 ready; 2 waiting for its pod to be made" in text
    assert "workflow live: 1 replica since 2026-01-01 00:00:00Z, live" in text
    assert "workflow dead: 2 replicas since 2026-01-01 00:00:00Z, dead: workflow dead is over (Failed)" in text
    assert "its live leases ask for 1: the janitor's next turn" in text
    found = json.loads(said("list", "--json"))
    assert [(lease["workflow"]["name"], lease["live"]) for lease in found["leases"]] == [("live", True), ("dead", False)]
    assert (server.replicas, len(server.leases())) == (2, 2)


def test_the_janitor_says_what_it_did_and_then_that_there_is_nothing_to_do(server):
    assert said("settle") == (
        "gave back lease teacher-dead: workflow dead is over (Failed)\nteam/teacher: 2 -> 1 replica, held by workflow live\n"
    )
    assert said("settle") == "team/teacher: 1 replica, held by workflow live\n"
    assert (server.replicas, list(server.leases())) == (1, ["teacher-live"])


@pytest.mark.parametrize(("refused", "code"), [(403, 2), (503, 75)])
def test_what_waiting_does_not_cure_ends_with_2_and_what_it_does_with_75(server, capsys, refused, code):
    server.refused["GET", "/leases"] = refused
    with pytest.raises(SystemExit) as ended:
        main(["teacher", "settle", "--deployment", "teacher"])
    assert ended.value.code == code
    assert "Deployment team/teacher: list its leases" in capsys.readouterr().err
