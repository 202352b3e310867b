import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.training.tiny import example, puzzles

from nemoflow.errors import InputError
from nemoflow.prompts.render import render_prefix
from nemoflow.training.examples import IGNORED, encode, encode_all
from nemoflow.training.student import make_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(puzzles(20))


@pytest.mark.parametrize("kind", ["numeral", "unit"])
def test_the_trained_prefix_is_the_evaluated_prefix_byte_by_byte_and_token_by_token(tokenizer, kind):
    for problem in puzzles(20, (kind,)):
        row = encode(tokenizer, example(problem).prompt, example(problem).response)
        sent = render_prefix(tokenizer, example(problem).prompt)
        assert row.prompt == tokenizer(sent, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(row.prompt) == sent
        assert tokenizer.decode(row.input_ids) == sent + example(problem).response.removeprefix("<think>\n") + "<|im_end|>"


def test_only_the_response_carries_labels_and_it_ends_with_the_end_of_turn(tokenizer):
    row = encode(tokenizer, "2 + 2", "<think>\n4\n</think>\n\\boxed{4}")
    assert row.labels[: len(row.prompt)] == [IGNORED] * len(row.prompt)
    assert row.labels[len(row.prompt) :] == row.completion
    assert tokenizer.decode(row.completion) == "4\n</think>\n\\boxed{4}<|im_end|>"


@given(st.integers(0, 400))
def test_a_row_is_kept_whole_or_dropped_with_its_reason(tokenizer, max_length):
    examples = [example(problem) for problem in puzzles(4)]
    rows = encode_all(tokenizer, examples, max_length)
    assert len(rows.kept) + rows.reasons["too-long"] == len(examples)
    assert rows.longest <= max_length
    assert rows.kept == [row for row in (encode(tokenizer, row.prompt, row.response) for row in examples) if len(row) <= max_length]
    assert rows.tokens == sum(len(row) for row in rows.kept)


def test_a_response_that_does_not_think_first_is_refused(tokenizer):
    with pytest.raises(InputError, match="starts with '<think>"):
        encode(tokenizer, "2 + 2", "\\boxed{4}")


CODE = "<think>\nI ask.\n```python\nprint(4)\n```\n```output\n4\n```\n[7 blocks left]\nIt prints 4.\n</think>\n\\boxed{4}"


def test_what_python_printed_is_read_and_not_learned_where_that_is_asked_for(tokenizer):
    learned, read = encode(tokenizer, "2 + 2", CODE), encode(tokenizer, "2 + 2", CODE, learn_outputs=False)
    assert read.input_ids == learned.input_ids
    assert learned.labels == [IGNORED] * len(learned.prompt) + learned.completion
    labels = [token for token in read.labels if token != IGNORED]
    printed = "```output\n4\n```\n[7 blocks left]\n"
    assert tokenizer.decode(labels) == CODE.removeprefix("<think>\n").replace(printed, "") + "<|im_end|>"


def test_a_response_without_code_has_the_same_row_either_way(tokenizer):
    for problem in puzzles(5):
        asked = example(problem)
        assert encode(tokenizer, asked.prompt, asked.response, learn_outputs=False) == encode(tokenizer, asked.prompt, asked.response)
