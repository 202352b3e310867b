from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nemoflow.inference.ledger import Ledger, group_name, request_seed, trace_id
from nemoflow.inference.request import Sampling
from nemoflow.prompts.teacher import ask
from nemoflow.records import Message, Problem, Trace

PROBLEM = Problem(id="p", statement="What is 6 * 7?", gold="42", category="sum", source="test")
MESSAGES = ask(PROBLEM.statement)
SAMPLING = Sampling()


class Shelf:
    """Groups of parts in memory."""

    def __init__(self):
        self.parts = []

    def read(self, group):
        for name, rows in self.parts:
            if name == group:
                yield from rows

    def append(self, group, rows):
        self.parts.append((group, [row.model_dump(mode="json") for row in rows]))


def trace(key, response="", seconds=0.0):
    return Trace(id=key, problem_id="p", category="sum", source="teacher", model="m", messages=MESSAGES, response=response, seconds=seconds)


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


def test_what_was_stored_is_found_and_only_what_is_wanted():
    shelf = Shelf()
    ledger = Ledger(shelf, "g")
    for key in ("a", "b", "c"):
        ledger.add(trace(key))
    ledger.store(ledger.take())
    ledger.store(ledger.take())
    assert len(shelf.parts) == 1
    assert set(Ledger(shelf, "g").find({"a", "c", "z"})) == {"a", "c"}
    assert Ledger(shelf, "other").find({"a"}) == {}


def choice_of(order):
    shelf = Shelf()
    for i in order:
        shelf.append("g", [trace(f"k{i % 2}", response=f"answer {i}", seconds=float(i))])
    return {key: kept.response for key, kept in Ledger(shelf, "g").find({"k0", "k1"}).items()}


@given(st.permutations(range(6)))
def test_of_two_traces_with_one_key_the_choice_does_not_depend_on_the_order_of_the_parts(order):
    assert choice_of(order) == choice_of(range(6))


def test_a_row_of_another_schema_is_passed_over_and_counted():
    shelf = Shelf()
    shelf.parts.append(("g", [{"id": "a", "v": 99}]))
    shelf.append("g", [trace("b")])
    ledger = Ledger(shelf, "g")
    assert set(ledger.find({"a", "b"})) == {"b"}
    assert ledger.unreadable == 1


def test_a_part_is_due_when_it_is_full_or_old():
    now = 0.0
    ledger = Ledger(Shelf(), "g", commit_rows=2, commit_s=30, clock=lambda: now)
    assert not ledger.is_due
    ledger.add(trace("a"))
    assert not ledger.is_due
    now = 30.0
    assert ledger.is_due
    ledger.take()
    assert not ledger.is_due
    ledger.add(trace("b"))
    ledger.add(trace("c"))
    assert ledger.is_due
