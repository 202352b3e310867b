"""Evaluations of a model at a server: a real one on the loopback, asked by the one client."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.evaluation.tiny import numerals, save_tiny_base
from tests.inference.fault_server import FaultServer, always, prompt_of, seeded
from tests.steps.alone import Alone, write_endpoint, write_lines

from nemoflow.config import build
from nemoflow.errors import ConfigError
from nemoflow.steps.evaluate import EVALUATE, EvaluateConfig

PROBLEMS = numerals(6)
CONFIG = {"engine": "endpoint", "max_new_tokens": 8, "retries": 2}


def in_numerals(body):
    """Right for the first problems of each length."""
    number = next(row.gold for row in PROBLEMS if row.statement in prompt_of(body))
    return f"<think>\nwell\n</think>\n\\boxed{{{number if len(number) < 5 else 'V'}}}"


def world(tmp_path, server, **inputs):
    return Alone(EVALUATE, {"problems": write_lines(tmp_path / "eval.jsonl", PROBLEMS), **inputs}, tmp_path / "root")


def test_a_server_is_evaluated_by_its_url_with_verdicts_and_without_a_model_here(tmp_path):
    with FaultServer(answer=in_numerals) as server:
        step = world(tmp_path, server)
        manifest = step.run(url=server.url, served_model="m", served_revision="1", **CONFIG)
    traces = step.rows(manifest, "rollouts")
    assert [trace.problem_id for trace in traces] == [row.id for row in PROBLEMS]
    assert {trace.source for trace in traces} == {"student"}
    assert {trace.model for trace in traces} == {"m@1"}
    assert manifest.metrics["right"] == 4
    assert manifest.metrics["tokens_per_s"] > 0
    assert manifest.engines == {"server": "m@1"}


def test_a_server_and_transformers_are_asked_the_same_to_the_byte(tmp_path):
    base = save_tiny_base(tmp_path / "base")
    bodies = []
    config = {"samples": 2, "temperature": 0.7, "modes": ("high", "low"), "max_new_tokens": 4}
    with FaultServer(answer=lambda body: bodies.append(body) or in_numerals(body)) as server:
        step = world(tmp_path, server)
        served = step.rows(step.run("served", **{**CONFIG, **config}, url=server.url, served_model="m", served_revision="1"), "rollouts")
    local = Alone(EVALUATE, {**step.inputs, "model": base}, tmp_path / "root")
    here = local.rows(local.run("here", threads=1, batch_size=24, **config), "rollouts")
    asked = [(trace.problem_id, trace.sample, trace.mode, trace.messages, trace.category) for trace in here]
    assert asked == [(trace.problem_id, trace.sample, trace.mode, trace.messages, trace.category) for trace in served]
    sent = sorted(json.dumps(body["messages"]) for body in bodies)
    assert sent == sorted(json.dumps([turn.model_dump() for turn in trace.messages]) for trace in here)
    assert {(body["temperature"], body["top_p"], body["max_tokens"], body["model"]) for body in bodies} == {(0.7, 1.0, 4, "m")}


def test_an_adapter_is_another_name_and_another_revision_is_asked_anew(tmp_path):
    with FaultServer(answer=in_numerals) as server:
        endpoint = write_endpoint(tmp_path / "endpoint", server.url, "base", revision="r1")
        step = world(tmp_path, server, endpoint=endpoint)
        step.run("base", **CONFIG)
        assert len(server.completions) == 6
        step.run("adapter", served_model="adapter", served_revision="a1", **CONFIG)
        assert len(server.completions) == 12
        again = step.run("again", fresh=True, served_model="adapter", served_revision="a1", **CONFIG)
        assert (len(server.completions), "generation_s" in again.metrics) == (12, False)
        step.run("newer", served_model="adapter", served_revision="a2", **CONFIG)
        assert len(server.completions) == 18


def test_fields_of_ones_own_are_sent_and_decide_what_is_found_again(tmp_path):
    bodies = []
    with FaultServer(answer=lambda body: bodies.append(body) or in_numerals(body)) as server:
        step = world(tmp_path, server, endpoint=write_endpoint(tmp_path / "endpoint", server.url))
        step.run("one", **CONFIG)
        step.run("two", request={"chat_template_kwargs": {"enable_thinking": True}}, **CONFIG)
    assert [body.get("chat_template_kwargs") for body in bodies] == [None] * 6 + [{"enable_thinking": True}] * 6


def test_what_failed_for_good_is_wrong_counted_and_asked_again_by_the_next_run(tmp_path):
    def refuses_one(body, attempt):
        return "400" if PROBLEMS[0].statement in prompt_of(body) else "ok"

    endpoint = {}
    with FaultServer(refuses_one, answer=in_numerals) as server:
        endpoint["endpoint"] = write_endpoint(tmp_path / "endpoint", server.url)
        step = world(tmp_path, server, **endpoint)
        manifest = step.run("one", max_error_share=0.5, **CONFIG)
        assert (manifest.metrics["failed"], manifest.metrics["right"], manifest.is_complete) == (1, 3, False)
        assert [trace.error is None for trace in step.rows(manifest, "rollouts")] == [False] + [True] * 5
    with FaultServer(answer=in_numerals) as server:
        step.inputs["endpoint"] = write_endpoint(tmp_path / "endpoint", server.url)
        assert step.run("two", **CONFIG).metrics["right"] == 4
        assert len(server.completions) == 1


def test_an_evaluation_that_is_killed_asks_only_for_the_rest(tmp_path):
    with FaultServer(seeded({"500": 0.1}, seed=2), answer=in_numerals, delay_s=0.05) as server:
        step = world(tmp_path, server, endpoint=write_endpoint(tmp_path / "endpoint", server.url))
        config = {**CONFIG, "samples": 20, "temperature": 1.0, "concurrency": 4}
        command = [sys.executable, "-m", "nemoflow.cli.main", "step", "evaluate", "--root", str(step.root), "--run", "r"]
        command += [word for name, path in step.inputs.items() for word in ("--input", f"{name}={path}")]
        command += ["--set", json.dumps(config)]
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(server.completions) < 30 and first.poll() is None:
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert 120 <= len(server.completions) <= 120 + 8  # what was in flight at the kill is asked twice


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"engine": "endpoint", "quantization": "nf4"}, "quantization = nf4: engine = endpoint can do none"),
        ({"url": "http://127.0.0.1:1/v1"}, "url, served_model and request are for engine = endpoint"),
        ({"vllm": {"enforce_eager": True}}, "engine = transformers does not take its options"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_in_words(fields, message):
    with pytest.raises(ConfigError, match=message):
        build(EvaluateConfig, fields, "evaluate")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "wire the input `endpoint`, or set both"),
        ({"url": "http://127.0.0.1:1/v1", "served_model": "m"}, "served_revision: empty"),
        ({"engine": "transformers"}, "engine = transformers: needs a model"),
        ({"url": "http://127.0.0.1:1/v1", "served_model": "m", "served_revision": "1", "modes": ("python",)}, "engine = transformers only"),
    ],
)
def test_what_is_not_wired_is_named(tmp_path, fields, message):
    with FaultServer(always("500")) as server, pytest.raises(ConfigError, match=message):
        world(tmp_path, server).run(**{**CONFIG, **fields})
