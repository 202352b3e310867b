import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.flow.toy import problem

from nemoflow.cli.main import COMMANDS, main


def ends_with(*args):
    """Exit code of a command, 0 where it returns."""
    try:
        main([str(arg) for arg in args])
    except SystemExit as end:
        return end.code
    return 0


@pytest.fixture
def workflow(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(f'pipeline = "tests.flow.toy:toy"\nrun = "toy"\nroot = "{tmp_path}/root"\n[shards]\ncopy = 2\n[count]\ncount = 5\n')
    return path


def test_help_lists_every_command_and_imports_none():
    code = "import sys; from nemoflow.cli.main import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    assert not set(done.stdout.splitlines()[-1].split()) & {
        "torch",
        "aiohttp",
        "minio",
        "math_verify",
        "rich",
        "pydantic",
        "nemoflow.cli.run",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert ends_with(command, "--help") == 0
    assert "Usage: nemoflow" in capsys.readouterr().out


def test_run_then_show_lineage_runs_and_plan_tell_the_same_story(workflow, tmp_path, capsys):
    root = tmp_path / "root"
    assert ends_with("run", workflow) == 0
    out = capsys.readouterr().out
    assert "5 steps ran" in out
    assert f"{root}/runs/toy/page/page/page.json" in out
    assert ends_with("run", workflow) == 0
    assert "0 steps ran" in capsys.readouterr().out
    assert ends_with("show", "toy", "--root", root, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert {node["node"]: (node["status"], node["rows_in"], node["rows_out"]) for node in shown["nodes"]} == {
        "count": ("done", 0, 5),
        "copy": ("done", 5, 5),
        "open": ("done", 0, 0),
        "page": ("done", 5, 0),
        "close": ("done", 0, 0),
    }
    assert ends_with("lineage", f"{root}/runs/toy/page/page", "--root", root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["toy/page", "toy/copy", "toy/count", "toy/open"]
    assert ends_with("plan", workflow, "--run", "other", "--set", '{"page.count": 9}') == 0
    planned = capsys.readouterr().out
    assert "3 of 5 nodes would run" in planned
    assert "count 0 -> 9" not in planned.splitlines()[1]
    assert ends_with("runs", "--root", root) == 0
    assert "5 nodes done" in capsys.readouterr().out


def test_a_failed_node_is_shown_with_its_reason(workflow, tmp_path, capsys):
    assert ends_with("run", workflow, "--set", '{"copy.fail": "input"}') == 2
    assert "nemoflow: InputError: row 3: bad" in capsys.readouterr().err
    assert ends_with("show", "toy", "--root", tmp_path / "root") == 0
    assert "row 3: bad" in capsys.readouterr().out
    assert ends_with("run", workflow, "--set", '{"copy.fail": "stop"}') == 75


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--set", '{"count.cuont": 4}'), "cuont: unknown key"),
        (("--root", "ftp://x"), "ftp:// is not supported"),
        (("--run", "A B"), "run 'A B'"),
    ],
)
def test_bad_input_ends_with_2_and_names_it(workflow, args, message, capsys):
    assert ends_with("run", workflow, *args) == 2
    assert message in capsys.readouterr().err


def test_a_drift_says_which_field_and_what_to_do(workflow, capsys):
    assert ends_with("run", workflow) == 0
    assert ends_with("run", workflow, "--set", '{"count.count": 6}') == 2
    assert "count 5 -> 6" in capsys.readouterr().err


def test_steps_run_one_by_one_as_pods_would(workflow, tmp_path, capsys):
    for node, shard in [("count", "0/1"), ("copy", "0/2"), ("copy", "1/2"), ("open", "0/1"), ("page", "0/1"), ("close", "0/1")]:
        assert ends_with("step", workflow, node, "--shard", shard) == 0
    capsys.readouterr()
    assert ends_with("run", workflow) == 0
    assert "0 steps ran" in capsys.readouterr().out


def test_a_step_of_ones_own_runs_alone_on_a_file(tmp_path, capsys):
    rows = tmp_path / "in.jsonl"
    rows.write_bytes(problem(1).model_dump_json().encode() + b"\n")
    assert ends_with("step", "tests.flow.toy:COPY", "--input", f"problems={rows}", "--root", tmp_path / "root") == 0
    assert "rows 1 -> 1" in capsys.readouterr().out
    assert ends_with("step", "nope", "--root", tmp_path / "root") == 2
    assert "unknown 'nope'; one of" in capsys.readouterr().err
    assert ends_with("step", "tests.flow.toy:COPY", "--input", "problems", "--root", tmp_path / "root") == 2
    assert ends_with("step", "tests.flow.toy:COPY", "--input", f"problems={tmp_path}/no.jsonl", "--root", tmp_path / "root") == 2
    assert "no such file" in capsys.readouterr().err
    assert ends_with("step", "tests.flow.toy:COPY", "--shard", "3/2") == 2


def test_a_malformed_row_of_an_input_is_named(tmp_path, capsys):
    rows = tmp_path / "in.jsonl"
    rows.write_bytes(problem(1).model_dump_json().encode() + b'\n{"id": "x"}\n')
    assert ends_with("step", "tests.flow.toy:COPY", "--input", f"problems={rows}", "--root", tmp_path / "root") == 2
    assert "line 2" in capsys.readouterr().err


def test_sigterm_ends_a_run_with_75_and_the_cleanup_done(tmp_path):
    path = tmp_path / "slow.toml"
    path.write_text(
        f'pipeline = "tests.flow.toy:toy"\nrun = "toy"\nroot = "{tmp_path}/root"\n[page]\nfail = "wait"\nlog = "{tmp_path}/log"\n'
    )
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    process = subprocess.Popen([sys.executable, "-m", "nemoflow.cli.main", "run", str(path)], stderr=subprocess.PIPE, env=env)
    deadline = time.monotonic() + 240
    while not (tmp_path / "log").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 75, err
    assert b"SIGTERM: saving, then stopping" in err
    assert (tmp_path / "root/runs/toy/close/manifest.json").exists()


def test_a_refused_run_ends_with_0_and_says_at_its_end_what_was_skipped_and_why_however_often(tmp_path, capsys):
    path = tmp_path / "gated.toml"
    path.write_text(f'pipeline = "tests.flow.toy:gated"\nrun = "gated"\nroot = "{tmp_path}/root"\n')
    for steps_ran in (3, 0):
        assert ends_with("run", path) == 0
        told, _, end = capsys.readouterr().out.partition(f"{steps_ran} steps ran")
        assert ("page               skipped in" in told) == (steps_ran == 3)
        assert "  gate: skipped: not better\n" in end
        assert "  page: skipped: input 'problems' was skipped: not better\n" in end


def test_a_bucket_is_a_root_like_any_other(workflow, s3_root, capsys):
    assert ends_with("doctor", workflow, "--root", s3_root) == 0
    assert ends_with("run", workflow, "--root", s3_root) == 0
    assert "5 steps ran" in capsys.readouterr().out
    assert ends_with("run", workflow, "--root", s3_root, "--run", "other", "--set", '{"page.count": 2}') == 0
    assert "3 steps ran" in capsys.readouterr().out
    assert ends_with("lineage", f"{s3_root}/runs/other/page", "--root", s3_root) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()][:2] == ["other/page", "toy/copy"]
    assert ends_with("runs", "--root", s3_root) == 0
    assert capsys.readouterr().out.count("5 nodes done") == 2


def test_an_input_file_whose_path_looks_like_a_run_is_told_as_a_file(tmp_path, capsys):
    for index, name in enumerate(("runs/p.jsonl", "runs/toy/page/p.jsonl")):
        rows = tmp_path / name
        rows.parent.mkdir(parents=True, exist_ok=True)
        rows.write_bytes(problem(index).model_dump_json().encode())
        run = name.replace("/", "-").removesuffix(".jsonl")
        assert ends_with("step", "tests.flow.toy:COPY", "--input", f"problems={rows}", "--root", tmp_path / "root", "--run", run) == 0
        assert ends_with("lineage", f"{run}/copy", "--root", tmp_path / "root") == 0
        assert f"{rows} as problems" in capsys.readouterr().out


def test_a_step_alone_says_where_it_took_its_result_from(tmp_path, capsys):
    rows = tmp_path / "in.jsonl"
    rows.write_bytes(problem(1).model_dump_json().encode())
    for run, said in (("one", "copy: done in"), ("two", "copy: reused from one/copy")):
        assert ends_with("step", "tests.flow.toy:COPY", "--input", f"problems={rows}", "--root", tmp_path / "root", "--run", run) == 0
        assert capsys.readouterr().out.startswith(said)
