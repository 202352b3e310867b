"""The layouts of public sets: each row becomes the problem that it means, with its licence; rows of one problem become one."""

import os
import subprocess
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.problems.test_sources import lines

from nemoflow.errors import InputError
from nemoflow.problems.catalog import SOURCES, read
from nemoflow.problems.source import joined
from nemoflow.records import Problem

TURNS = [{"role": "user", "content": "Find x."}, {"role": "assistant", "content": r"So \boxed{3}.", "reasoning_content": "Try 3."}]
ROWS = {
    "metamath": (
        {"query": "How many?", "response": "One and one.\nThe answer is: 2", "type": "GSM_Rephrased", "original_question": "What?"},
        {"statement": "How many?", "gold": "2", "category": "metamath_gsm"},
        {"licence": "MIT", "solution": "One and one.", "type": "GSM_Rephrased", "original_question": "What?"},
    ),
    "stackexchange": (
        {"Q": "Why is $e$ irrational?", "A": "By its series.", "meta": {"url": "https://math.stackexchange.com/q/1"}},
        {"statement": "Why is $e$ irrational?", "gold": None, "category": "stackexchange"},
        {"licence": "CC BY-SA 4.0", "solution": "By its series.", "url": "https://math.stackexchange.com/q/1"},
    ),
    "aops": (
        {"rewritten_question": "Find x.", "rewritten_answers": ["No idea.", r"It is \boxed{3}."]},
        {"statement": "Find x.", "gold": "3", "category": "aops"},
        {"solution": "No idea.", "solutions": ["No idea.", r"It is \boxed{3}."]},
    ),
    "hmmt": (
        {"problem_idx": 1, "problem": "Compute it.", "answer": "103", "problem_type": ["Number Theory"]},
        {"statement": "Compute it.", "gold": "103", "category": "hmmt"},
        {"licence": "CC BY-NC-SA 4.0", "problem_type": ["Number Theory"]},
    ),
    "hle": (
        {"id": "66a", "question": "Which?", "answer": "C", "image": "data:...", "category": "Computer Science/AI", "canary": "HLE"},
        {"id": "hle-66a", "statement": "Which?", "gold": "C", "category": "hle_computer_science_ai"},
        {"licence": "MIT", "canary": "HLE", "image": True},
    ),
    "open_math_reasoning": (
        {
            "problem": "Find x.",
            "expected_answer": "3",
            "generated_solution": "<think>a</think>3",
            "inference_mode": "cot",
            "pass_rate_72b_tir": "0.25",
        },
        {"statement": "Find x.", "gold": "3", "category": "open_math_reasoning"},
        {"licence": "CC BY 4.0", "pass_rate_72b_tir": 0.25, "solution": "<think>a</think>3"},
    ),
    "nemotron_math": (
        {"uuid": "u1", "problem": "Find x.", "expected_answer": "3", "messages": TURNS, "license": "cc-by-4.0", "metadata": '{"low": 0.5}'},
        {"id": "nemotron-math-u1", "statement": "Find x.", "gold": "3", "category": "nemotron_math"},
        {"licence": "cc-by-4.0", "pass_rates": {"low": 0.5}, "solution": "<think>\nTry 3.\n</think>\nSo \\boxed{3}."},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_becomes_the_problem_that_it_means(tmp_path, name):
    row, fields, meta = ROWS[name]
    (problem,) = read(name, lines(tmp_path / "p.jsonl", row))
    assert {field: getattr(problem, field) for field in fields} == fields
    assert problem.meta == meta


def test_every_source_has_its_row_here_or_beside():
    assert set(SOURCES) == {*ROWS, "aime", "gsm8k", "jsonl", "kaggle", "math"}
    assert all(source.name == name for name, source in SOURCES.items())


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("metamath", {"query": "a", "response": "is 7"}, r"row 1: response: 'is 7'; a solution that ends in `The answer is: N`"),
        ("stackexchange", {"Q": "a", "A": 7}, "row 1: A: 7; an answer in `A`, or a list of them in `A_List`"),
        ("aops", {"problem": "a", "solutions": "b"}, "row 1: solutions: 'b'; a list of texts"),
        ("aops", {"messages": [{"role": "user"}]}, "row 1: messages: .*with a message of the role 'user'"),
        ("hmmt", {"problem": "a", "answer": "1", "problem_type": "Algebra"}, r"row 1: problem_type: 'Algebra'; a list such as"),
        ("hle", {"id": 1, "question": "a", "answer": "b", "category": 3}, "row 1: category: 3; a subject such as 'Math'"),
        ("open_math_reasoning", {"problem": "a", "pass_rate_72b_tir": 2}, "row 1: pass_rate_72b_tir: 2; a share from 0 to 1"),
        ("nemotron_math", {"problem": "a", "metadata": "{"}, "row 1: metadata: '{'; an object, or the JSON text of one"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, name, row, words):
    with pytest.raises(InputError, match=words):
        read(name, lines(tmp_path / "p.jsonl", row))


def test_rows_of_one_problem_become_one_with_all_its_solutions(tmp_path):
    row = ROWS["metamath"][0]
    (problem,) = read("metamath", lines(tmp_path / "p.jsonl", row, {**row, "response": "Count.\nThe answer is: 2"}, row))
    assert problem.meta["solutions"] == ["One and one.", "Count."]
    assert problem.meta["solution"] == "One and one."


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6))
def test_joining_keeps_each_solution_once_in_order(solutions):
    problems = [Problem(id="p", statement="s", gold=None, category="c", source="t", meta={"solution": text}) for text in solutions]
    whole = problems[0]
    for problem in problems[1:]:
        whole = joined(whole, problem)
    expected = list(dict.fromkeys(solutions))
    assert whole.meta == {"solution": expected[0]} | ({"solutions": expected} if len(expected) > 1 else {})


def test_a_list_of_objects_and_a_parquet_file_read_as_lines_do(tmp_path):
    rows = [{"query": f"q{number}", "response": f"The answer is: {number}"} for number in range(3)]
    expected = read("metamath", lines(tmp_path / "p.jsonl", *rows))
    (tmp_path / "p.json").write_bytes(orjson.dumps(rows))
    assert read("metamath", tmp_path / "p.json") == expected
    arrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra `hub`")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "p.parquet")
    assert read("metamath", tmp_path / "p.parquet") == expected
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"bad\.parquet: not a whole Parquet file"):
        read("metamath", tmp_path / "bad.parquet")
    (tmp_path / "bad.json").write_bytes(b"[1]")
    with pytest.raises(InputError, match=r"bad\.json: row 1: 1; a JSON object is right"):
        read("metamath", tmp_path / "bad.json")


def test_a_hub_that_cannot_be_reached_is_told_with_what_helps_offline(tmp_path):
    pytest.importorskip("datasets", reason="the hub needs the extra `hub`")
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "nemoflow.cli.main", "fetch", "gsm8k", "--out", str(tmp_path / "out.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (75, "")
    assert "openai/gsm8k: the hub cannot be reached" in done.stderr
    assert "hand the file in" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()
