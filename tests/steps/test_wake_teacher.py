import json
import subprocess
import sys
import urllib.request

import pytest
from tests.inference.stub_teacher import COMMAND, listing, serving

from nemoflow.artifacts import Endpoint, Report
from nemoflow.config import Config, build, identity
from nemoflow.errors import ConfigError, InputError, ProviderError
from nemoflow.flow.execute import execute
from nemoflow.flow.local import run_local
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.step import Outcome, Step
from nemoflow.inference.teachers import read_endpoint
from nemoflow.prompts.chat import user_message
from nemoflow.steps.release_teacher import RELEASE_TEACHER, ReleaseTeacherConfig
from nemoflow.steps.wake_teacher import WAKE_TEACHER, MixedTeacher, WakeTeacherConfig
from nemoflow.store import open_store

SOLVER = ("nemoflow", "puzzles", "serve", "--port", "{port}", "--error-rate", "0", "--seed", "1")
PUZZLE = "Readings in a numeral system of old:\n58 -> LVIII\nNow give the number 34 in the same numeral system."


def ask(url, model, text):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    request = urllib.request.Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)["choices"][0]["message"]["content"]


class AskConfig(Config):
    fail: bool = False
    """Raise instead of asking."""


def run_ask(config, inputs, outputs, context):
    endpoint = read_endpoint(inputs["endpoint"].json("endpoint.json"), "here")
    assert endpoint.process is None or endpoint.process.teacher.is_alive
    outputs["said"].write_json("endpoint.json", endpoint.model_dump())
    if config.fail:
        raise InputError("asked to fail")
    if endpoint.model.startswith("solver"):
        outputs["said"].write_json("said.json", {"text": ask(endpoint.url, endpoint.model, user_message(PUZZLE))})
    return Outcome()


ASK = Step(name="ask", version=1, config=AskConfig, run=run_ask, inputs={"endpoint": Endpoint}, outputs={"said": Report})


def pipeline(fail=False, **config):
    endpoint = {"endpoint": From("wake", "endpoint")}
    nodes = (Node("wake", WAKE_TEACHER, WakeTeacherConfig(**config)), Node("ask", ASK, AskConfig(fail=fail), endpoint))
    return Pipeline("asking", nodes, cleanup=Node("release", RELEASE_TEACHER, ReleaseTeacherConfig(), endpoint))


def place(root):
    return Place(open_store(str(root)), "r")


def endpoint_of(root):
    return read_endpoint(json.loads((root / "runs/r/wake/endpoint/endpoint.json").read_text()), "wake")


def test_a_run_wakes_the_solver_asks_it_and_leaves_nothing_running(tmp_path):
    asking = pipeline(model="solver-v2-e0-s1", command=SOLVER, deadline_s=30)
    assert run_local(asking, place(tmp_path)).executed == ("wake", "ask", "release")
    said = json.loads((tmp_path / "runs/r/ask/said/said.json").read_text())["text"]
    assert said.endswith("</think>\n\\boxed{XXXIV}")
    process = endpoint_of(tmp_path).process
    assert not process.teacher.is_alive
    assert not process.guard.is_alive
    assert place(tmp_path).manifest("release").metrics == {"released": 1}


def test_a_finished_run_wakes_nobody(tmp_path):
    with serving(listing("stub")) as (url, seen):
        asking = pipeline(model="stub", kind="url", url=url)
        run_local(asking, place(tmp_path))
        assert len(seen) == 1
    assert run_local(asking, place(tmp_path)).executed == ()


def test_work_done_on_one_endpoint_is_done_on_another_of_the_same_model(tmp_path):
    with serving(listing("stub")) as (url, _):
        run_local(pipeline(model="stub", kind="url", url=url), place(tmp_path))
    assert run_local(pipeline(model="stub", command=COMMAND), place(tmp_path)).executed == ()


def test_a_failure_after_waking_still_releases(tmp_path):
    with pytest.raises(InputError, match="asked to fail"):
        run_local(pipeline(fail=True, model="stub", command=COMMAND, deadline_s=30), place(tmp_path))
    assert not endpoint_of(tmp_path).process.teacher.is_alive


def test_a_second_wake_in_the_same_run_adopts_the_first(tmp_path):
    waking, here = pipeline(model="stub", command=COMMAND, deadline_s=30), place(tmp_path)
    adopted, endpoints = [], []
    for _ in range(2):
        adopted.append(execute(waking, "wake", here).metrics["adopted"])
        endpoints.append(endpoint_of(tmp_path))
    released = [execute(waking, "release", here).metrics["released"] for _ in range(2)]
    assert (adopted, released) == ([0, 1], [1, 0])
    assert endpoints[0] == endpoints[1]


