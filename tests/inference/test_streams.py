"""Answers piece by piece: put together, broken off, cancelled."""

import asyncio
import time
from dataclasses import replace
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inference.fault_server import FaultServer, always, at_first

from nemoflow.errors import ProviderError
from nemoflow.inference.client import ChatClient
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.tally import Price
from nemoflow.inference.teachers import Endpoint
from nemoflow.inference.wire import Passing, Stream
from nemoflow.prompts.teacher import ask

STREAMED = Patience(concurrency=8, total_timeout_s=5, idle_timeout_s=5, connect_timeout_s=1, retries=2, backoff_s=0.01, stream=True)
MESSAGES = ask("What is 6 * 7?")
LONG = "<think>\n" + "word " * 200 + "\n</think>\n\\boxed{42}"


def complete(url, patience=STREAMED, **endpoint):
    async def once():
        async with ChatClient(Endpoint(url=url, model="m", **endpoint), patience) as client:
            return (await client.complete(MESSAGES, Sampling(), 1))[0], client.tally

    return asyncio.run(once())


def test_a_streamed_answer_is_the_same_as_a_whole_one():
    with FaultServer() as server:
        streamed, _ = complete(server.url)
        whole, _ = complete(server.url, replace(STREAMED, stream=False))
    assert replace(streamed, seconds=0.0) == replace(whole, seconds=0.0, message=streamed.message)
    assert [body.get("stream", False) for body in server.bodies] == [True, False]


@pytest.mark.parametrize("fault", ["cut", "stream error", "silent", "500", "garbage"])
def test_a_stream_that_breaks_off_is_asked_again(fault):
    with FaultServer(at_first(fault), answer=lambda body: LONG) as server:
        completion, tally = complete(server.url, replace(STREAMED, idle_timeout_s=0.3))
    assert completion.text == LONG
    assert (len(server.bodies), tally.retries.total()) == (2, 1)


@pytest.mark.parametrize(("fault", "words"), [("cut", "ended with 0 of 1 answers"), ("stream error", "out of memory"), ("silent", "timed")])
def test_a_stream_that_never_comes_whole_says_why(fault, words):
    with FaultServer(always(fault), answer=lambda body: LONG) as server, pytest.raises(ProviderError, match=words) as caught:
        complete(server.url, replace(STREAMED, idle_timeout_s=0.2, retries=1))
    assert caught.value.exit_code == 75


def test_a_slow_stream_lives_as_long_as_pieces_come():
    with FaultServer(answer=lambda body: "word " * 20 + "\\boxed{1}", piece_s=0.05) as server:
        completion, _ = complete(server.url, replace(STREAMED, idle_timeout_s=0.5))
    assert completion.seconds > 0.9


def test_a_server_that_does_not_know_stream_options_is_asked_without_from_then_on():
    async def twice(url):
        async with ChatClient(Endpoint(url=url, model="m"), STREAMED) as client:
            return [await client.complete(MESSAGES, Sampling(), seed) for seed in (1, 2)]

    with FaultServer(knows_stream_options=False) as server:
        asyncio.run(twice(server.url))
    assert ["stream_options" in body for body in server.bodies] == [True, False, False]


def test_a_cancelled_request_ends_at_the_server_and_its_tokens_are_counted():
    async def give_up(url):
        price = Price(completion=1e6)
        async with ChatClient(Endpoint(url=url, model="m", price=price), STREAMED) as client:
            task = asyncio.create_task(client.complete(MESSAGES, Sampling(), 1))
            while client.tally.sent == 0 or len(server.bodies) == 0 or server.pieces < 5:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])
            while not server.abandoned:
                await asyncio.sleep(0.01)
            assert client.window.in_flight == 0
            return client.tally

    with FaultServer(answer=lambda body: LONG, piece_s=0.02) as server:
        tally = asyncio.run(asyncio.wait_for(give_up(server.url), 20))
    assert (tally.cancelled, tally.answered, server.completions) == (1, 0, [])
    assert 0 < tally.cancelled_tokens < 200
    assert tally.cost == tally.cancelled_tokens


def events(text, cuts):
    """A stream of an answer's pieces, its bytes cut anywhere."""
    pieces = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in text]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": len(text)}}
    raw = b"".join(b"data: " + orjson.dumps(piece) + b"\n\n" for piece in [*pieces, last]) + b"data: [DONE]\n\n"
    edges = sorted({0, len(raw), *(cut % len(raw) for cut in cuts)})
    return [raw[start:end] for start, end in pairwise(edges)]


async def _blocks(blocks):
    for block in blocks:
        yield block


@given(st.lists(st.text(max_size=5), max_size=10), st.lists(st.integers(0, 10**6), max_size=20))
def test_a_stream_reads_the_same_wherever_its_bytes_are_cut(text, cuts):
    (completion,) = asyncio.run(Stream(1).read(_blocks(events(text, cuts)), lambda: 1.0))
    assert completion.message.get("content", "") == "".join(text)
    assert completion.usage.completion_tokens == len(text)


@given(st.lists(st.binary(max_size=40), max_size=10), st.booleans())
def test_whatever_is_streamed_is_an_answer_or_worth_another_attempt(blocks, is_data):
    raw = [b"data: " + block + b"\n" for block in blocks] if is_data else blocks
    with pytest.raises(Passing):
        asyncio.run(Stream(1).read(_blocks(raw), lambda: 1.0))


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["choices", "delta", "index", "content", "reasoning", "usage", "finish_reason"]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=5))
def test_json_of_any_shape_is_an_answer_or_worth_another_attempt(values):
    raw = [b"data: " + orjson.dumps(value) + b"\n" for value in values]
    try:
        (completion,) = asyncio.run(Stream(1).read(_blocks(raw), lambda: 1.0))
    except Passing:
        return
    assert isinstance(completion.text, str)


def test_time_to_give_up_is_short_on_a_silent_server():
    begun = time.monotonic()
    with FaultServer(always("silent"), answer=lambda body: LONG) as server, pytest.raises(ProviderError):
        complete(server.url, replace(STREAMED, idle_timeout_s=0.2, total_timeout_s=60, retries=0))
    assert time.monotonic() - begun < 3
