"""Rows keep their values; a bad row is named by file, line, field, value and what would be right."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import xxhash
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nemoflow.errors import InputError
from nemoflow.records import Message, Problem, Trace
from nemoflow.store import RowWriter, Store, read_rows, write_rows

IN_A_FOLDER = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
GOOD = b'{"v":1,"id":"a","statement":"s","category":"c","source":"s"}\n'

text = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=8)
rows = st.lists(st.dictionaries(text, values, max_size=4), max_size=8)


def problem(name: str, **meta: Any) -> Problem:
    return Problem(id=name, statement="What is XIV?", gold="14", category="numeral", source="test", meta=meta)


def refusal(store: Store, data: bytes, record_type: Any = Problem, key: str = "bad.jsonl") -> str:
    store.write_bytes(key, data)
    with pytest.raises(InputError) as caught:
        list(read_rows(store, key, record_type))
    message = str(caught.value)
    assert message.startswith(store.address(key))
    return message.removeprefix(f"{store.address(key)}: ")


@pytest.mark.parametrize("key", ["rows.jsonl", "rows.jsonl.zst"])
@IN_A_FOLDER
@given(made=rows)
def test_any_rows_round_trip(folder: Store, key: str, made: list[dict[str, Any]]) -> None:
    info = write_rows(folder, key, made)
    assert list(read_rows(folder, key, digest=info.digest)) == made
    data = folder.read_bytes(key)
    assert (info.path, info.size, info.rows) == (key, len(data), len(made))
    assert info.digest == xxhash.xxh3_128_hexdigest(data)


@IN_A_FOLDER
@given(name=text.filter(bool), meta=st.dictionaries(text, values, max_size=3), large=st.integers())
def test_any_record_round_trips(folder: Store, name: str, meta: dict[str, Any], large: int) -> None:
    made = [problem(name, large=large, given=meta)]
    write_rows(folder, "problems.jsonl", made)
    assert list(read_rows(folder, "problems.jsonl", Problem)) == made


@IN_A_FOLDER
@given(made=st.lists(st.text('ab\\"\n\u2028\u0085 {}', max_size=400).map(lambda text: {"text": text}), max_size=40))
def test_lines_are_found_wherever_blocks_end(folder: Store, made: list[dict[str, Any]]) -> None:
    from nemoflow.store.lines import Lines

    write_rows(folder, "rows.jsonl", made)
    data = folder.read_bytes("rows.jsonl")
    for size in (1, 7, 100):
        blocks = iter([data[start : start + size] for start in range(0, len(data), size)])
        assert list(Lines("here", None).parse(blocks)) == made


def test_records_with_parts_round_trip(folder: Store) -> None:
    messages = (Message(role="system", content="s"), Message(role="user", content="u\u2028\n"))
    made = [
        Trace(id=str(index), problem_id="p", category="c", source="teacher", model="m", messages=messages, response="é" * index)
        for index in range(500)
    ]
    info = write_rows(folder, "traces.jsonl", made, compress=True)
    assert info.path == "traces.jsonl.zst"
    assert list(read_rows(folder, info.path, Trace, digest=info.digest)) == made


def test_the_same_rows_are_the_same_bytes(folder: Store) -> None:
    made = [problem(str(index)) for index in range(3000)]
    for suffix in ("jsonl", "jsonl.zst"):
        assert write_rows(folder, f"one.{suffix}", made).digest == write_rows(folder, f"two.{suffix}", made).digest


def test_a_writer_that_raises_publishes_nothing(folder: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        write_rows(folder, "rows.jsonl", ({"value": 1 // (3 - index)} for index in range(5)))
    assert list(folder.list("")) == []


def test_info_is_there_only_after_the_block(folder: Store) -> None:
    with RowWriter(folder, "rows.jsonl") as writer:
        writer.add({"a": 1})
        with pytest.raises(RuntimeError, match="not written yet"):
            _ = writer.info
    assert writer.info.rows == 1


@pytest.mark.parametrize(
    ("row", "why"), [({"a": 2**64}, "64-bit"), ({"a": "\ud800"}, "surrogates"), ({1: "a"}, "str"), ({"a": object()}, "object")]
)
def test_a_row_that_json_cannot_hold_is_named_by_its_number(folder: Store, row: dict[Any, Any], why: str) -> None:
    with pytest.raises(InputError, match=rf"rows\.jsonl: row 3 cannot be written as JSON: .*{why}"):
        write_rows(folder, "rows.jsonl", [{}, {}, row])
    with pytest.raises(InputError, match=r"row 1 cannot be written as JSON"):
        write_rows(folder, "problems.jsonl", [problem("a", lone="\ud800")])
    assert list(folder.list("")) == []


def test_a_wrong_field_is_named_with_its_value_and_what_is_right(folder: Store) -> None:
    said = refusal(folder, GOOD + GOOD.replace(b'"s","category"', b'3,"category"'))
    assert said == "line 2: Problem.statement: input should be a valid string, got 3"


def test_a_missing_field_is_named(folder: Store) -> None:
    assert refusal(folder, GOOD.replace(b'"id":"a",', b"")) == "line 1: Problem.id: missing; it has no default"


def test_an_unknown_field_is_named_with_the_known_ones(folder: Store) -> None:
    said = refusal(folder, GOOD * 4 + GOOD.replace(b'"id"', b'"golden":"7","id"'))
    assert said.startswith("line 5: Problem.golden: unknown field (value '7'); fields of Problem: v, id, statement, gold,")


def test_a_nested_field_is_named_by_its_path(folder: Store) -> None:
    row = {
        "id": "a",
        "problem_id": "p",
        "category": "c",
        "source": "teacher",
        "model": "m",
        "messages": [{"role": "tool", "content": ""}],
        "response": "",
    }
    assert "line 1: Trace.messages.0.role: input should be 'system', 'user' or 'assistant', got 'tool'" in refusal(
        folder, orjson.dumps(row) + b"\n", Trace
    )


def test_a_schema_version_from_elsewhere_names_both_versions(folder: Store) -> None:
    said = refusal(folder, b'{"v":2,"id":"a","text":"new name"}\n')
    assert said.startswith("line 1: schema version v = 2; this nemoflow understands v = 1 of Problem")


@pytest.mark.parametrize("record_type", [None, Problem])
def test_a_line_that_is_not_json_is_shown(folder: Store, record_type: Any) -> None:
    said = refusal(folder, GOOD + b"id: a\n" + GOOD, record_type)
    assert said.startswith("line 2: not JSON (")
    assert "'id: a'" in said


@pytest.mark.parametrize("record_type", [None, Problem])
@pytest.mark.parametrize(
    ("line", "kind"), [(b"[1]", "a list"), (b'"a"', "a string"), (b"3.5", "a number"), (b"true", "a boolean"), (b"null", "null")]
)
def test_a_line_that_is_no_object_says_what_it_is(folder: Store, record_type: Any, line: bytes, kind: str) -> None:
    assert f"is {kind}; each line should be a JSON object" in refusal(folder, line + b"\n", record_type)


@pytest.mark.parametrize("record_type", [None, Problem])
def test_a_torn_last_line_is_named(folder: Store, record_type: Any) -> None:
    for cut in (1, 2, 7, 30, len(GOOD) - 2):
        assert refusal(folder, GOOD * 2 + GOOD[:cut], record_type).startswith("line 3 (the last) is torn: no newline ends it")


@pytest.mark.parametrize("record_type", [None, Problem])
def test_a_missing_last_newline_and_blank_lines_are_forgiven(folder: Store, record_type: Any) -> None:
    folder.write_bytes("rows.jsonl", b"\n" + GOOD + b"  \n\r\n" + GOOD.replace(b"\n", b"\r\n") + GOOD.strip())
    assert len(list(read_rows(folder, "rows.jsonl", record_type))) == 3


def test_a_byte_order_mark_is_named(folder: Store) -> None:
    assert "byte order mark" in refusal(folder, b"\xef\xbb\xbf" + GOOD)


def test_a_long_value_is_cut_in_the_message(folder: Store) -> None:
    assert len(refusal(folder, b'{"v":' + b"9" * 10**6 + b"\n")) < 400


@pytest.mark.parametrize("key", ["rows.jsonl", "rows.jsonl.zst"])
def test_a_changed_file_is_refused_by_its_digest(folder: Store, key: str) -> None:
    info = write_rows(folder, key, [{"a": 1}])
    write_rows(folder, key, [{"a": 2}])
    with pytest.raises(InputError, match=rf"digest [0-9a-f]{{32}}, expected {info.digest}") as caught:
        list(read_rows(folder, key, digest=info.digest))
    assert folder.address(key) in str(caught.value)


def test_a_compressed_file_that_ends_early_is_torn_wherever_it_was_cut(folder: Store) -> None:
    write_rows(folder, "rows.jsonl.zst", [{"index": index} for index in range(50)])
    whole = folder.read_bytes("rows.jsonl.zst")
    for cut in (0, 1, 4, 5, 9, 20, len(whole) // 2, len(whole) - 5, len(whole) - 1):
        assert "torn" in refusal(folder, whole[:cut], None, "bad.jsonl.zst")


def test_a_compressed_file_that_is_none_is_refused(folder: Store) -> None:
    assert "not what zstandard wrote" in refusal(folder, GOOD, key="bad.jsonl.zst")


def test_compressed_files_may_be_put_together(folder: Store) -> None:
    parts = [zstandard.compress(GOOD * count) for count in (1, 2, 3)]
    folder.write_bytes("rows.jsonl.zst", b"".join(parts))
    assert len(list(read_rows(folder, "rows.jsonl.zst", Problem))) == 6


PEAK = """
import sys
from pathlib import Path
from nemoflow.store import open_store, read_rows, write_rows
store = open_store(sys.argv[1])
rows = ({"index": index, "text": "x" * 1000} for index in range(100_000))
info = write_rows(store, sys.argv[2], rows)
assert sum(1 for _ in read_rows(store, sys.argv[2], digest=info.digest)) == 100_000
# not ru_maxrss: a child started by vfork inherits the peak of its parent there
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize("key", ["rows.jsonl", "rows.jsonl.zst"])
def test_memory_stays_flat_also_where_rows_repeat(tmp_path: Path, key: str) -> None:
    done = subprocess.run([sys.executable, "-c", PEAK, str(tmp_path), key], check=True, capture_output=True, text=True)
    assert int(done.stdout) / 1024 < 200  # 100 MB of rows, more than 5000 times smaller when compressed
