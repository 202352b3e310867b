"""`nemoflow score`: rows in, rows and the accuracy out; a bad row is named and nothing is written."""

import json

import pytest
from click.testing import CliRunner

from nemoflow.cli.score import score
from nemoflow.errors import InputError

ROWS = [
    {"id": "a", "response": r"so \boxed{42}", "gold": 42},
    {"id": "b", "response": r"\boxed{\frac{1}{2}}", "gold": "0.5"},
    {"id": 3, "response": None, "gold": "x", "category": "more columns are let through"},
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "responses.jsonl"
    write(path, ROWS)
    return path


def write(path, rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def run(*args):
    result = CliRunner().invoke(score, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_contests_metric_is_the_default_and_the_accuracy_is_printed(file):
    assert run(file).output == "accuracy 0.3333 (1 of 3 right)\n"


def test_each_row_is_written_with_what_was_extracted(file, tmp_path):
    out = tmp_path / "deep" / "scored.jsonl"
    assert run(file, "--metric", "symbolic", "--out", out).output == "accuracy 0.6667 (2 of 3 right)\n"
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        {"id": "a", "extracted": "42", "correct": True},
        {"id": "b", "extracted": r"\frac{1}{2}", "correct": True},
        {"id": 3, "extracted": "NOT_FOUND", "correct": False},
    ]


def test_revision_b_cuts_at_the_first_brace(tmp_path):
    path = tmp_path / "one.jsonl"
    write(path, [{"id": "a", "response": r"\boxed{a}b}", "gold": "a}b"}])
    assert run(path, "--revision", "b").output.startswith("accuracy 0.0000")
    assert run(path, "--revision", "c").output.startswith("accuracy 1.0000")


def test_an_undecidable_answer_counts_as_unclear_not_as_right(tmp_path):
    path = tmp_path / "one.jsonl"
    write(path, [{"id": "a", "response": r"\boxed{9^{9^{9^9}}}", "gold": "5"}])
    assert run(path, "--metric", "symbolic", "--timeout-s", "0.3").output == "accuracy 0.0000 (0 of 1 right, 1 unclear)\n"


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"id": "a", "response": "x", "gold": "x"}, [r"row 4: id 'a' is already that of row 1"]),
        ({"id": "z", "response": 1, "gold": "x"}, ["line 4", "response", "got 1"]),
        ({"id": "z", "response": "x"}, ["line 4", "gold", "missing"]),
        ({"id": "z", "response": "x", "gold": None}, ["line 4", "gold", "a text or a number", "got None"]),
        ({"id": "z", "response": "x", "gold": True}, ["line 4", "gold", "got True"]),
        ({"id": 1.5, "response": "x", "gold": "x"}, ["line 4", "id", "got 1.5"]),
        ({"id": "", "response": "x", "gold": "x"}, ["line 4", "id", "got ''"]),
        ("[1]", ["line 4", "a JSON object"]),
        ('{"id": ', ["line 4", "not JSON"]),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(file, tmp_path, row, named):
    write(file, [*ROWS, row])
    out = tmp_path / "scored.jsonl"
    with pytest.raises(InputError) as raised:
        run(file, "--out", out)
    assert all(part in str(raised.value) for part in [str(file), *named]), str(raised.value)
    assert not out.exists()


def test_an_empty_or_a_missing_file_is_refused(tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(InputError, match=r"empty\.jsonl: holds no rows"):
        run(empty)
    with pytest.raises(InputError, match=r"none\.jsonl: no such file"):
        run(tmp_path / "none.jsonl")


def test_the_file_that_is_read_is_never_written(file):
    before = file.read_text()
    with pytest.raises(InputError, match="is the file that is read"):
        run(file, "--out", file)
    assert file.read_text() == before


def test_an_unknown_metric_is_refused_with_the_known_ones(file):
    result = CliRunner().invoke(score, [str(file), "--metric", "exact"])
    assert result.exit_code == 2
    assert "'competition', 'symbolic'" in result.output
