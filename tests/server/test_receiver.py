"""The receiver over real HTTP before a fake API server: who is let in, what starts a run, and that a cause starts it once."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.argo.api_server import ApiServer, serving

from nemoflow.argo.api import connect
from nemoflow.config import build
from nemoflow.errors import ConfigError
from nemoflow.server.keys import Keys, sign
from nemoflow.server.rate import Rate
from nemoflow.server.receiver import MOST_BYTES, Receiver, create_app
from nemoflow.server.triggers import Triggers, load_triggers

SECRET, TOKEN = b"a-secret-of-enough-characters", "a-token-of-enough-characters"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
RULES = {
    "pushes": {"demo": {"repository": "team/flows", "paths": ["workflows/demo.*"], "template": "nemoflow-demo", "set": {"mix.seed": 1}}},
    "objects": {"data": {"bucket": "sets", "key": "gsm8k/*.json", "template": "nemoflow-demo", "set": {"inputs.problems": "{folder}/p"}}},
    "starts_per_hour": 3,
}


class Hooks:
    """A receiver, and what it said and did."""

    def __init__(self, folder: Path, server: ApiServer, kubeconfig: Path) -> None:
        (folder / "keys").mkdir()
        (folder / "keys" / "secret").write_bytes(SECRET + b"\n")
        (folder / "keys" / "token").write_text(TOKEN)
        self.keys, self.server, self.lines = folder / "keys", server, list[str]()
        self.rate = Rate(3)
        self.api = connect("nemoflow", str(kubeconfig))
        parameters = [{"name": "run", "value": "demo"}, {"name": "root", "value": "s3://b/r"}, {"name": "set", "value": "{}"}]
        spec = {"entrypoint": "dag", "arguments": {"parameters": parameters}}
        server.put("workflowtemplates", "nemoflow-demo", metadata={"labels": {"nemoflow/team": "vision"}}, spec=spec)

    def app(self) -> web.Application:
        return create_app(Receiver(build(Triggers, RULES, "rules"), Keys(self.keys), self.api, self.lines.append, self.rate))

    def ask(self, *requests: tuple[str, bytes, dict[str, str]]) -> list[tuple[int, dict[str, Any]]]:
        """Send requests one after the other."""

        async def go() -> list[tuple[int, dict[str, Any]]]:
            answers = []
            async with TestClient(TestServer(self.app())) as client:
                for path, body, headers in requests:
                    async with client.post(path, data=BytesIO(body), headers=headers) as response:
                        answers.append((response.status, await response.json()))
            return answers

        return asyncio.run(go())

    @property
    def started(self) -> list[dict[str, Any]]:
        return self.server.sent("workflows")


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    with serving(tmp_path) as (server, kubeconfig):
        yield Hooks(tmp_path, server, kubeconfig)


def push(commit: str = COMMIT, ref: str = "refs/heads/main", files: list[str] | None = None, **more: Any) -> bytes:
    touched = ["workflows/demo.toml"] if files is None else files
    value = {"ref": ref, "after": commit, "repository": {"full_name": "team/flows", "pushed_at": int(time.time())}}
    return json.dumps({**value, "commits": [{"modified": touched}], **more}).encode()


def signed(body: bytes, path: str = "/hooks/git", **headers: str) -> tuple[str, bytes, dict[str, str]]:
    return path, body, {"X-Hub-Signature-256": sign(SECRET, body), "X-GitHub-Event": "push", **headers}


def notice(key: str = "gsm8k/v1.json", tag: str = "e1", name: str = "s3:ObjectCreated:Put") -> tuple[str, bytes, dict[str, str]]:
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    record = {"eventName": name, "eventTime": when, "s3": {"bucket": {"name": "sets"}, "object": {"key": key, "eTag": tag}}}
    return "/hooks/objects", json.dumps({"Records": [record]}).encode(), {"Authorization": f"Bearer {TOKEN}"}


def test_a_push_starts_one_run_however_often_it_is_told(hooks: Hooks) -> None:
    answers = hooks.ask(signed(push()), signed(push()), signed(push()))
    assert [status for status, _ in answers] == [201, 200, 200]
    assert answers[0][1]["started"] == answers[1][1]["known"] == ["demo-0123456789ab"]
    made = hooks.server.objects["/apis/argoproj.io/v1alpha1/namespaces/nemoflow/workflows/demo-0123456789ab"]
    assert made["spec"] == {
        "entrypoint": "dag",
        "arguments": {
            "parameters": [
                {"name": "run", "value": "demo-0123456789ab"},
                {"name": "root", "value": "s3://b/r"},
                {"name": "set", "value": '{"mix.seed":1}'},
            ]
        },
    }
    assert made["metadata"]["labels"]["nemoflow/team"] == "vision"
    assert made["metadata"]["annotations"]["nemoflow/commit"] == COMMIT


def test_an_object_starts_one_run_a_version_with_its_address(hooks: Hooks) -> None:
    answers = hooks.ask(notice(), notice(), notice(tag="e2"), notice(key="other/v1.json"), notice(name="s3:ObjectRemoved:Delete"))
    assert [status for status, _ in answers] == [201, 200, 201, 200, 200]
    assert answers[0][1]["started"] == answers[1][1]["known"] != answers[2][1]["started"]
    sets = {entry["name"]: entry["value"] for entry in hooks.started[0]["spec"]["arguments"]["parameters"]}["set"]
    assert json.loads(sets) == {"inputs.problems": "s3://sets/gsm8k/p"}


@pytest.mark.parametrize(
    "body",
    [
        push(ref="refs/heads/other"),
        push(ref="refs/tags/v1"),
        push(files=["README.md"]),
        push(commit="0" * 40),
        push(repository={"full_name": "team/others"}),
    ],
    ids=["branch", "tag", "files", "deleted", "repository"],
)
def test_a_push_that_concerns_no_trigger_starts_nothing_and_is_told_why(hooks: Hooks, body: bytes) -> None:
    [(status, answer)] = hooks.ask(signed(body))
    assert status == 200
    assert answer["ignored"]
    assert hooks.started == []


def test_a_push_that_does_not_say_what_it_touched_counts(hooks: Hooks) -> None:
    [(status, _)] = hooks.ask(signed(push(commits=[])))
    assert status == 201


def test_another_event_of_a_git_server_starts_nothing(hooks: Hooks) -> None:
    [(status, _)] = hooks.ask(signed(b"{}", **{"X-GitHub-Event": "ping"}))
    assert (status, hooks.started) == (200, [])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": sign(SECRET, b"another body")},
        {"X-Hub-Signature-256": sign(b"another-secret-of-enough-characters", push())},
        {"X-Hub-Signature-256": "sha256=00", "Authorization": f"Bearer {TOKEN}"},
        {"X-Hub-Signature": "sha1=00"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \udcff"},
    ],
)
def test_who_has_no_key_starts_nothing(hooks: Hooks, headers: dict[str, str]) -> None:
    [(status, _)] = hooks.ask(("/hooks/git", push(), headers))
    assert (status, hooks.started) == (401, [])


def test_both_keys_are_taken_while_one_is_replaced(hooks: Hooks) -> None:
    body = push()
    (hooks.keys / "secret").write_bytes(b"the-new-secret-of-enough-characters\n" + SECRET + b"\n")
    assert hooks.ask(signed(body))[0][0] == 201
    (hooks.keys / "secret").write_bytes(b"the-new-secret-of-enough-characters\n")
    assert hooks.ask(signed(body))[0][0] == 401


def test_keys_that_cannot_be_read_any_more_are_told_to_the_log_and_not_to_the_caller(hooks: Hooks) -> None:
    (hooks.keys / "secret").unlink()
    (hooks.keys / "secret").mkdir()
    [(status, said)] = hooks.ask(signed(push()))
    assert (status, hooks.started) == (500, [])
    assert str(hooks.keys) not in said["error"]
    assert any(str(hooks.keys / "secret") in line for line in hooks.lines)


@pytest.mark.parametrize("age", [3 * 86400, -3600], ids=["old", "to come"])
def test_an_old_delivery_starts_nothing_although_it_is_signed(hooks: Hooks, age: int) -> None:
    body = push(repository={"full_name": "team/flows", "pushed_at": int(time.time()) - age})
    [(status, answer)] = hooks.ask(signed(body))
    assert (status, hooks.started) == (422, [])
    assert "ago" in answer["error"] or "to come" in answer["error"]


def test_more_starts_than_allowed_are_refused_and_known_ones_cost_nothing(hooks: Hooks) -> None:
    commits = [f"{n}" * 40 for n in (1, 1, 1, 2, 3, 4)]
    answers = hooks.ask(*(signed(push(commit)) for commit in commits))
    assert [status for status, _ in answers] == [201, 200, 200, 201, 201, 429]


def test_a_body_that_is_too_large_is_not_read_to_its_end(hooks: Hooks) -> None:
    [(status, _)] = hooks.ask(signed(b" " * (MOST_BYTES + 1)))
    assert (status, hooks.started) == (413, [])


FIELDS = st.sampled_from(["ref", "after", "repository", "Records", "s3", "eventName", "x"])
VALUES = st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda part: st.lists(part) | st.dictionaries(FIELDS, part))


@settings(max_examples=30)
@given(body=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_nonsense_with_a_valid_key_is_refused_as_such(body: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("hooks")
    with serving(folder) as (server, kubeconfig):
        hooks = Hooks(folder, server, kubeconfig)
        answers = hooks.ask(signed(body), signed(body, "/hooks/objects"))
    assert {status for status, _ in answers} <= {200, 400}
    assert hooks.started == []


def test_a_cluster_that_is_away_is_told_and_the_delivery_can_be_sent_again(hooks: Hooks) -> None:
    hooks.server.refused[("POST", "/workflows")] = (503, "busy")
    assert hooks.ask(signed(push()))[0][0] == 503
    hooks.server.refused.clear()
    assert hooks.ask(signed(push()))[0][0] == 201


def test_a_template_that_is_not_there_is_told_to_the_log(hooks: Hooks) -> None:
    del hooks.server.objects["/apis/argoproj.io/v1alpha1/namespaces/nemoflow/workflowtemplates/nemoflow-demo"]
    assert hooks.ask(signed(push()))[0][0] == 500
    assert "nemoflow-demo" in hooks.lines[0]


def test_a_cluster_that_refuses_says_why_in_the_log_alone(hooks: Hooks) -> None:
    hooks.server.refused[("POST", "/workflows")] = (403, "account nemoflow-receiver may not")
    [(status, answer)] = hooks.ask(signed(push()))
    assert status == 500
    assert "nemoflow-receiver" not in json.dumps(answer)
    assert "nemoflow-receiver may not" in hooks.lines[0]


def test_no_body_and_no_key_reach_the_log(hooks: Hooks) -> None:
    path, body, headers = signed(push(pusher={"email": "someone@example.com"}))
    hooks.ask((path, body, {**headers, "X-GitHub-Delivery": 'a"b c'}), (path, b"someone@example.com", {"Authorization": f"Bearer {TOKEN}"}))
    said = "\n".join(hooks.lines)
    assert "started demo-0123456789ab" in said
    assert "delivery a?b?c" in said
    for hidden in ("someone@example.com", TOKEN, SECRET.decode(), headers["X-Hub-Signature-256"]):
        assert hidden not in said


def test_it_says_that_it_is_well_and_nothing_else_by_get(hooks: Hooks) -> None:
    async def go() -> list[int]:
        async with TestServer(hooks.app()) as server, ClientSession() as session:
            return [(await session.get(server.make_url(path))).status for path in ("/healthz", "/hooks/git", "/", "/metrics")]

    assert asyncio.run(go()) == [200, 405, 404, 404]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rules: {}, "nothing would ever start"),
        (lambda rules: {**rules, "objects": {"demo": rules["objects"]["data"]}}, "'demo' is the name of"),
        (lambda rules: {"pushes": {"UP": rules["pushes"]["demo"]}}, "pushes.UP"),
        (lambda rules: {"pushes": {"demo": {"repository": "team/flows"}}}, "pushes.demo.template: missing"),
        (lambda rules: {"pushes": {"demo": {**rules["pushes"]["demo"], "set": {"a.b": "{{x}}"}}}}, "holds {{"),
        (lambda rules: {**rules, "max_age_s": 1}, "max_age_s"),
    ],
)
def test_wrong_rules_are_named(tmp_path: Path, change: Callable[[Any], Any], said: str) -> None:
    path = tmp_path / "triggers.json"
    path.write_text(json.dumps(change(RULES)))
    with pytest.raises(ConfigError, match=r"triggers\.json") as caught:
        load_triggers(path)
    assert said in str(caught.value)


def test_keys_that_let_nobody_in_or_can_be_guessed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither `secret` nor `token`"):
        Keys(tmp_path).check()
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(ConfigError, match="fewer than 16 characters") as caught:
        Keys(tmp_path).check()
    assert "short" not in str(caught.value)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3600)), max_size=60))
def test_no_name_gets_more_than_its_share_of_any_hour(steps: list[tuple[str, float]]) -> None:
    now = 0.0
    rate = Rate(5, lambda: now)
    taken: dict[str, list[float]] = {"a": [], "b": []}
    for name, pause in steps:
        now += pause
        wait_s = rate.take(name)
        assert wait_s <= 720
        if not wait_s:
            taken[name].append(now)
    for times in taken.values():
        for since in times:
            assert sum(since <= at < since + 3600 for at in times) <= 10  # what was saved up, and what came in meanwhile
