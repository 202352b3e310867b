"""The commands for a cluster against a small API server and a real bucket."""

import json
from pathlib import Path

import pytest
from tests.argo.api_server import serving
from tests.argo.workflows import DONE, attempts, workflow

from nemoflow import __version__
from nemoflow.cli.main import main

pytest.importorskip("kubernetes", reason="THE COMMANDS FOR A CLUSTER ARE NOT TESTED: the extra [argo] is not installed")
pytest.importorskip("hera.workflows", reason="THE COMMANDS FOR A CLUSTER ARE NOT TESTED: the extra [argo] is not installed")

WORKFLOWS = Path(__file__).parents[2] / "workflows"
TOY = 'pipeline = "tests.flow.toy:toy"\nrun = "one"\n[shards]\ncopy = 2\n'
CLUSTER = f'registry = "r.example"\ntag = "{__version__}"\nroot = "ROOT"\n[pools.cpu]\n'


@pytest.fixture
def there(tmp_path, monkeypatch, s3_root):
    """A server, and a folder with a toy workflow and a cluster file."""
    (tmp_path / "toy.toml").write_text(TOY)
    (tmp_path / "cluster.toml").write_text(CLUSTER.replace("ROOT", s3_root))
    with serving(tmp_path) as (server, config):
        monkeypatch.setenv("KUBECONFIG", str(config))
        yield server, tmp_path


