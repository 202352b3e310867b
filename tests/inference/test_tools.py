import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.inference.client import RequestRefused
from nemoflow.inference.request import Sampling
from nemoflow.inference.tools import Tools, converse
from nemoflow.inference.wire import Completion
from nemoflow.prompts.teacher import ask
from nemoflow.records import Usage
from nemoflow.sandbox.limits import Limits, Output

FENCES = Tools("fences", Limits(calls=3))
CALLS = Tools("calls", Limits(calls=3))
MESSAGES = ask("What is 6 * 7?")


class Scripted:
    """A model that says its lines in turn: a text, or a message; an exception is raised."""

    def __init__(self, *lines, finish="stop", tokens=5):
        self.lines, self.finish, self.tokens, self.asked = list(lines), finish, tokens, []

    async def complete(self, messages, sampling, seed, n=1, extra=None):
        self.asked.append((list(messages), sampling, seed, extra))
        line = self.lines.pop(0) if len(self.lines) > 1 else self.lines[0]
        if isinstance(line, Exception):
            raise line
        message = line if isinstance(line, dict) else {"content": line}
        finish = self.finish if not self.lines[1:] else "stop"
        return [Completion(message.get("content") or "", finish, Usage(prompt_tokens=10, completion_tokens=self.tokens), 1.0, message)]


class Echo:
    """A sandbox that says which code it was given, and knows which sessions were ended."""

    def __init__(self):
        self.seeds, self.ran, self.ended = [], [], 0

    def session(self, seed=0):
        self.seeds.append(seed)
        return self

    async def run(self, code, stdin=""):
        self.ran.append(code)
        return Output(status="ok", text=f"ran {len(self.ran)}\n")

    async def __aenter__(self):
        return self

    async def __aexit__(self, *raised):
        self.ended += 1


def held(tools, *lines, sampling=None, **model):
    chat, sandbox = Scripted(*lines, **model), Echo()
    reply = asyncio.run(converse(chat, MESSAGES, sampling or Sampling(max_tokens=100), 7, {"k": 1}, tools, sandbox))
    assert sandbox.ended == 1
    return reply, chat, sandbox


def block(code):
    return f"Let me see.\n```python\n{code}\n```"


def calling(*calls):
    return {"content": "I compute.", "tool_calls": [{"id": f"c{i}", "type": "function", "function": call} for i, call in enumerate(calls)]}


def python(code):
    return {"name": "python", "arguments": json.dumps({"code": code})}


def shown(reply):
    """What each call's place in the text holds."""
    return [reply.text[slice(*call["output_at"])] for call in reply.meta["calls"]]


def test_an_answer_without_code_is_left_as_it_is():
    text = "<think>\n6 * 7\n</think>\n\\boxed{42}"
    reply, chat, sandbox = held(FENCES, text)
    assert (reply.text, reply.finish, reply.meta) == (text, "stop", {"calls": []})
    assert not sandbox.ran
    assert chat.asked[0][3] == {"k": 1, "stop": ["```output"]}


def test_a_block_is_run_and_its_output_with_what_is_left_is_told():
    reply, chat, sandbox = held(FENCES, f"{block('print(6 * 7)')}\nSurely 41.", "So \\boxed{42}")
    assert sandbox.ran == ["print(6 * 7)\n"]
    assert reply.text == "Let me see.\n```python\nprint(6 * 7)\n```\n```output\nran 1\n```\n[2 blocks left]\nSo \\boxed{42}"
    assert [message.role for message in chat.asked[1][0]] == ["user", "assistant", "user"]
    assert chat.asked[1][0][-2].content == block("print(6 * 7)")  # what it guessed of the output is gone
    assert chat.asked[1][0][-1].content == "```output\nran 1\n```\n[2 blocks left]"
    assert chat.asked[1][1].max_tokens == 95
    assert [asked[2] for asked in chat.asked] == [7, 8]
    assert reply.usage == Usage(prompt_tokens=20, completion_tokens=10)
    assert shown(reply) == ["```output\nran 1\n```\n[2 blocks left]"]


def test_thoughts_of_all_turns_become_one_before_the_last_answer():
    turns = [f"<think>\nfirst\n</think>\n{block('1')}", f"<think>\nsecond\n</think>\n{block('2')}", "<think>\nthird\n</think>\n\\boxed{42}"]
    reply, _, _ = held(FENCES, *turns)
    assert reply.text.startswith("<think>\nfirst\n\nLet me see.\n")
    assert reply.text.count("<think>") == reply.text.count("</think>") == 1
    assert reply.text.endswith("third\n</think>\n\\boxed{42}")
    assert shown(reply) == ["```output\nran 1\n```\n[2 blocks left]", "```output\nran 2\n```\n[1 block left]"]


