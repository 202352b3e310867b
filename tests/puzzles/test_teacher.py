import asyncio
import io
import json
import signal
import socket
import subprocess
import sys
import time
from itertools import islice

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from nemoflow.inference.client import ChatClient
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.prompts.chat import user_message
from nemoflow.prompts.teacher import ask
from nemoflow.puzzles.catalog import FAMILIES
from nemoflow.puzzles.mistakes import Response
from nemoflow.puzzles.persona import Persona
from nemoflow.puzzles.split import draw
from nemoflow.puzzles.teacher import create_app
from nemoflow.puzzles.wire import TOKEN_CHARS, count_tokens, cut

PERSONA = Persona(0.5, 7)
PROBLEM = next(draw(FAMILIES["unit"], "train", seed=1))
CHAT = "/v1/chat/completions"


def body(**fields):
    return {"model": PERSONA.model, "messages": [{"role": "user", "content": user_message(PROBLEM.statement)}], "seed": 3, **fields}


def talk(scenario, persona=PERSONA):
    """Run a conversation with a server of its own."""

    async def all_of_it():
        async with TestClient(TestServer(create_app(persona))) as client:
            return await scenario(client)

    return asyncio.run(all_of_it())


def post(sent, path=CHAT, method="POST"):
    """(status, JSON, headers) of one request; bytes are sent as they are."""

    async def scenario(client):
        data = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        async with client.request(method, path, data=io.BytesIO(data)) as response:
            return response.status, await response.json(), dict(response.headers)

    return talk(scenario)


def texts(answer):
    return [choice["message"]["content"] for choice in answer["choices"]]


def stream(sent):
    """The chunks of a streamed answer and what came last."""

    async def scenario(client):
        async with client.post(CHAT, data=json.dumps({**sent, "stream": True}).encode()) as response:
            assert response.content_type == "text/event-stream"
            return await response.text()

    events = [event.removeprefix("data: ") for event in talk(scenario).split("\n\n") if event]
    return [json.loads(event) for event in events[:-1]], events[-1]


def joined(chunks, count):
    """(text, finish) of each choice of a stream."""
    parts = [[choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == index] for index in range(count)]
    return [("".join(part["delta"].get("content", "") for part in choice), choice[-1]["finish_reason"]) for choice in parts]


def test_health_and_models_answer():
    assert post(b"", "/health", "GET")[:2] == (200, {"status": "ok"})
    status, models, _ = post(b"", "/v1/models", "GET")
    assert (status, models["object"], [model["id"] for model in models["data"]]) == (200, "list", [PERSONA.model])


def test_a_model_is_found_by_its_id_and_another_is_not():
    status, model, _ = post(b"", f"/v1/models/{PERSONA.model}", "GET")
    assert (status, model) == (200, post(b"", "/v1/models", "GET")[1]["data"][0])
    status, answer, _ = post(b"", "/v1/models/org/other", "GET")
    assert (status, answer["error"]["code"], answer["error"]["param"]) == (404, "model_not_found", "model")
    assert "'org/other'" in answer["error"]["message"]


def test_two_answers_to_one_request_have_ids_of_their_own_and_are_else_the_same():
    one, two = ({**post(body(n=2))[1], "created": 0} for _ in range(2))
    assert one.pop("id") != two.pop("id")
    assert one == two
    assert len({chunk["id"] for chunk in stream(body(n=2))[0]}) == 1


def test_an_assistants_turn_may_be_null_and_four_texts_may_stop_an_answer():
    messages = body()["messages"]
    silent = body(messages=[{"role": "assistant", "content": None}, *messages])
    assert texts(post(silent)[1]) == texts(post(body(messages=[{"role": "assistant", "content": ""}, *messages]))[1])
    assert texts(post(body(stop=list("wxyz")))[1]) == texts(post(body(stop=["w", "x", "y", "z"]))[1])


def test_an_answer_has_the_form_of_openai():
    status, answer, _ = post(body())
    assert (status, answer["object"], answer["model"]) == (200, "chat.completion", PERSONA.model)
    (choice,) = answer["choices"]
    assert (choice["index"], choice["message"]["role"]) == (0, "assistant")
    assert choice["finish_reason"] in ("stop", "length")
    assert answer["usage"]["completion_tokens"] == count_tokens(choice["message"]["content"])
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
    assert answer["usage"]["prompt_tokens"] == count_tokens(user_message(PROBLEM.statement))


def test_a_choice_depends_on_its_index_not_on_how_many_are_asked_for():
    many = texts(post(body(n=8))[1])
    assert len(set(many)) > 1
    assert texts(post(body(n=3))[1]) == many[:3]
    assert texts(post(body())[1]) == many[:1]


def test_answers_do_not_depend_on_order_or_concurrency():
    problems = [*islice(draw(FAMILIES["unit"], "train", seed=2), 20), *islice(draw(FAMILIES["numeral"], "train", seed=2), 20)]
    requests = [body(messages=[{"role": "user", "content": problem.statement}], seed=seed) for problem in problems for seed in (1, None)]

    async def one(client, sent):
        async with client.post(CHAT, json=sent) as response:
            return texts(await response.json())

    async def in_order(client):
        return [await one(client, sent) for sent in requests]

    async def at_once(client):
        return await asyncio.gather(*(one(client, sent) for sent in reversed(requests)))

    assert talk(in_order) == talk(at_once)[::-1]


