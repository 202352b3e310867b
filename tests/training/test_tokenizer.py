import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.training.tiny import puzzles, untaught
from transformers import AutoTokenizer

from nemoflow.prompts.chat import SUFFIX, THINK_OPEN, render_response, user_message
from nemoflow.prompts.render import render_prefix
from nemoflow.training.examples import encode
from nemoflow.training.student import make_tokenizer
from nemoflow.training.tokenizer import CHAT_TEMPLATE, SPECIALS, build_tokenizer, common_phrases


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(puzzles(200))


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory):
    """(as made, as AutoTokenizer loads it beside a model)."""
    return make_tokenizer(puzzles(20)), AutoTokenizer.from_pretrained(untaught(tmp_path_factory.mktemp("model")))


def test_ids_survive_a_reload_by_auto_tokenizer(reloaded):
    made, loaded = reloaded
    assert loaded.get_vocab() == made.get_vocab()
    for problem in puzzles(20):
        row = encode(loaded, user_message(problem.statement), render_response("1\n2\n\n3", problem.gold))
        assert row == encode(made, user_message(problem.statement), render_response("1\n2\n\n3", problem.gold))
    assert (loaded.eos_token, loaded.pad_token, loaded.chat_template) == ("<|im_end|>", "<pad>", CHAT_TEMPLATE)


def test_a_prompt_has_the_form_of_the_contest(tokenizer):
    assert render_prefix(tokenizer, "Hello") == (
        "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n" + THINK_OPEN
    )
    turns = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    closed = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    assert closed == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n<think></think>"


def test_sentences_that_prompts_share_are_one_token_each(tokenizer):
    problem = puzzles(1, ("unit",))[0]
    head, ask = problem.statement.splitlines()[0], problem.statement.splitlines()[-1]
    for phrase in (head, ask.partition(":")[0] + ": ", " m becomes ", SUFFIX, "<think>", "</think>", "\\boxed{"):
        assert len(tokenizer.tokenize(phrase)) == 1, phrase
    assert len(tokenizer.tokenize("CMXLIV")) == len(tokenizer.tokenize("137.25")) == 6


def test_the_end_of_turn_and_the_paddings_are_special_and_the_thinking_marks_are_not(tokenizer):
    ids = tokenizer.encode("<think>\n1\n</think>\n\\boxed{1}<|im_end|><pad>", add_special_tokens=False)
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>\n1\n</think>\n\\boxed{1}"
    assert [tokenizer.convert_tokens_to_ids(token) for token in SPECIALS] == list(range(len(SPECIALS)))


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n")))
def test_ascii_text_comes_back_as_it_was(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_a_phrase_is_words_between_numbers_that_enough_texts_hold():
    texts = [f"Write the number {number} in letters.\n{number} -> VII" for number in range(50)] + ["A line of its own."]
    assert common_phrases(texts) == [" in letters.", "Write the number "]


def test_a_character_outside_the_vocabulary_is_unknown_and_nothing_fails():
    assert build_tokenizer([]).tokenize("aπ") == ["a", "<unk>"]
