"""Prompts tuned on a real server that answers better the better it is asked."""

import json
import shutil

import pytest
from tests.evaluation.tiny import numerals, save_tiny_base
from tests.inference.fault_server import FaultServer
from tests.steps.alone import Alone, sums, write_endpoint, write_lines

from nemoflow.config import build
from nemoflow.errors import ConfigError, InputError
from nemoflow.evaluation.score import verify_rollouts
from nemoflow.prompts.chat import user_message
from nemoflow.records import Message, Trace
from nemoflow.steps.evaluate import EVALUATE
from nemoflow.steps.tune_prompt import TUNE_PROMPT, TunePromptConfig

DEV = [row.model_copy(update={"id": f"dev{index}"}) for index, row in enumerate(sums(40))]
TEST = [row.model_copy(update={"id": f"test{index}", "statement": f"What is {index} + 100?"}) for index, row in enumerate(sums(5))]
GOLDS = {row.statement: row.gold for row in (*DEV, *TEST)}
CONFIG = {"engine": "endpoint", "max_new_tokens": 16, "first": 5}


def listens(body):
    """Adds right for a third of the sums, two thirds where it is told to be careful, all where it is shown how besides."""
    *before, last = body["messages"]
    statement = last["content"].splitlines()[0]
    told = sum(("careful" in turn["content"]) for turn in before if turn["role"] == "system") + any(
        turn["role"] == "assistant" for turn in before
    )
    gold = GOLDS[statement]
    return f"<think>\n</think>\n\\boxed{{{gold if int(gold) // 2 % 3 <= told else 'no'}}}"


def shots(count=4):
    problems = [
        row.model_copy(update={"id": f"train{index}", "statement": f"What is {index} + 500?"}) for index, row in enumerate(sums(count))
    ]
    traces = [
        Trace(
            id=f"s{row.id}", problem_id=row.id, category=row.category, source="teacher", model="t", response=f"\\boxed{{{row.gold}}}",
            messages=(Message(role="user", content=user_message(row.statement)),),
        )
        for row in problems
    ]  # fmt: skip
    return verify_rollouts(traces, {row.id: row for row in problems})


def world(tmp_path, server, **inputs):
    files = {
        "dev": write_lines(tmp_path / "dev.jsonl", DEV),
        "test": write_lines(tmp_path / "test.jsonl", TEST),
        "endpoint": write_endpoint(tmp_path / "endpoint", server.url),
        "shots": write_lines(tmp_path / "shots.jsonl", shots()),
    }
    return Alone(TUNE_PROMPT, {**files, **inputs}, tmp_path / "root")


def content(step, manifest, output, name):
    return json.loads((step.root / manifest.outputs[output].address / name).read_bytes())


TRIED = {"systems": ("", "Be quick.", "Be careful."), "suffixes": ("", "Put the answer in \\boxed{}."), "shots": (0, 2), "shot_sets": 1}


def test_the_best_form_wins_on_all_dev_problems_with_a_part_of_the_requests(tmp_path):
    with FaultServer(answer=listens) as server:
        step = world(tmp_path, server)
        manifest = step.run(**CONFIG, **TRIED)
    form = content(step, manifest, "prompt", "prompt.json")
    assert (form["system"], len(form["shots"])) == ("Be careful.", 2)
    metrics = manifest.metrics
    assert (metrics["candidates"], metrics["accuracy"], metrics["base_accuracy"]) == (13, 1.0, 0.35)
    assert metrics["points"] == 65.0
    assert metrics["low"] > 0
    assert metrics["asked"] == len(server.completions) < 13 * 40 / 2
    found = content(step, manifest, "report", "report.json")
    assert [len(one["standings"]) for one in found["rounds"]] == sorted((len(one["standings"]) for one in found["rounds"]), reverse=True)
    assert found["candidates"][0] == {"system": "", "suffix": user_message("").strip(), "shots": []}


def test_the_file_that_comes_out_is_what_evaluate_takes(tmp_path):
    with FaultServer(answer=listens) as server:
        step = world(tmp_path, server)
        manifest = step.run(**CONFIG, **TRIED)
        prompt = step.root / manifest.outputs["prompt"].address
        inputs = {"problems": step.inputs["test"], "endpoint": step.inputs["endpoint"], "prompt": prompt}
        scored = Alone(EVALUATE, inputs, tmp_path / "root").run("score", engine="endpoint", max_new_tokens=16)
    assert scored.metrics["accuracy"] == 1.0
    body = server.bodies[-1]
    assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant", "user", "assistant", "user"]


