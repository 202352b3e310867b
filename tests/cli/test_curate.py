"""Curation of plain files: what is kept is as it was read, a bad row is named, nothing is written unless all of it is."""

import gzip
import os
import signal
import subprocess
import sys
import time

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.traces import trace

from nemoflow.cli.curate import decontaminate, dedup, filter_, mix
from nemoflow.curate.files import TraceFile, row_of, trace_of
from nemoflow.errors import ConfigError, InputError

TEXT = "First we add two and two, which gives four, and then we look at the question once more to be sure of it."


def row(name, number=1, thinking=TEXT, **fields):
    return {"id": name, "problem": f"What is {number} + {number}?", "response": f"<think>\n{thinking}\n</think>\n\\boxed{{4}}", **fields}


def write(path, *rows):
    path.write_bytes(b"".join((each if isinstance(each, bytes) else orjson.dumps(each)) + b"\n" for each in rows))
    return str(path)


def read(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def call(command, *args):
    done = CliRunner().invoke(command, list(args), catch_exceptions=False, standalone_mode=False)
    return done.output


def test_kept_rows_are_as_they_were_and_dropped_ones_say_why(tmp_path):
    rows = [row("a", note=[1.5, {"x": None}]), row("b", correct=False), row("c", correct=True, thinking="four")]
    out = call(
        filter_, write(tmp_path / "in.jsonl", *rows), "--out", str(tmp_path / "k"), "--rejected", str(tmp_path / "d"), "--min-chars", "60"
    )
    assert read(tmp_path / "k") == rows[:1]
    assert read(tmp_path / "d") == [{**rows[1], "rejected": "wrong"}, {**rows[2], "rejected": "too-short"}]
    assert [line.split()[:2] for line in out.splitlines()] == [["kept", "1"], ["too-short", "1"], ["wrong", "1"], ["dropped", "2"]]


def test_nemoflows_own_rows_go_in_and_come_out_as_traces(tmp_path):
    rows = [trace("a"), trace("b", verdict="wrong")]
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(each.model_dump_json().encode() + b"\n" for each in rows)))
    call(filter_, str(path), "--out", str(tmp_path / "k"), "--min-chars", "0")
    assert [type(rows[0]).model_validate(each) for each in read(tmp_path / "k")] == rows[:1]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"{", r"in\.jsonl: line 2: not JSON"),
        (b"[1]", r"line 2: \[1\] is a list; each line should be a JSON object"),
        ({"response": "r"}, r"row 2: has the fields response; one of statement, problem, .*, or `messages`, is right"),
        ({"problem": "p", "output": 7}, r"row 2: output: 7; a non-empty string is right"),
        ({"problem": " ", "output": "r"}, r"row 2: problem: ' '; a non-empty string is right"),
        ({"problem": "p", "output": "r", "correct": 1}, r"row 2: correct: 1; verdict right, wrong or unclear, or correct true or false"),
        ({"problem": "p", "output": "r", "answer": [1]}, r"row 2: answer: \[1\]; a string or a number is right"),
        ({"messages": [{"role": "user", "content": "p"}]}, r"row 2: messages: .* with a message of the role 'assistant' is right"),
        ({**trace("a").model_dump(mode="json"), "finish": 7}, r"row 2: finish: 7; a nemoflow trace \(it has `v`\) is right"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path, bad, words):
    path = write(tmp_path / "in.jsonl", row("a"), bad)
    with pytest.raises(InputError, match=words):
        call(filter_, path, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_bad_rows_can_be_passed_over_and_are_then_counted_with_their_message(tmp_path):
    path = write(tmp_path / "in.jsonl", row("a"), {"problem": "p"}, row("b", 2))
    out = call(dedup, path, "--out", str(tmp_path / "k"), "--rejected", str(tmp_path / "d"), "--skip-bad")
    assert [each["id"] for each in read(tmp_path / "k")] == ["a", "b"]
    [bad] = read(tmp_path / "d")
    assert (bad["problem"], bad["rejected"]) == ("p", "bad-row")
    assert "row 2: has the fields problem" in bad["why"]
    assert "bad-row" in out


def test_dedup_compares_with_a_reference_and_leaves_it_alone(tmp_path):
    old = write(tmp_path / "old.jsonl", row("old"))
    call(dedup, write(tmp_path / "in.jsonl", row("a"), row("b", 2)), "--out", str(tmp_path / "k"), "--reference", old)
    assert [each["id"] for each in read(tmp_path / "k")] == ["b"]
    assert read(tmp_path / "old.jsonl") == [row("old")]


def test_decontaminate_lists_near_misses_for_a_person_and_refuses_a_leaking_set(tmp_path):
    asked = "Alice had seven cats and gave away two dogs before breakfast on Monday"
    rows = [row(f"r{number}", number) for number in range(20)]
    rows += [{**row("hit"), "problem": f"Once {asked}, true?"}, {**row("near"), "problem": f"{asked.split(' gave')[0]} sold three birds."}]
    path = write(tmp_path / "in.jsonl", *rows)
    evaluation = write(tmp_path / "eval.jsonl", {"question": f"{asked}. How many?", "answer": "5"})
    options = ["--eval", evaluation, "--near-words", "5", "--near-misses", str(tmp_path / "look.json")]
    out = call(decontaminate, path, "--out", str(tmp_path / "k"), *options)
    assert len(read(tmp_path / "k")) == 21
    [miss] = orjson.loads((tmp_path / "look.json").read_bytes())
    assert (miss["how"], miss["shared"]) == ("words", "alice had seven cats and")
    assert miss["eval_statement"].startswith(asked)
    assert "1 of 22 problems match, 1 are near misses" in out
    with pytest.raises(InputError, match=r"1 of 22 problems occur in .*eval\.jsonl .* more than max_share = 0"):
        call(decontaminate, path, "--out", str(tmp_path / "k2"), "--eval", evaluation, "--max-share", "0")
    assert not (tmp_path / "k2").exists()
    known = trace_of(rows[20], "").problem_id
    call(decontaminate, path, "--out", str(tmp_path / "k3"), "--eval", evaluation, "--keep", known)
    assert len(read(tmp_path / "k3")) == 22


def test_mix_takes_several_files_and_writes_a_card(tmp_path):
    first = write(tmp_path / "a.jsonl", row("a"), row("b", 2, answer="4"))
    second = write(tmp_path / "b.jsonl", row("c", 3, licence="MIT"))
    call(
        mix,
        first,
        second,
        "--out",
        str(tmp_path / "corpus"),
        "--card",
        str(tmp_path / "card.json"),
        "--ablations",
        '{"two": {"max_rows": 2}}',
    )
    assert sorted(each["trace_id"] for each in read(tmp_path / "corpus")) == ["a", "b", "c"]
    card = orjson.loads((tmp_path / "card.json").read_bytes())
    assert card["by_licence"] == {"MIT": 1, "unknown": 2}
    assert [each["rows"] for each in card["ablations"]] == [3, 2]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--max-chars", "10"], r"filter: value error, max_chars 10 is less than min_chars 200"),
        (["--pass-rates", "{"], r"--pass-rates '\{': not JSON"),
        (["--pass-rates", '{"low": [2, 3]}'], r"filter\.pass_rates\.low\.0: .* got 2"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, args, words):
    with pytest.raises(ConfigError, match=words):
        call(filter_, write(tmp_path / "in.jsonl", row("a")), "--out", str(tmp_path / "o"), *args)


def test_an_output_that_is_an_input_is_refused(tmp_path):
    path = write(tmp_path / "in.jsonl", row("a"))
    with pytest.raises(ConfigError, match="is also an input"):
        call(filter_, path, "--out", path)
    with pytest.raises(ConfigError, match="semantic needs --encoder"):
        call(dedup, path, "--out", str(tmp_path / "o"), "--semantic")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)
            for name in ("problem", "response", "messages", "answer", "id", "verdict", "correct", "category", "mode", "v", "problem_id")
        },
    )
)
def test_any_object_is_a_trace_or_an_input_error(values):
    try:
        made = trace_of(values, "f: row 1")
    except InputError as error:
        assert str(error).startswith("f: row 1: ")  # noqa: PT017
    else:
        assert row_of(made) == values


def test_a_command_that_is_killed_leaves_the_old_output_whole(tmp_path):
    path = write(tmp_path / "in.jsonl", *(row(f"r{number}", number) for number in range(20_000)))
    (tmp_path / "out.jsonl").write_bytes(b'{"old": 1}\n')
    command = [sys.executable, "-m", "nemoflow.cli.main", "filter", path, "--out", str(tmp_path / "out.jsonl"), "--min-chars", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and len(os.listdir(tmp_path)) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert read(tmp_path / "out.jsonl") == [{"old": 1}] or len(read(tmp_path / "out.jsonl")) == 20_000
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert len(list(TraceFile(tmp_path / "out.jsonl"))) == 20_000
