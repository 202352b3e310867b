from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nemoflow.inference.keys import group_name, request_seed, trace_id
from nemoflow.inference.request import Sampling
from nemoflow.prompts.teacher import ask
from nemoflow.records import Message, Problem

PROBLEM = Problem(id="p", statement="What is 6 * 7?", gold="42", category="sum", source="test")
MESSAGES = ask(PROBLEM.statement)
SAMPLING = Sampling()


def test_whatever_decides_a_trace_changes_its_key_and_nothing_else_does():
    key = trace_id(PROBLEM, MESSAGES, "m@1", SAMPLING, 0, 0)
    others = [
        trace_id(PROBLEM.model_copy(update={"id": "q"}), MESSAGES, "m@1", SAMPLING, 0, 0),
        trace_id(PROBLEM.model_copy(update={"statement": "?"}), MESSAGES, "m@1", SAMPLING, 0, 0),
        trace_id(PROBLEM, (Message(role="system", content="s"), *MESSAGES), "m@1", SAMPLING, 0, 0),
        trace_id(PROBLEM, MESSAGES, "m@2", SAMPLING, 0, 0),
        trace_id(PROBLEM, MESSAGES, "m@1", replace(SAMPLING, temperature=0.7), 0, 0),
        trace_id(PROBLEM, MESSAGES, "m@1", replace(SAMPLING, top_p=0.7), 0, 0),
        trace_id(PROBLEM, MESSAGES, "m@1", replace(SAMPLING, max_tokens=1), 0, 0),
        trace_id(PROBLEM, MESSAGES, "m@1", replace(SAMPLING, mode="high"), 0, 0),
        trace_id(PROBLEM, MESSAGES, "m@1", replace(SAMPLING, recipe="high"), 0, 0),
        trace_id(PROBLEM, MESSAGES, "m@1", SAMPLING, 1, 0),
        trace_id(PROBLEM, MESSAGES, "m@1", SAMPLING, 0, 1),
    ]
    assert len({key, *others}) == len(others) + 1
    again = PROBLEM.model_copy(update={"category": "other", "gold": None, "meta": {"x": 1}})
    assert trace_id(again, MESSAGES, "m@1", SAMPLING, 0, 0) == key


def test_a_key_is_the_same_on_every_machine():
    assert trace_id(PROBLEM, MESSAGES, "m@1", SAMPLING, 0, 0) == "f059b0e9d487001edf7f251c3b205022"
    assert group_name("harvest", "m@1", SAMPLING, 0, "") == "harvest-c6692c1e57732318"
    assert request_seed(0, 0) == 852747131


def test_groups_keep_modes_models_and_samplings_apart():
    names = {
        group_name(mode, model, sampling, seed, system)
        for mode in ("harvest", "rationalize")
        for model in ("m", "m@2")
        for sampling in (SAMPLING, replace(SAMPLING, max_tokens=1))
        for seed in (0, 1)
        for system in ("", "s")
    }
    assert len(names) == 32


@given(st.integers(), st.integers(min_value=0))
def test_a_request_seed_fits_what_servers_take(seed, sample):
    assert 0 <= request_seed(seed, sample) < 2**31