def says(capsys, *args):
    """Exit code, output and errors of a command."""
    code = 0
    try:
        main([*map(str, args)])
    except SystemExit as ended:
        code = ended.code or 0
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_workflow_is_sent_with_its_run_root_and_overrides(there, capsys, s3_root):
    server, folder = there
    code, out, _ = says(capsys, "submit", folder / "toy.toml", "--no-follow", "--run", "mine", "--set", '{"count.count": 4}')
    assert code == 0
    assert "workflow mine-abcde in nemoflow (uid-new)" in out
    (template,) = server.sent("workflowtemplates")
    sent = server.sent("workflows")[-1]
    given = {entry["name"]: entry["value"] for entry in sent["spec"]["arguments"]["parameters"]}
    assert (given["run"], given["root"], given["set"]) == ("mine", s3_root, '{"count.count": 4}')
    assert "copy = 2" in given["workflow"]
    assert template["metadata"]["name"] == "nemoflow-toy"
    assert sent["spec"]["templates"] == template["spec"]["templates"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--set", '{"count.nonsense": 1}'], "count.nonsense: unknown key"),
        (["--set", '{"shards.copy": 4}'], "--set 'shards.copy': is part of the template"),
        (["--set", '{"count.log": "{{x}}"}'], "holds {{, which Argo takes for a parameter"),
        (["--set", "{"], "not JSON"),
        (["--root", "results"], "--root 'results': pods have no folder in common"),
        (["--tag", "9.9.9"], f"tag '9.9.9': this is nemoflow {__version__}"),
        (["--run", "Big Run"], "run 'Big Run': a name of lower-case letters"),
        (["--cluster", "none.toml"], "none.toml: no such file"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(there, capsys, args, said):
    server, folder = there
    code, _, err = says(capsys, "submit", folder / "toy.toml", "--no-follow", *args)
    assert (code, server.sent("workflows"), server.sent("workflowtemplates")) == (2, [], [])
    assert said in err


def test_a_file_of_this_machine_is_no_input_for_pods(there, capsys):
    server, folder = there
    (folder / "cluster.toml").write_text((WORKFLOWS / "cluster.toml").read_text())
    (folder / "competition.toml").write_text((WORKFLOWS / "competition.toml").read_text())
    code, _, err = says(capsys, "submit", folder / "competition.toml", "--no-follow", "--root", "s3://nemoflow-tests/x")
    assert code == 2
    assert f"inputs.problems: {folder}/train.csv is of this machine, which no pod can read" in err
    assert server.sent("workflows") == []


def test_the_result_of_another_config_under_the_runs_name_is_told_before_anything_is_sent(there, capsys, s3_root):
    server, folder = there
    code, _, _ = says(capsys, "run", folder / "toy.toml", "--root", s3_root)
    assert code == 0
    code, out, _ = says(capsys, "submit", folder / "toy.toml", "--no-follow")
    assert code == 0
    assert "done already: count, copy, page" in out
    server.objects = {key: made for key, made in server.objects.items() if "/workflows/" not in key}
    code, _, err = says(capsys, "submit", folder / "toy.toml", "--no-follow", "--set", '{"count.count": 9}')
    assert code == 2
    assert "holds another result: count 3 -> 9" in err
    assert len(server.sent("workflows")) == 1


def test_a_run_is_shown_from_the_bucket_and_the_cluster_together(there, capsys, s3_root):
    server, folder = there
    says(capsys, "step", folder / "toy.toml", "count", "--root", s3_root)
    server.put("workflows", "one-abcde", **workflow("Running", attempts("count", DONE), attempts("copy", ("Running", "", ""), shard="-0")))
    code, out, _ = says(capsys, "show", "one", "--cluster", folder / "cluster.toml")
    assert code == 0
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines()[2:]}
    assert lines == {"count": "done", "copy": "running", "page": "waiting", "close": "waiting"}
    code, out, _ = says(capsys, "show", "one", "--cluster", folder / "cluster.toml", "--json")
    assert json.loads(out)["workflow"] == {"name": "one-abcde", "uid": "uid-one", "phase": "Running", "exit_code": None}
    code, out, _ = says(capsys, "runs", "--cluster", folder / "cluster.toml")
    assert "1 nodes done; workflow one-abcde running" in out
    assert says(capsys, "lineage", "one/count", "--cluster", folder / "cluster.toml")[1].startswith("one/count  count v1")


def test_a_run_is_followed_stopped_and_its_logs_are_read_by_its_name(there, capsys):
    server, folder = there
    cluster = ("--cluster", folder / "cluster.toml")
    server.put("workflows", "one-abcde", **workflow("Running", attempts("count", ("Running", "", ""))))
    labels = {"workflows.argoproj.io/workflow": "one-abcde", "nemoflow/step": "count"}
    server.put("pods", "p", metadata={"labels": labels}, status={"phase": "Running"})
    server.logs["p"] = "time=2026 level=INFO msg=waiting argo=true\ncounting\nError: exit status 2\n"
    assert says(capsys, "logs", "one", "count", *cluster)[1] == "counting\n"
    assert says(capsys, "stop", "one", *cluster)[:2] == (0, "run one: asked to stop as workflow one-abcde\n")
    server.put("workflows", "one-abcde", **workflow("Failed", attempts("count", ("Failed", "2", "main: Error (exit code 2)"))))
    assert says(capsys, "stop", "one", *cluster)[1] == "run one: is over already\n"
    code, _, err = says(capsys, "follow", "one", *cluster)
    assert code == 2
    assert "run 'one' failed as workflow one-abcde" in err


def test_rendering_writes_beside_the_workflow_and_tells_what_is_stale(there, capsys):
    _, folder = there
    assert says(capsys, "render", folder / "toy.toml", "--check")[0] == 2
    assert says(capsys, "render", folder / "toy.toml")[0] == 0
    assert says(capsys, "render", folder / "toy.toml", "--check")[0] == 0
    (folder / "toy.toml").write_text(TOY.replace("copy = 2", "copy = 3"))
    code, _, err = says(capsys, "render", folder / "toy.toml", "--check")
    assert code == 2
    assert "toy.yaml: not what its workflow file renders to; run `nemoflow render`" in err
    assert says(capsys, "render", folder / "toy.toml", "--out", folder / "elsewhere", "--tag", "0.2.0")[0] == 0
    assert "r.example/nemoflow/data:0.2.0" in (folder / "elsewhere" / "toy.yaml").read_text()
