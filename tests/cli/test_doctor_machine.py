import pytest
from tests.inference.stub_teacher import listing, serving

from nemoflow.cli.main import main

HEAD = 'pipeline = "competition"\nroot = "root"\n[load-problems]\nformat = "kaggle"\n'


def says(capsys, *args):
    """Exit code of doctor and its lines by what they are about, each with its mark."""
    try:
        main(["doctor", *map(str, args)])
    except SystemExit as end:
        code = end.code
    else:
        code = 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line != "ready"]
    return code, {line[8:24].strip(): (line[:8].strip(), line[25:]) for line in lines}


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(url="http://127.0.0.1:9/v1", more=""):
        path = tmp_path / "mine.toml"
        teacher = f'[wake-teacher]\nkind = "url"\nurl = "{url}"\nmodel = "stub"\n{more}'
        path.write_text(f'{HEAD}{teacher}\n[inputs]\nproblems = "train.csv"\nmodel = "base"\n')
        return path

    return make


def test_a_machine_is_ready_without_a_workflow(tmp_path, capsys):
    code, lines = says(capsys, "--root", tmp_path / "root")
    assert code == 0
    held = {"sandbox calls", "sandbox spaces", "sandbox landlock", "sandbox files", "sandbox user"}
    assert {"nemoflow", "python", "machine", "gpu", "extra train", "extra curate", "extra argo", "root", "disk"} | held == set(lines)


def test_a_root_that_takes_nothing_is_missing(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, lines = says(capsys, "--root", tmp_path / "file")
    assert (code, lines["root"][0]) == (2, "MISSING")


def test_inputs_are_looked_for_and_not_read(write, tmp_path, capsys):
    code, lines = says(capsys, write())
    assert code == 2
    assert lines["input problems"] == ("MISSING", f"{tmp_path}/train.csv: no such file or folder")
    assert lines["input model"][0] == "MISSING"
    (tmp_path / "train.csv").write_text("this is no CSV of the contest")
    (tmp_path / "base").mkdir()
    code, lines = says(capsys, write())
    assert code == 0
    assert lines["input problems"] == ("ok", f"{tmp_path}/train.csv is there")


def test_a_teacher_that_is_not_up_yet_is_absent_and_one_that_is_wrong_is_missing(write, tmp_path, capsys):
    (tmp_path / "train.csv").write_text("")
    (tmp_path / "base").mkdir()
    code, lines = says(capsys, write())
    assert (code, lines["wake-teacher"][0]) == (0, "absent")
    assert "nothing answers" in lines["wake-teacher"][1]
    code, lines = says(capsys, write(more='api_key_env = "NO_SUCH_KEY_HERE"'))
    assert (code, lines["wake-teacher"][0]) == (2, "MISSING")
    assert "NO_SUCH_KEY_HERE" in lines["wake-teacher"][1]
    with serving(listing("stub")) as (url, _):
        assert says(capsys, write(url))[1]["wake-teacher"] == ("ok", "stub answers")
    with serving(listing("another")) as (url, _):
        code, lines = says(capsys, write(url))
        assert (code, lines["wake-teacher"][0]) == (2, "MISSING")
        assert "'another'" in lines["wake-teacher"][1]


def test_a_root_in_the_home_folder_is_looked_at_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    code, lines = says(capsys, "--root", "~/results")
    assert (code, lines["disk"][0]) == (0, "ok")
    assert (tmp_path / "results").is_dir()
