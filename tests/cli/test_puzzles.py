import csv
import gzip
import json

import pytest
from click.testing import CliRunner

from nemoflow.cli.puzzles import puzzles
from nemoflow.errors import ConfigError, InputError
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.records import Problem


def call(*args, text=None):
    return CliRunner().invoke(puzzles, [str(arg) for arg in args], input=text, catch_exceptions=False)


@pytest.fixture
def made(tmp_path):
    """A file of four puzzles, and its problems."""
    path = tmp_path / "puzzles.jsonl"
    call("make", "--kind", "numeral=2", "--kind", "unit=2", "--seed", 3, "--out", path)
    return path, [Problem.model_validate_json(line) for line in path.read_text().splitlines()]


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_make_writes_the_kinds_and_counts_that_were_asked_for(made):
    _, problems = made
    assert [problem.category for problem in problems] == ["numeral", "numeral", "unit", "unit"]
    assert len({problem.id for problem in problems}) == 4


def test_make_says_the_same_for_the_same_seed_and_ten_of_each_kind_by_default():
    first, again, other = (call("make", "--seed", seed).stdout for seed in (1, 1, 2))
    assert first == again != other
    assert len(first.splitlines()) == 10 * len(FAMILIES)


@pytest.mark.parametrize("kind", ["chess=3", "unit", "unit=0", "unit=many", "unit=-1", ""])
def test_make_names_a_wrong_kind(kind):
    with pytest.raises(ConfigError, match="--kind"):
        call("make", "--kind", kind)


def test_make_names_a_place_it_cannot_write_to_and_leaves_nothing_there(tmp_path):
    (tmp_path / "folder").mkdir()
    for out in (tmp_path / "absent" / "x.jsonl", tmp_path / "folder"):
        with pytest.raises(InputError, match="a folder that can be written"):
            call("make", "--kind", "unit=1", "--out", out)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_solve_writes_a_row_for_each_puzzle_and_a_line_for_each_kind(made, tmp_path):
    path, problems = made
    shown = call("solve", path, "--out", tmp_path / "solved.jsonl").stdout.splitlines()
    solved = rows(tmp_path / "solved.jsonl")
    assert [(row["id"], row["kind"], row["answer"]) for row in solved] == [(one.id, one.category, one.gold) for one in problems]
    assert set(solved[0]) == {"id", "kind", "answer", "confidence", "seconds"}
    assert [line.split()[:6] for line in shown] == [
        ["kind", "puzzles", "solved", "forced", "right", "accuracy"],
        ["numeral", "2", "2", "2", "2", "100.0%"],
        ["unit", "2", "2", "2", "2", "100.0%"],
        ["all", "4", "4", "4", "4", "100.0%"],
    ]


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_solve_reads_the_contests_files(made, tmp_path, name):
    opener = gzip.open if name.endswith(".gz") else open
    with opener(tmp_path / name, "wt", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "prompt", "answer"])
        writer.writerows([problem.id, problem.statement, "7.77"] for problem in made[1])
    shown = call("solve", tmp_path / name).stdout.splitlines()
    assert shown[-1].split()[:6] == ["all", "4", "4", "4", "0", "0.0%"]


def test_solve_reads_foreign_rows_without_answers_and_counts_what_it_does_not_know(made, tmp_path):
    foreign = tmp_path / "foreign.jsonl"
    lines = [{"id": 1, "prompt": made[1][0].statement}, {"id": 2, "prompt": "Name the largest planet."}]
    foreign.write_text("".join(json.dumps(line) + "\n" for line in lines))
    shown = call("solve", foreign, "--out", tmp_path / "out.jsonl").stdout.splitlines()
    assert [line.split()[:6] for line in shown[1:]] == [
        ["numeral", "1", "1", "1", "-", "-"],
        ["unknown", "1", "0", "0", "-", "-"],
        ["all", "2", "1", "1", "-", "-"],
    ]
    assert [(row["id"], row["kind"], row["confidence"]) for row in rows(tmp_path / "out.jsonl")] == [
        ("1", "numeral", "forced"),
        ("2", "unknown", "none"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", "hello", "named .csv"),
        ("x.jsonl", '{"id": 1, "prompt": "a"}\nnonsense\n', "row 2: not JSON"),
        ("x.jsonl", '{"id": 1, "prompt": "a"}\n{"id": 1, "prompt": "b"}\n', "'1' is also that of"),
        ("x.jsonl", "", "holds no problem"),
        ("x.csv", "id,text\n1,a\n", "id, prompt are needed"),
    ],
)
def test_solve_names_file_and_row_of_bad_input(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as error:
        call("solve", tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_solve_names_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        call("solve", tmp_path / "absent.jsonl")


def test_explain_shows_rule_run_and_answer(made, tmp_path):
    path, problems = made
    one = problems[0]
    (tmp_path / "one.txt").write_text(one.statement)
    shown = call("explain", tmp_path / "one.txt").stdout
    assert shown == call("explain", path, "--id", one.id).stdout == call("explain", "-", text=one.statement).stdout
    assert shown.startswith("kind: numeral\nrule: plain Roman numerals (forced)\n\n")
    assert FAMILIES["numeral"].explain(one.statement) in shown
    assert shown.endswith(f"answer: {one.gold}\n")


def test_explain_names_what_it_cannot_read(made, tmp_path):
    text = tmp_path / "x.txt"
    text.write_text("What is 6 * 7?")
    with pytest.raises(InputError, match=r"no kind of puzzle.*unit \('unit conversion'\)"):
        call("explain", text)
    text.write_text("A numeral system without examples. Write the number 5.")
    with pytest.raises(InputError, match="numeral: no example line"):
        call("explain", text)
    with pytest.raises(InputError, match="say which one with --id"):
        call("explain", made[0])
    with pytest.raises(InputError, match="no row has the id 'x'"):
        call("explain", made[0], "--id", "x")
    with pytest.raises(InputError, match="a text file with one puzzle"):
        call("explain", tmp_path / "absent.txt")
