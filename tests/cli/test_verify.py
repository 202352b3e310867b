"""`nemoflow verify`: rows in, verdicts out; a bad row is named; what was verified is not verified again."""

import json
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from nemoflow.cli.verify import verify
from nemoflow.errors import InputError

ROWS = [
    {"id": "a", "gold": r"\frac{1}{2}", "answer": "0.5"},
    {"id": "b", "gold": "840", "response": r"so \boxed{840840}"},
    {"id": 3, "gold": None, "answer": "7", "category": "more columns are let through"},
    {"id": "d", "gold": 7, "response": None},
]


def write(path, rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(*args):
    result = CliRunner().invoke(verify, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_each_row_has_a_verdict_its_rule_and_its_time(tmp_path):
    out = tmp_path / "out.jsonl"
    result = run(write(tmp_path / "in.jsonl", ROWS), "--out", out)
    assert [(row["id"], row["verdict"], row["rule"]) for row in read(out)] == [
        ("a", "right", "number"),
        ("b", "wrong", "number"),
        (3, "unclear", "no-gold"),
        ("d", "wrong", "no-answer"),
    ]
    assert all(0 <= row["seconds"] < 60 for row in read(out))
    assert "right 1 (25.00%)" in result.output
    assert not list(tmp_path.glob("*.part"))


def test_pass_rates_are_told_by_problem_and_mode(tmp_path):
    rows = [{"id": at, "gold": "1", "answer": str(at % 3), "problem_id": "p", "mode": "low" if at < 4 else "high"} for at in range(6)]
    rates = tmp_path / "rates.jsonl"
    run(write(tmp_path / "in.jsonl", rows), "--rates", rates)
    assert [(row["problem_id"], row["mode"], row["right"], row["pass_rate"]) for row in read(rates)] == [
        ("p", "low", 1, 0.25),
        ("p", "high", 1, 0.5),
    ]


def test_many_processes_find_what_one_does_in_the_same_order(tmp_path):
    rows = write(tmp_path / "in.jsonl", [{"id": at, "gold": str(at), "answer": str(at - at % 2)} for at in range(700)])
    found = []
    for processes in (1, 3):
        run(rows, "--out", tmp_path / "out.jsonl", "--processes", processes)
        found.append([{**row, "seconds": 0} for row in read(tmp_path / "out.jsonl")])
    assert found[0] == found[1]
    assert [row["id"] for row in found[0]] == list(range(700))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": 1, "gold": "7"}, "line 2: .*has both an answer and a response, or neither"),
        ({"id": 1, "gold": "7", "answer": "7", "response": "7"}, "line 2: .*one of the two is right"),
        ({"id": "a", "gold": "7", "answer": "7"}, "row 2: id 'a' is already that of row 1"),
        ({"id": 1, "gold": ["7"], "answer": "7"}, "line 2: .*gold"),
        ("{", "line 2"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        run(write(tmp_path / "in.jsonl", [ROWS[0], row]), "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_lines_that_an_earlier_run_left_are_taken_and_a_torn_or_foreign_one_is_verified_anew(tmp_path):
    more = [{"id": at, "gold": "1", "answer": "1"} for at in range(10, 400)]
    rows = write(tmp_path / "in.jsonl", [*ROWS[:2], *more, "{"])
    out, part = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    with pytest.raises(InputError):
        run(rows, "--out", out, "--processes", 1)
    kept = part.read_text().splitlines()
    assert len(kept) >= 128
    write(rows, ROWS)
    marked = json.loads(kept[0])
    marked["found"]["reason"] = "kept"
    part.write_text(json.dumps(marked) + '\n{"key": "torn')
    run(rows, "--out", out)
    assert read(out)[0]["reason"] == "kept"
    assert [row["id"] for row in read(out)] == ["a", "b", 3, "d"]


def test_a_run_that_was_killed_goes_on_and_ends_with_every_row_once(tmp_path):
    rows = write(
        tmp_path / "in.jsonl", [{"id": at, "gold": rf"{at}\sqrt{{3}}", "answer": rf"\sqrt{{{3 * at * at}}}"} for at in range(1, 3001)]
    )
    out, part = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    command = [sys.executable, "-m", "nemoflow.cli.main", "verify", str(rows), "--out", str(out), "--processes", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not (part.exists() and part.stat().st_size > 50_000):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    kept = part.read_bytes().count(b"\n") if part.exists() else 3000
    run(rows, "--out", out)
    assert kept > 0
    assert [row["id"] for row in read(out)] == list(range(1, 3001))
    assert {row["verdict"] for row in read(out)} == {"right"}