def test_a_block_inside_a_thought_is_run_only_where_the_thought_can_be_gone_on_with():
    thought = f"<think>\n{block('1')}\nso\n</think>\n\\boxed{{42}}"
    reply, _, sandbox = held(FENCES, thought)
    assert (reply.text, sandbox.ran) == (thought, [])
    reply, chat, sandbox = held(Tools("fences", Limits(calls=3), prefill=True), f"<think>\n{block('1')}", "so\n</think>\n\\boxed{42}")
    assert sandbox.ran == ["1\n"]
    assert chat.asked[1][3]["continue_final_message"] is True
    assert [message.role for message in chat.asked[1][0]] == ["user", "assistant"]
    assert chat.asked[1][0][-1].content == reply.text[: len(chat.asked[1][0][-1].content)]
    assert reply.text.endswith("[2 blocks left]\nso\n</think>\n\\boxed{42}")


def test_when_no_call_is_left_the_model_is_told_and_its_code_is_not_run():
    reply, chat, sandbox = held(FENCES, block("again"))
    assert len(sandbox.ran) == 3
    assert chat.asked[3][0][-1].content.endswith("[no block left: give the final answer now]")
    assert reply.text.endswith(block("again"))
    assert len(reply.meta["calls"]) == 3


def test_a_block_that_was_cut_off_is_not_run_and_one_that_only_lacks_its_end_is():
    reply, _, sandbox = held(FENCES, "```python\nprint(", finish="length")
    assert (reply.finish, sandbox.ran) == ("length", [])
    reply, _, sandbox = held(FENCES, "```python\nprint(1)\n", "\\boxed{42}")
    assert sandbox.ran == ["print(1)\n"]
    assert reply.text.startswith("```python\nprint(1)\n```\n```output")


def test_tokens_of_all_turns_count_and_the_end_of_them_is_a_cut():
    reply, chat, sandbox = held(FENCES, block("1"), tokens=40)
    assert [asked[1].max_tokens for asked in chat.asked] == [100, 60, 20]
    assert reply.finish == "length"
    assert len(sandbox.ran) == 3
    reply, chat, _ = held(FENCES, block("1"), tokens=0, sampling=Sampling(max_tokens=9))  # a server that does not count
    assert reply.finish == "length"
    assert len(chat.asked) == 2


def test_a_conversation_that_outgrows_the_context_is_cut_and_a_prompt_that_does_is_refused():
    reply, _, _ = held(FENCES, block("1"), RequestRefused("400"))
    assert reply.finish == "length"
    assert shown(reply) == ["```output\nran 1\n```\n[2 blocks left]"]
    with pytest.raises(RequestRefused):
        held(FENCES, RequestRefused("400"))


def test_tool_calls_are_run_in_order_and_answered_by_their_ids():
    reply, chat, sandbox = held(CALLS, calling(python("1"), python("2")), "\\boxed{42}")
    assert sandbox.ran == ["1", "2"]
    first, second = chat.asked
    assert first[3]["tools"][0]["function"]["name"] == "python"
    assert "tool_choice" not in first[3]
    assistant, *answers = second[0][1:]
    assert [call["id"] for call in assistant["tool_calls"]] == ["c0", "c1"]
    assert [(turn["role"], turn["tool_call_id"], turn["content"]) for turn in answers] == [
        ("tool", "c0", "ran 1\n"),
        ("tool", "c1", "ran 2\n[1 call left]"),
    ]
    assert reply.text == (
        "I compute.\n```python\n1\n```\n```output\nran 1\n```\n[2 calls left]\n"
        "```python\n2\n```\n```output\nran 2\n```\n[1 call left]\n\\boxed{42}"
    )
    assert shown(reply) == ["```output\nran 1\n```\n[2 calls left]", "```output\nran 2\n```\n[1 call left]"]


def test_calls_beyond_the_last_are_answered_and_not_run():
    reply, chat, sandbox = held(CALLS, calling(*[python(str(n)) for n in range(5)]), "\\boxed{42}")
    assert sandbox.ran == ["0", "1", "2"]
    assert [turn["content"] for turn in chat.asked[1][0][-2:]] == [
        "Not run: no call was left.\n",
        "Not run: no call was left.\n[no call left: give the final answer now]",
    ]
    assert chat.asked[1][3]["tool_choice"] == "none"
    assert len(reply.meta["calls"]) == 3


@pytest.mark.parametrize(
    "call", [{"name": "search", "arguments": "{}"}, {"name": "python", "arguments": "{"}, {"name": "python", "arguments": '{"code": 5}'}]
)
def test_a_call_that_makes_no_sense_is_answered_and_counts(call):
    reply, chat, sandbox = held(CALLS, calling(call), "\\boxed{42}")
    assert sandbox.ran == []
    assert "is understood" in chat.asked[1][0][-1]["content"]
    assert reply.meta["calls"][0]["status"] == "error"


@given(
    st.lists(st.sampled_from(["```python\n", "```\n", "x", "\n", "<think>", "</think>", "```output\n", "\\boxed{1}"]), max_size=12),
    st.booleans(),
)
def test_whatever_a_model_writes_ends_and_places_of_outputs_are_right(parts, prefill):
    reply, chat, sandbox = held(Tools("fences", Limits(calls=3), prefill=prefill), "".join(parts), "\\boxed{42}")
    assert len(chat.asked) <= 4
    assert len(reply.meta["calls"]) == len(sandbox.ran)
    for place in shown(reply):
        assert place.startswith("```output\nran ")
        assert place.endswith("left]")