def test_the_projects_own_client_understands_it():
    async def scenario(client):
        endpoint = Endpoint(url=str(client.make_url("/v1")), model=PERSONA.model)
        async with ChatClient(endpoint, Patience(retries=0)) as chat:
            return await chat.complete(ask(PROBLEM.statement), Sampling(), seed=3, n=4)

    got = [(one.text, one.finish) for one in talk(scenario)]
    answer = post(body(n=4))[1]
    assert got == [(choice["message"]["content"], choice["finish_reason"]) for choice in answer["choices"]]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3),
    st.none() | st.integers(1, 60),
    st.none() | st.sampled_from(["\n", "</think>", "nowhere"]) | st.lists(st.sampled_from(["5", "=", "\\boxed"]), max_size=3),
    st.booleans(),
)
def test_a_stream_says_the_same_as_the_whole_answer(n, max_tokens, stop, wants_usage):
    sent = body(n=n, max_tokens=max_tokens, stop=stop)
    whole = post(sent)[1]
    chunks, last = stream({**sent, **({"stream_options": {"include_usage": True}} if wants_usage else {})})
    assert last == "[DONE]"
    assert joined(chunks, n) == [(choice["message"]["content"], choice["finish_reason"]) for choice in whole["choices"]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    usages = [chunk.get("usage") for chunk in chunks]
    assert usages == [*[None] * (len(chunks) - wants_usage), *[whole["usage"]] * wants_usage]
    assert all(("usage" in chunk) == wants_usage for chunk in chunks)


@given(st.text(max_size=60), st.none() | st.integers(1, 12), st.lists(st.text(min_size=1, max_size=3), max_size=3))
def test_a_cut_keeps_a_prefix_without_stop_text_within_the_limit(text, limit, stops):
    kept = cut(Response(text), limit, stops)
    assert text.startswith(kept.text)
    assert not any(stop in kept.text for stop in stops)
    assert limit is None or count_tokens(kept.text) <= limit
    if kept.finish == "length":
        assert len(kept.text) == limit * TOKEN_CHARS < len(text)
    elif kept.text != text:
        assert any(text[len(kept.text) :].startswith(stop) for stop in stops)


def test_max_completion_tokens_wins_over_max_tokens():
    choice = post(body(max_tokens=50, max_completion_tokens=2))[1]["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("<think>\n", "length")


def test_fields_the_teacher_has_no_use_for_are_let_through():
    extra = {"temperature": 0.7, "top_p": 0.9, "top_k": 20, "chat_template_kwargs": {"enable_thinking": True}, "user": "me"}
    assert texts(post(body(**extra))[1]) == texts(post(body())[1])


def test_text_parts_are_read_as_one_text():
    parts = [{"type": "text", "text": part} for part in (user_message(PROBLEM.statement)[:40], user_message(PROBLEM.statement)[40:])]
    assert texts(post(body(messages=[{"role": "user", "content": parts}]))[1]) == texts(post(body())[1])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 3}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "robot", "content": "hello"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.0.content"),
        ({"messages": [{"role": "assistant"}]}, "messages.0.content"),
        ({"stop": list("vwxyz")}, "stop"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": "2"}, "n"),
        ({"n": True}, "n"),
        ({"seed": 1.5}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", ""]}, "stop"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ],
)
def test_a_wrong_parameter_is_named(fields, param):
    status, answer, _ = post(body(**fields))
    assert status == 400
    error = answer["error"]
    assert (error["type"], error["param"], set(error)) == ("invalid_request_error", param, {"message", "type", "param", "code"})
    assert param in error["message"]


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_a_missing_parameter_is_named(missing):
    sent = body()
    del sent[missing]
    status, answer, _ = post(sent)
    assert (status, answer["error"]["param"]) == (400, missing)


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"model": "\\ud800"}', b"[" * 5000])
def test_a_body_that_is_no_request_is_refused_as_json(sent):
    status, answer, _ = post(sent)
    assert status == 400
    assert answer["error"]["message"]


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["model", "messages", "n", "seed", "stop", "stream", "max_tokens", "temperature", "stream_options"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "type", "text"]), inner, max_size=3)
            ),
            max_leaves=8,
        ),
    )
)
def test_no_body_makes_the_server_fail(fields):
    async def scenario(client):
        async with client.post(CHAT, data=json.dumps(fields).encode()) as response:
            return response.status

    assert talk(scenario) in (200, 400, 404)


def test_an_unknown_model_is_not_found_and_the_served_one_is_named():
    status, answer, _ = post(body(model="gpt-4"))
    assert (status, answer["error"]["code"], answer["error"]["param"]) == (404, "model_not_found", "model")
    assert PERSONA.model in answer["error"]["message"]


def test_an_unknown_path_and_a_wrong_method_are_refused_as_json():
    status, answer, _ = post(b"", "/v1/completions", "GET")
    assert (status, answer["error"]["message"]) == (404, "Not Found: GET /v1/completions")
    status, answer, headers = post(b"", CHAT, "GET")
    assert (status, answer["error"]["message"], headers["Allow"]) == (405, f"Method Not Allowed: GET {CHAT}", "POST")


def test_a_body_of_more_than_a_mebibyte_is_refused_as_json():
    status, answer, _ = post(b" " * (2**20 + 1))
    assert (status, answer["error"]["type"]) == (413, "invalid_request_error")


def test_a_server_started_by_hand_answers_within_seconds_and_ends_on_sigterm():
    command = [sys.executable, "-m", "nemoflow.cli.main", "puzzles", "serve", "--port", "0", "--seed", "4"]
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        said = server.stdout.readline().split()
        took = time.monotonic() - begun
        assert said[:3] == ["solver-v2-e0-s4", "answers", "at"]
        host, _, port = said[3].removeprefix("http://").removesuffix("/v1").partition(":")
        with socket.create_connection((host, int(port)), timeout=5):
            pass
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
    assert took < 5


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "nemoflow.cli.main", "puzzles", "serve", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