def test_the_keys_name_is_written_down_and_its_value_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("STUB_KEY", "s3cret")
    with serving(listing("stub")) as (url, seen):
        run_local(pipeline(model="stub", kind="url", url=url, api_key_env="STUB_KEY"), place(tmp_path))
    assert seen[0][1] == "Bearer s3cret"
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert written
    assert not any(b"s3cret" in file.read_bytes() for file in written)
    assert endpoint_of(tmp_path).api_key_env == "STUB_KEY"


def test_a_teacher_that_cannot_be_woken_fails_the_run_with_its_own_error(tmp_path):
    with pytest.raises(ProviderError, match="ended while starting"):
        run_local(pipeline(model="stub", command=(*COMMAND, "--die", "no GPU"), deadline_s=30), place(tmp_path))


def test_only_models_revisions_and_weights_are_the_identity():
    one = WakeTeacherConfig(model="m", revision="r", command=("x", "{port}"), deadline_s=1, lifetime_s=2, api_key_env="K")
    two = WakeTeacherConfig(model="m", revision="r", kind="url", url="http://host/v1")
    assert identity(one) == identity(two) == {"model": "m", "revision": "r", "weight": 1.0, "mixed": []}
    mixed = [
        MixedTeacher(model="n", url=url, api_key_env=key, more_urls=more)
        for url, key, more in (("http://a", "", {}), ("http://b", "K", {"http://c": 2}))
    ]
    three, four = (WakeTeacherConfig(model="m", kind="url", url="http://host/v1", mixed=(other,)) for other in mixed)
    assert identity(three) == identity(four) != identity(one)
    assert identity(three)["mixed"] == [{"model": "n", "revision": "", "weight": 1.0}]


def test_a_model_that_comes_twice_in_a_mix_is_refused():
    with pytest.raises(ValueError, match="model 'm' comes twice; a second URL of one model goes into more_urls"):
        WakeTeacherConfig(model="m", kind="url", url="http://a", mixed=(MixedTeacher(model="m", url="http://b"),))


ASLEEP = {"model": "m", "kind": "deployment", "deployment": "teacher", "url": "http://h"}


def test_the_number_of_replicas_is_given_or_follows_from_what_is_to_be_asked():
    assert build(WakeTeacherConfig, {**ASLEEP, "replicas": 3}, "wake").teacher.replicas == 3
    asked = {"requests": 40_000, "tokens_per_request": 3000, "tokens_per_s": 2500}
    for finish_s, most, replicas in ((14_400, 8, 4), (3600, 8, 8), (3600, 20, 14)):
        values = {**ASLEEP, **asked, "replicas": "auto", "finish_s": finish_s, "max_replicas": most}
        assert build(WakeTeacherConfig, values, "wake").teacher.replicas == replicas


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"command": ["x", "{port}"]}, r"wake\.model: missing"),
        ({"model": "", "command": ["x", "{port}"]}, "name the model"),
        ({"model": "m"}, r"argument that holds \{port\}"),
        ({"model": "m", "command": ["x", "8000"]}, r"argument that holds \{port\}"),
        ({"model": "m", "command": ["x", "{port}"], "url": "http://h"}, "and no url"),
        ({"model": "m", "kind": "url"}, "takes url"),
        ({"model": "m", "kind": "url", "url": "http://h", "command": ["x"]}, "and no command"),
        ({"model": "m", "kind": "deploy"}, r"wake\.kind: .*'deploy'"),
        (
            {"model": "m", "kind": "url", "url": "http://h", "replicas": "auto", "requests": 9, "tokens_per_s": 9},
            'is for kind "deployment"',
        ),
        ({**ASLEEP, "replicas": "auto", "requests": 9}, "takes requests and tokens_per_s, both above 0"),
        ({**ASLEEP, "replicas": 0}, r"wake\.replicas.*greater than or equal to 1, got 0"),
        ({**ASLEEP, "replicas": "all"}, r"wake\.replicas.*'auto', got 'all'"),
        ({"model": "m", "kind": "url", "url": "http://h", "deadline_s": 0}, r"wake\.deadline_s: .*got 0"),
    ],
)
def test_a_config_that_cannot_wake_anything_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        build(WakeTeacherConfig, values, "wake")


def test_the_steps_import_no_http_library():
    code = "import sys, nemoflow.steps.wake_teacher, nemoflow.steps.release_teacher; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"aiohttp", "rich", "minio", "torch"} & set(done.stdout.split())
