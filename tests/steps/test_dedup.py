"""The step `dedup`: duplicates go to the rejected rows with the id of the copy that stays."""

import subprocess
import sys

import pytest
from tests.curate.traces import trace
from tests.steps.alone import Alone, write_lines

from nemoflow.steps.dedup import DEDUP


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