def test_a_tuned_prompt_is_not_scored_on_what_it_was_tuned_on_or_shows(tmp_path):
    with FaultServer(answer=listens) as server:
        step = world(tmp_path, server)
        manifest = step.run(**CONFIG, **TRIED)
        prompt = tmp_path / "elsewhere"
        shutil.copytree(step.root / manifest.outputs["prompt"].address, prompt)
        asked = len(server.completions)
        met = DEV[7].model_copy(update={"id": "renamed", "statement": DEV[7].statement.upper()})
        shown = met.model_copy(update={"statement": "What is 2 + 500?"})
        for name, row, message in (
            ("tuned", met, "elsewhere: tuned on problem 'renamed', which is to be scored"),
            ("shown", shown, "problem 'train2' is also problem 'renamed' of those to score"),
        ):
            problems = write_lines(tmp_path / f"{name}.jsonl", [*TEST, row])
            inputs = {"problems": problems, "endpoint": step.inputs["endpoint"], "prompt": prompt}
            if name == "shown":
                form = json.loads((prompt / "prompt.json").read_bytes())
                form["shots"][0] |= {"problem_id": "train2", "statement": row.statement}
                (prompt / "prompt.json").write_text(json.dumps(form))
            with pytest.raises(InputError, match=message):
                Alone(EVALUATE, inputs, tmp_path / "root").run(name, engine="endpoint", max_new_tokens=16)
        assert len(server.completions) == asked
    told = json.loads((prompt / "tuned.json").read_bytes())
    assert told["dev"] == {"fingerprint": manifest.inputs["dev"].fingerprint, "problems": 40}
    assert len(set(told["seen"])) == 40


def test_a_second_attempt_asks_only_what_the_first_did_not(tmp_path):
    with FaultServer(answer=listens) as server:
        step = world(tmp_path, server)
        first = step.run("one", **CONFIG, **TRIED)
        asked = len(server.completions)
        second = step.run("two", fresh=True, **CONFIG, **TRIED)
        assert len(server.completions) == asked
    assert [file.digest for file in first.outputs["prompt"].files] == [file.digest for file in second.outputs["prompt"].files]


def test_a_student_in_this_process_is_tuned_too(tmp_path):
    base = save_tiny_base(tmp_path / "base")
    rows = numerals(6)
    inputs = {"dev": write_lines(tmp_path / "dev.jsonl", rows[:4]), "test": write_lines(tmp_path / "test.jsonl", rows[4:]), "model": base}
    manifest = Alone(TUNE_PROMPT, inputs, tmp_path / "root").run(
        max_new_tokens=4, threads=1, first=2, systems=("", "Look."), suffixes=("", "the number")
    )
    assert manifest.metrics["candidates"] == 5
    assert manifest.metrics["rounds"] >= 2


def test_a_dev_problem_or_an_example_that_is_in_the_test_is_refused(tmp_path):
    with FaultServer(answer=listens) as server:
        met = write_lines(tmp_path / "met.jsonl", [*TEST, DEV[3].model_copy(update={"id": "x"})])
        with pytest.raises(InputError, match="dev: problem 'dev3' is also problem 'x' of the test"):
            world(tmp_path, server, test=met).run(**CONFIG, **TRIED)
        shown = TEST[0].model_copy(update={"id": "y", "statement": "What is 1 + 500?"})
        with pytest.raises(InputError, match="shots: problem 'train1' is also problem 'y' of the test"):
            world(tmp_path, server, test=write_lines(tmp_path / "met.jsonl", [shown])).run(**CONFIG, **TRIED)
        step = world(tmp_path, server)
        del step.inputs["shots"]
        with pytest.raises(InputError, match="wire the input `shots`"):
            step.run(**CONFIG, **TRIED)
        assert server.completions == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"systems": []}, r"systems = \[\]: at least one"), ({"shots": [2, 2]}, "each once"), ({"shots": [-1]}, "0 and more")],
)
def test_nothing_to_try_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        build(TunePromptConfig, fields, "tune-prompt")
