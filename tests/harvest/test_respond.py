import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.harvest.attempts import Asking, attempt
from nemoflow.harvest.respond import Repairs, once, repairing
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.inference.wire import Completion
from nemoflow.prompts.repair import ANSWER_NOW, BOX_ONLY, GO_ON
from nemoflow.prompts.teacher import ask
from nemoflow.records import Problem, Usage

PROBLEM = Problem(id="p", statement="What is 6 * 7?", gold="42", category="sum", source="t")
ASKING = Asking(Endpoint(url="http://127.0.0.1:1/v1", model="m"), Sampling(max_tokens=100), Patience())
ATTEMPT = attempt(PROBLEM, 0, ask(PROBLEM.statement), ASKING, 0)


class Scripted:
    """A model that says its lines in turn: (text, finish, tokens)."""

    def __init__(self, *lines):
        self.lines, self.asked = list(lines), []

    async def complete(self, messages, sampling, seed, n=1, extra=None):
        self.asked.append((messages, sampling, extra or {}))
        text, finish, tokens = self.lines.pop(0)
        return [Completion(text, finish, Usage(prompt_tokens=10, completion_tokens=tokens), 1.0, {"content": text})]


def reply(repairs, *lines):
    chat = Scripted(*lines)
    return asyncio.run(repairing(repairs)(chat, ATTEMPT)), chat


def test_without_repairs_a_reply_is_the_completion():
    assert repairing(Repairs()) is once
    found, chat = reply(Repairs(), ("<think>\nno end", "length", 100))
    assert (found.text, found.finish, dict(found.meta)) == ("<think>\nno end", "length", {})
    assert chat.asked[0][1].max_tokens == 100


def test_a_whole_answer_is_left_alone_by_every_repair():
    text = "<think>\n6 * 7\n</think>\n\\boxed{42}"
    found, chat = reply(Repairs(20, 2, ask_for_box=True), (text, "stop", 30))
    assert (found.text, dict(found.meta), len(chat.asked)) == (text, {}, 1)
    assert chat.asked[0][1].max_tokens == 80


@pytest.mark.parametrize(
    ("prefill", "line"),
    [(False, ("\\boxed{42}", "stop", 5)), (True, ("42}", "stop", 2)), (False, ("<think>\nwell\n</think>\n\\boxed{42}", "stop", 9))],
)
def test_a_thought_that_used_up_its_tokens_is_closed_and_answered_from_the_tail(prefill, line):
    found, chat = reply(Repairs(20, prefill=prefill), ("<think>\n6 * 7 is", "length", 80), line)
    assert (found.text, found.finish) == ("<think>\n6 * 7 is\n</think>\n\\boxed{42}", "stop")
    assert found.meta["repairs"] == ["forced-answer"]
    messages, sampling, extra = chat.asked[1]
    assert sampling.max_tokens == 20
    assert extra.get("continue_final_message", False) == prefill
    told = messages[-2:] if prefill else messages[-1:]
    assert (told[-1].role, told[-1].content.endswith("\\boxed{")) == ("assistant", True) if prefill else told[-1].content == ANSWER_NOW
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (20, 80 + line[2])


def test_where_even_the_tail_is_cut_off_the_trace_stays_cut_off():
    found, _ = reply(Repairs(20), ("<think>\n6 * 7 is", "length", 80), ("let me think", "length", 20))
    assert (found.text, found.finish, found.meta["repairs"]) == ("<think>\n6 * 7 is", "length", ["forced-answer"])


def test_a_thought_that_the_server_cut_off_before_its_limit_is_continued():
    lines = ("<think>\n6 * 7", "length", 30), (" is 42\n</think>\n\\boxed{42}", "stop", 20)
    found, chat = reply(Repairs(continue_rounds=3, prefill=True), *lines)
    assert (found.text, found.finish) == ("<think>\n6 * 7 is 42\n</think>\n\\boxed{42}", "stop")
    assert chat.asked[1][1].max_tokens == 70
    found, chat = reply(Repairs(continue_rounds=3), lines[0], ("<think>\nis 42\n</think>\n\\boxed{42}", "stop", 20))
    assert found.text == "<think>\n6 * 7\nis 42\n</think>\n\\boxed{42}"
    assert chat.asked[1][0][-1].content == GO_ON


def test_a_thought_that_reached_its_own_limit_is_not_continued():
    found, chat = reply(Repairs(continue_rounds=3), ("<think>\n6 * 7", "length", 100))
    assert (len(chat.asked), found.finish) == (1, "length")


def test_a_missing_box_is_asked_for_once():
    text = "<think>\n6 * 7\n</think>\nIt is 42."
    found, chat = reply(Repairs(ask_for_box=True), (text, "stop", 30), ("\\boxed{42}", "stop", 5))
    assert (found.text, found.meta["repairs"]) == (f"{text}\n\\boxed{{42}}", ["asked-for-box"])
    assert chat.asked[1][0][-1].content == BOX_ONLY
    found, _ = reply(Repairs(ask_for_box=True), (text, "stop", 30), ("It is 42.", "stop", 5))
    assert (found.text, found.meta["repairs"]) == (text, ["asked-for-box"])


LINES = st.lists(
    st.tuples(
        st.sampled_from(["<think>\na", "b", "</think>\n", "\\boxed{1}", ""]), st.sampled_from(["stop", "length"]), st.integers(0, 60)
    ),
    min_size=8,
    max_size=8,
)


@given(LINES, st.integers(0, 50), st.integers(0, 3), st.booleans(), st.booleans())
def test_whatever_a_model_says_the_tokens_add_up_and_no_more_is_asked_than_was_allowed(lines, tail, rounds, box, prefill):
    repairs = Repairs(tail, rounds, box, prefill)
    if not repairs.identity:
        return
    found, chat = reply(repairs, *lines)
    assert len(chat.asked) <= 2 + rounds
    assert found.usage.completion_tokens == sum(tokens for _, _, tokens in lines[: len(chat.asked)])
    assert all(0 < sampling.max_tokens <= 512 for _, sampling, _ in chat.asked)
    assert found.text.startswith(lines[0][0])


def test_another_repair_is_another_trace():
    recipes = {str(Repairs(*fields).identity) for fields in ((), (20,), (0, 1), (0, 0, True), (20, 0, False, True))}
    assert len(recipes) == 5
    ids = {attempt(PROBLEM, 0, ATTEMPT.messages, replace(ASKING, sampling=Sampling(recipe=recipe)), 0).id for recipe in recipes}
    assert len(ids) == 5
