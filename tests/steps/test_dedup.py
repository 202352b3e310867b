"""The step `dedup`: duplicates go to the rejected rows with the id of the copy that stays."""

import subprocess
import sys

import pytest
from tests.curate.traces import trace
from tests.steps.alone import Alone, write_lines

from nemoflow.errors import InputError
from nemoflow.steps.dedup import DEDUP
from nemoflow.steps.filter import FILTER


def test_duplicates_are_dropped_and_named(tmp_path):
    rows = [trace("b"), trace("a"), trace("c", number=2)]
    step = Alone(DEDUP, {"traces": write_lines(tmp_path / "traces.jsonl", rows)}, tmp_path / "root")
    manifest = step.run()
    assert [row.id for row in step.rows(manifest, "kept")] == ["a", "c"]
    [rejected] = step.rows(manifest, "rejected")
    assert rejected.meta == {"rejected": "exact-duplicate", "duplicate_of": "a"}
    assert (manifest.rows_in, manifest.dropped) == (3, {"exact-duplicate": 1})


def test_near_duplicates_are_dropped_only_when_asked_for(tmp_path):
    pytest.importorskip("rensa", reason="near duplicates need the extra `curate`")
    text = " ".join(f"w{number}" for number in range(100))
    rows = [trace("a", thinking=text), trace("b", thinking=text + " then")]
    step = Alone(DEDUP, {"traces": write_lines(tmp_path / "traces.jsonl", rows)}, tmp_path / "root")
    assert step.run("exact").dropped == {}
    assert step.run("near", near=True).dropped == {"near-duplicate": 1}


def test_steps_are_imported_without_what_they_only_need_when_they_run():
    heavy = "{'rensa', 'math_verify', 'sympy', 'torch', 'transformers', 'aiohttp', 'minio'}"
    modules = ", ".join(f"nemoflow.steps.{name}" for name in ("verify", "filter", "dedup", "decontaminate", "mix"))
    code = f"import sys, {modules}, nemoflow.cli.score; found = {heavy} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("compare", ["response", "statement"])
def test_two_problems_of_one_id_are_refused_not_compared(tmp_path, compare):
    rows = [trace("a", statement="What?"), trace("b", statement="Which?")]
    step = Alone(DEDUP, {"traces": write_lines(tmp_path / "traces.jsonl", rows)}, tmp_path / "root")
    with pytest.raises(InputError, match=r"problem id 'p1' stands for 'Which\?' here, and for 'What\?'"):
        step.run(compare=compare)


def test_an_empty_file_is_refused_but_what_a_filter_left_may_be_nothing(tmp_path):
    nothing = Alone(DEDUP, {"traces": write_lines(tmp_path / "traces.jsonl", [])}, tmp_path / "root")
    with pytest.raises(InputError, match=r"traces\.jsonl: the input traces holds no rows; at least one of Traces is right"):
        nothing.run()
    filtered = Alone(FILTER, {"traces": write_lines(tmp_path / "wrong.jsonl", [trace(verdict="wrong")])}, tmp_path / "root").run("left")
    assert filtered.metrics["kept"] == 0
    nothing.inputs["traces"] = "run://left/node/kept"
    assert nothing.run().metrics == {"kept": 0, "dropped": 0}
