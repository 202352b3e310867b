import asyncio
import socket
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inference.fault_server import FaultServer, always, at_first, seeded

from nemoflow.errors import ConfigError, ProviderError, ProviderRefused
from nemoflow.inference.client import ChatClient, RequestRefused, Unreachable
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.inference.wire import one_format
from nemoflow.prompts.chat import split_response
from nemoflow.prompts.teacher import ask

QUICK = Patience(concurrency=8, total_timeout_s=5, idle_timeout_s=5, connect_timeout_s=1, retries=3, backoff_s=0.01, max_wait_s=1)
MESSAGES = ask("What is 6 * 7?")


def complete(url, patience=QUICK, n=1, seed=1, **endpoint):
    async def once():
        async with ChatClient(Endpoint(url=url, model="m", **endpoint), patience) as client:
            return await client.complete(MESSAGES, Sampling(0.5, 0.9, 64), seed, n)

    return asyncio.run(once())


def complete_many(url, count, patience=QUICK):
    async def all_of_them():
        async with ChatClient(Endpoint(url=url, model="m"), patience) as client:
            return await asyncio.gather(*(client.complete(MESSAGES, Sampling(), seed) for seed in range(count)))

    return asyncio.run(all_of_them())


@contextmanager
def dead_port():
    """A port on which nothing listens: bound, so that nobody else takes it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_request_says_all_that_was_asked_and_an_answer_comes_back_whole():
    with FaultServer() as server:
        (completion,) = complete(server.url)
    body = server.bodies[0]
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"], body["seed"], body["n"]) == ("m", 0.5, 0.9, 64, 1, 1)
    assert body["messages"] == [message.model_dump() for message in MESSAGES]
    assert completion.text.startswith("<think>\nseed 1\n</think>\n\\boxed{")
    assert (completion.finish, completion.usage.prompt_tokens, completion.usage.completion_tokens) == ("stop", 10, 7)
    assert 0 < completion.seconds < 5


def test_several_answers_come_by_index_and_their_tokens_add_up():
    with FaultServer() as server:
        completions = complete(server.url, n=3)
    assert [completion.usage.completion_tokens for completion in completions] == [3, 2, 2]
    assert [completion.usage.prompt_tokens for completion in completions] == [10, 0, 0]


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "garbage", "empty", "close", "hang"])
def test_what_passes_is_tried_again(fault):
    patience = replace(QUICK, total_timeout_s=0.3)
    with FaultServer(at_first(fault, fault)) as server:
        (completion,) = complete(server.url, patience)
    assert "\\boxed{" in completion.text
    assert len(server.bodies) == 3
    assert len(server.completions) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("500", '500: "told to say 500'),
        ("garbage", "not JSON"),
        ("empty", "without 1 choices"),
        ("close", "connection broke"),
        ("hang", "timed out"),
    ],
)
def test_what_does_not_pass_in_time_says_what_it_was_and_where(fault, words):
    patience = replace(QUICK, total_timeout_s=0.2, retries=1)
    with FaultServer(always(fault)) as server, pytest.raises(ProviderError, match=words) as caught:
        complete(server.url, patience)
    assert f"{server.url}/chat/completions" in str(caught.value)
    assert "attempt 2 of 2" in str(caught.value)
    assert caught.value.exit_code == 75
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [("401", "name its variable in api_key_env"), ("403", "api_key_env"), ("404", "/models lists 'm'"), ("400", "check max_tokens")],
)
def test_a_refusal_is_not_tried_again_and_says_what_to_check(fault, words):
    with FaultServer(always(fault)) as server, pytest.raises(ProviderRefused, match=words) as caught:
        complete(server.url)
    assert len(server.bodies) == 1
    assert caught.value.exit_code == 2
    assert f'{fault}: "told to say {fault}' in str(caught.value)
    assert isinstance(caught.value, RequestRefused) == (fault == "400")


def test_the_key_is_sent_and_never_shown(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "s3cr3t-key\n")
    with FaultServer(always("401")) as server, pytest.raises(ProviderRefused, match="environment variable SOME_KEY") as caught:
        complete(server.url, api_key_env="SOME_KEY")
    assert server.headers[0]["Authorization"] == "Bearer s3cr3t-key"
    assert "s3cr3t" not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_key_that_is_not_set_is_named_before_anything_is_sent():
    with pytest.raises(ConfigError, match="NEMOFLOW_NO_SUCH_KEY is not set"):
        ChatClient(Endpoint(url="http://127.0.0.1:1/v1", model="m", api_key_env="NEMOFLOW_NO_SUCH_KEY"), QUICK)


def test_nothing_listening_is_told_quickly():
    begun = time.monotonic()
    with dead_port() as port, pytest.raises(Unreachable, match="is the server up") as caught:
        complete(f"http://127.0.0.1:{port}/v1")
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert time.monotonic() - begun < 3


def test_retry_after_is_obeyed_by_all_requests_and_capped():
    def plan(body, attempt):
        return "429" if body["seed"] == 0 and attempt == 0 else "ok"

    patience = replace(QUICK, concurrency=1, max_wait_s=0.3)
    begun = time.monotonic()
    with FaultServer(plan, retry_after="3600") as server:
        complete_many(server.url, 3, patience)
    assert 0.3 <= time.monotonic() - begun < 2
    assert len(server.completions) == 3


@pytest.mark.parametrize("header", ["Fri, 01 Jan 1999 00:00:00 GMT", "soon", "-3", "nan"])
def test_a_strange_retry_after_costs_no_time(header):
    begun = time.monotonic()
    with FaultServer(at_first("429"), retry_after=header) as server:
        complete(server.url, replace(QUICK, max_wait_s=60))
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("concurrency", [1, 5, 150])
def test_as_many_requests_are_in_flight_as_allowed_and_no_more(concurrency):
    # Long enough for a busy machine to send them all before the first answer comes.
    with FaultServer(delay_s=2.0 if concurrency == 150 else 0.03) as server:
        complete_many(server.url, concurrency + 5, replace(QUICK, concurrency=concurrency))
    assert server.most_in_flight == concurrency


def test_every_request_is_answered_once_by_a_bad_server():
    rates = {"500": 0.2, "close": 0.1, "garbage": 0.1, "empty": 0.1, "429": 0.1}
    with FaultServer(seeded(rates, seed=3), retry_after="0.01") as server:
        answers = complete_many(server.url, 60)
    assert [f"seed {seed}\n" in answer[0].text for seed, answer in enumerate(answers)] == [True] * 60
    assert sorted(seed for _, seed in server.completions) == list(range(60))


@pytest.mark.parametrize(
    ("content", "reasoning", "finish", "text"),
    [
        ("\\boxed{4}", "2 + 2", "stop", "<think>\n2 + 2\n</think>\n\\boxed{4}"),
        ("\n\n\\boxed{4}", "\n2 + 2\n", "stop", "<think>\n2 + 2\n</think>\n\\boxed{4}"),
        ("", "2 +", "length", "<think>\n2 +"),
        ("<think>\n2 + 2\n</think>\n\\boxed{4}", "", "stop", "<think>\n2 + 2\n</think>\n\\boxed{4}"),
        ("2 + 2\n</think>\n\\boxed{4}", "", "stop", "<think>\n2 + 2\n</think>\n\\boxed{4}"),
        ("\\boxed{4}", "", "stop", "\\boxed{4}"),
    ],
)
def test_every_trace_has_one_format(content, reasoning, finish, text):
    assert one_format(content, reasoning, finish) == text


@given(st.text().filter(lambda text: "think>" not in text), st.text().filter(lambda text: "think>" not in text))
def test_reasoning_and_answer_can_be_parted_again(reasoning, content):
    thinking, final = split_response(one_format(content, reasoning, "stop"))
    if reasoning:
        assert (thinking, final) == (reasoning.strip("\n"), content.strip())


@pytest.mark.parametrize("count", ["many", "7", -1, 1.5, True, [7], 1e30])
@pytest.mark.parametrize("key", ["prompt_tokens", "completion_tokens"])
def test_a_count_of_tokens_that_is_none_is_tried_again_and_then_ends_with_75(key, count):
    with FaultServer(usage={key: count}) as server, pytest.raises(ProviderError, match=rf"usage\.{key} = .*attempt 2 of 2") as caught:
        complete(server.url, replace(QUICK, retries=1))
    assert (len(server.bodies), caught.value.exit_code) == (2, 75)


@pytest.mark.parametrize("usage", ["many", [7], 3])
def test_a_usage_that_is_no_object_is_tried_again_too(usage):
    with FaultServer(usage=usage) as server, pytest.raises(ProviderError, match="an object with counts of tokens is right"):
        complete(server.url, replace(QUICK, retries=0))


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}])
def test_tokens_that_are_not_told_count_as_none(usage):
    with FaultServer(usage=usage) as server:
        (completion,) = complete(server.url)
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (0, 0)
