"""Responses that run Python, with the real sandbox and a student that says what a script tells it to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemoflow.evaluation.code_runs import CodeRuns, block_within, write_all
from nemoflow.sandbox.limits import Limits
from nemoflow.sandbox.session import LocalSandbox

LIMITS = Limits(calls=3, seconds=5.0)


class Letters:
    """A tokenizer: a token a character."""

    def encode(self, text, add_special_tokens=True):
        return [ord(letter) for letter in text]

    def decode(self, tokens):
        return "".join(map(chr, tokens))


def block(code):
    return f"```python\n{code}\n```\n"


class Script:
    """Says its lines one turn after the other; what it was shown is kept."""

    def __init__(self, *scripts):
        self.left = {chr(place): list(lines) for place, lines in enumerate(scripts, 65)}
        self.shown = []

    def __call__(self, prompts, most, places):
        self.shown += [Letters().decode(prompt) for prompt in prompts]
        return [Letters().encode(self.left[chr(prompt[0])].pop(0)[:most]) for prompt in prompts]


def said(*scripts, most=10_000, limits=LIMITS):
    script = Script(*scripts)
    with CodeRuns(LocalSandbox(limits), limits) as runs:
        responses = write_all(Letters(), [[place] for place in range(65, 65 + len(scripts))], most, runs, script)
    return responses, script


def text(response):
    return Letters().decode(response.tokens)


def test_an_output_is_what_python_printed_and_never_what_the_student_made_up():
    (response,), script = said([f"{block('print(6 * 7)')}```output\n43\n```\nSo 43.", "So 42."])
    assert text(response) == f"{block('print(6 * 7)')}```output\n42\n```\n[2 blocks left]\nSo 42."
    assert script.shown[1] == "A" + text(response).removesuffix("So 42.")
    assert [(call["status"], call["output"]) for call in response.calls] == [("ok", "42\n")]
    assert response.written == len(f"{block('print(6 * 7)')}So 42.")


def test_variables_are_kept_from_block_to_block_and_responses_have_their_own():
    (one, other), _ = said([block("x = 1"), block("print(x)"), "done"], [block("print(x)"), "done"])
    assert [call["output"] for call in one.calls] == ["", "1\n"]
    assert other.calls[0]["status"] == "error"
    assert "NameError" in other.calls[0]["output"]


def test_a_response_ends_with_the_block_for_which_no_call_is_left():
    (response,), _ = said([block("1"), block("2"), block("3"), block("4"), "never said"])
    assert len(response.calls) == LIMITS.calls
    assert "[no block left" in text(response)
    assert text(response).endswith(block("4"))


def test_only_what_the_student_writes_counts_against_its_tokens():
    (response,), _ = said([block("print('a' * 500)"), "b" * 900], most=60)
    assert response.written == 60
    assert text(response).endswith("b" * (60 - len(block("print('a' * 500)"))))
    assert "a" * 500 in text(response)


def test_code_that_never_ends_is_ended_and_the_others_go_on():
    slow = Limits(calls=2, seconds=1.0)
    (one, other), _ = said([block("while True: pass"), "gave up"], [block("print(1)"), "1"], limits=slow)
    assert one.calls[0]["status"] in ("time", "lost")
    assert text(one).endswith("gave up")
    assert text(other).endswith("\n1")


@settings(deadline=None)
@given(st.text(st.sampled_from("a`\n python"), max_size=60), st.text(st.sampled_from("a`\n python"), max_size=60))
def test_the_tokens_up_to_a_block_are_the_fewest_that_hold_it(before, after):
    tokens = Letters().encode(f"{before}\n{block('1')}{after}")
    count, _ = block_within(Letters(), tokens)
    assert block_within(Letters(), tokens[: count - 1]) is None
    assert block_within(Letters(), tokens[:count]) is not None


@pytest.mark.parametrize(
    "unfinished", ["", "```python\nprint(1)", "```python\nprint(1)\n```", "```\nprint(1)\n```\n", "see ```python\n1\n```"]
)
def test_a_block_that_is_not_whole_is_none(unfinished):
    assert block_within(Letters(), Letters().encode(unfinished)) is None
