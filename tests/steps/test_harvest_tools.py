"""Harvests whose teacher runs Python: a scripted model server, the real sandbox, the ledger."""

import os
import signal
import subprocess
import sys
import time

import orjson
import pytest
from tests.inference.fault_server import FaultServer, seeded
from tests.steps.alone import Alone, sums, write_endpoint, write_lines

from nemoflow.errors import ConfigError, SandboxError
from nemoflow.steps.harvest import HARVEST

QUICK = {"concurrency": 8, "retries": 4, "backoff_s": 0.01, "max_wait_s": 0.1, "total_timeout_s": 20.0, "tool_seconds": 5.0}


class PythonTeacher(FaultServer):
    """Doubles the number that its problem asks for by code: first a variable, then its double, then the box of what it was shown."""

    def _completion(self, body, text):
        whole = super()._completion(body, text)
        whole["choices"][0]["message"] = self.turn(body)
        return whole

    def turn(self, body):
        outputs = [turn["content"] for turn in body["messages"] if turn["role"] == "tool" or turn["content"].startswith("```output")]
        number = next(turn["content"] for turn in body["messages"] if turn["content"].startswith("What is")).split()[2]
        if len(outputs) == 2:
            shown = [line for line in outputs[-1].splitlines() if line.isdigit()]
            return {"role": "assistant", "content": f"It is \\boxed{{{shown[-1]}}}"}
        code = f"x = {number}" if not outputs else "print(x + x)"
        if "tools" not in body:
            return {"role": "assistant", "content": f"Let me see.\n```python\n{code}\n```\n"}
        call = {
            "id": f"c{len(outputs)}",
            "type": "function",
            "function": {"name": "python", "arguments": orjson.dumps({"code": code}).decode()},
        }
        return {"role": "assistant", "content": None, "tool_calls": [call]}


@pytest.fixture
def world(tmp_path):
    def make(server, count=3):
        inputs = {
            "problems": write_lines(tmp_path / "problems.jsonl", sums(count)),
            "endpoint": write_endpoint(tmp_path / "endpoint", server.url),
        }
        return Alone(HARVEST, inputs, tmp_path / "root")

    return make


@pytest.mark.parametrize("style", ["fences", "calls"])
def test_a_teacher_with_python_is_harvested_once_a_trace_with_its_calls(world, style):
    with PythonTeacher(seeded({"500": 0.2, "close": 0.1}, seed=1)) as server:
        alone = world(server)
        manifest = alone.run(samples=2, tools=style, **QUICK)
        rows = alone.rows(manifest, "traces")
        assert [(row.problem_id, row.answer) for row in rows] == [(f"p{i:03d}", str(2 * i)) for i in range(3) for _ in range(2)]
        for row in rows:
            assert row.meta["mode"] == "python"
            assert [call["code"].strip() for call in row.meta["calls"]] == [f"x = {int(row.problem_id[1:])}", "print(x + x)"]
            assert [call["status"] for call in row.meta["calls"]] == ["ok", "ok"]
            assert row.meta["calls"][1]["output"] == f"{row.answer}\n"
            assert row.response[slice(*row.meta["calls"][1]["output_at"])].startswith(f"```output\n{row.answer}\n```\n[6 ")
            assert row.usage.completion_tokens == 21
        asked = len(server.completions)
        assert asked == 18
        again = alone.run("again", fresh=True, samples=2, tools=style, **QUICK)
        assert alone.rows(again, "traces") == rows
        assert len(server.completions) == asked
        other = alone.run("other", samples=2, tools=style, **{**QUICK, "tool_seconds": 4.0})
        assert other.metrics["reused"] == 0  # other limits are another way to answer


@pytest.mark.parametrize("style", ["fences", "calls"])
def test_each_turn_of_a_teacher_with_python_is_told_the_effort_as_its_family_has_it(world, tmp_path, style):
    with PythonTeacher() as server:
        alone = world(server, count=1)
        write_endpoint(tmp_path / "endpoint", server.url, model="openai/gpt-oss-120b")
        rows = alone.rows(alone.run(samples=1, tools=style, efforts=["high", "medium", "low"], **QUICK), "traces")
    turns = {}
    for body in server.bodies:
        turns.setdefault(body["reasoning_effort"], []).append(sum(turn["role"] == "assistant" for turn in body["messages"]))
    assert turns == {effort: [0, 1, 2] for effort in ("high", "medium", "low")}
    assert [row.meta["mode"] for row in rows] == ["high+python", "medium+python", "low+python"]


def serve(*options):
    process = subprocess.Popen(
        [sys.executable, "-m", "nemoflow.cli.main", "sandbox", "serve", "--port", "0", *options], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith("sandbox at "):
            return process, line.removeprefix("sandbox at ").strip()
    raise RuntimeError("the sandbox did not start")


def test_a_harvest_may_use_a_sandbox_elsewhere(world):
    process, url = serve()
    try:
        with PythonTeacher() as server:
            alone = world(server)
            rows = alone.rows(alone.run(samples=2, tools="fences", sandbox_url=url, **QUICK), "traces")
            assert [row.answer for row in rows] == ["0", "0", "2", "2", "4", "4"]
            with pytest.raises(ConfigError, match=r"gives seconds = 10.0 at most, asked for is 60"):
                alone.run("more", samples=2, tools="fences", sandbox_url=url, **{**QUICK, "tool_seconds": 60.0})
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_sandbox_that_is_away_ends_the_step_as_try_again_before_anybody_is_asked(world, tmp_path):
    config = {"samples": 1, "tools": "fences", "sandbox_url": "http://127.0.0.1:9", "sandbox_patience_s": 0.3}
    with PythonTeacher() as server:
        alone = world(server)
        with pytest.raises(SandboxError, match="no answer"):
            alone.run(**config, **QUICK)
        assert not server.bodies


def test_a_harvest_that_is_killed_in_the_middle_stores_each_trace_once(tmp_path):
    with PythonTeacher(delay_s=0.05) as server:
        problems = write_lines(tmp_path / "problems.jsonl", sums(12))
        endpoint = write_endpoint(tmp_path / "endpoint", server.url)
        command = [sys.executable, "-m", "nemoflow.cli.main", "step", "harvest", "--input", f"problems={problems}"]
        command += ["--input", f"endpoint={endpoint}", "--root", str(tmp_path / "root"), "--run", "r"]
        command += ["--set", '{"samples": 1, "tools": "fences", "concurrency": 2, "concurrency_start": 2, "commit_s": 0.2}']
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ended = time.monotonic() + 120
        while len(server.completions) < 12 and time.monotonic() < ended:
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        before = len(server.completions)
        assert 12 <= before < 36
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    again = Alone(HARVEST, {"problems": problems, "endpoint": endpoint}, tmp_path / "root")
    manifest = again.run("again", fresh=True, samples=1, tools="fences")
    assert [row.answer for row in again.rows(manifest, "traces")] == [str(2 * number) for number in range(12)]
    assert manifest.metrics["asked"] == 0
    final = [turn for body in server.bodies for turn in [server.turn(body)] if "boxed" in turn["content"]]
    assert len(final) >= 12
    assert len(server.completions) <= 36 + 3 * 2 + 6  # what was in flight or not yet committed, at most
