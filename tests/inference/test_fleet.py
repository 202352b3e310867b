import asyncio
import socket
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inference.fault_server import FaultServer

from nemoflow.inference.client import Unreachable
from nemoflow.inference.fleet import Fleet, teacher_of
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.tally import Price
from nemoflow.inference.teachers import Endpoint
from nemoflow.prompts.teacher import ask

QUICK = Patience(concurrency=16, total_timeout_s=5, connect_timeout_s=1, retries=1, backoff_s=0.01)
MESSAGES = ask("What is 6 * 7?")


def ask_many(endpoint, count, patience=QUICK):
    async def all_of_them():
        async with Fleet(endpoint, patience) as fleet:
            chat = fleet.chat(endpoint)
            await asyncio.gather(*(chat.complete(MESSAGES, Sampling(), seed) for seed in range(count)))
            return fleet.tally

    return asyncio.run(all_of_them())


@contextmanager
def dead_url():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


def test_urls_of_one_model_share_the_requests_by_weight_and_each_is_asked_once():
    with FaultServer(delay_s=0.05) as one, FaultServer(delay_s=0.05) as two:
        tally = ask_many(Endpoint(url=one.url, model="m", more_urls={two.url: 3.0}, price=Price(prompt=1e6, completion=1e6)), 200)
    assert sorted(seed for _, seed in one.completions + two.completions) == list(range(200))
    assert len(two.completions) / 200 == pytest.approx(0.75, abs=0.1)
    assert (tally.answered, tally.cost) == (200, 200 * 17.0)


def test_where_one_url_is_dead_the_others_answer():
    with FaultServer() as server, dead_url() as dead:
        ask_many(Endpoint(url=dead, model="m", more_urls={server.url: 1.0}), 40)
        assert len(server.completions) == 40


def test_where_all_urls_are_dead_it_is_told():
    with dead_url() as one, dead_url() as two, pytest.raises(Unreachable):
        ask_many(Endpoint(url=one, model="m", more_urls={two: 1.0}), 1, replace(QUICK, retries=0))


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=4), st.text(min_size=1), st.integers(0, 100))
def test_a_sample_is_always_asked_of_the_same_teacher_wherever_that_answers(weights, problem_id, sample):
    teachers = [Endpoint(url=f"http://h{place}/v1", model=f"m{place}", weight=weight) for place, weight in enumerate(weights)]
    mix = teachers[0].model_copy(update={"mixed": tuple(teachers[1:])})
    moved = mix.model_copy(update={"url": "http://elsewhere/v1"})
    assert teacher_of(mix, problem_id, sample).model == teacher_of(moved, problem_id, sample).model


@given(st.lists(st.floats(0.2, 5), min_size=2, max_size=4))
def test_teachers_get_their_share_of_the_samples(weights):
    teachers = [Endpoint(url="http://h/v1", model=f"m{place}", weight=weight) for place, weight in enumerate(weights)]
    mix = teachers[0].model_copy(update={"mixed": tuple(teachers[1:])})
    counts = Counter(teacher_of(mix, f"p{number}", number % 4).model for number in range(3000))
    for place, weight in enumerate(weights):
        assert counts[f"m{place}"] / 3000 == pytest.approx(weight / sum(weights), abs=0.04)
