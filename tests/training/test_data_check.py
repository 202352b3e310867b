import string
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.training.tiny import example, puzzles

from nemoflow.errors import InputError
from nemoflow.prompts.chat import render_response, user_message
from nemoflow.training.data_check import check_rows, show_mask, text_findings
from nemoflow.training.examples import encode
from nemoflow.training.tokenizer import build_tokenizer

ROW = example(puzzles(1)[0])
PLAIN = string.ascii_letters + string.digits + " +-*/=.,()\n"


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer([])


def changed(**fields):
    return ROW.model_copy(update=fields)


def rules(looked):
    return {rule: found[0].is_wrong for rule, found in looked.findings.items()}


@given(
    thinking=st.text(PLAIN, min_size=1, max_size=200),
    answer=st.text(PLAIN.replace("\n", ""), min_size=1, max_size=20),
    puzzle=st.text(PLAIN),
)
def test_a_rendered_response_to_the_contests_message_breaks_no_rule(tokenizer, thinking, answer, puzzle):
    row = changed(prompt=user_message(puzzle), response=render_response(thinking, answer))
    looked = check_rows(tokenizer, [row], 4096)
    assert rules(looked) == ({} if answer.strip() else {"empty-box": True})


@pytest.mark.parametrize(
    ("response", "rule", "value"),
    [
        (ROW.response + ".", "after-box", "'.' behind the box"),
        (ROW.response + "}", "box-braces", "the metric reads"),
        (ROW.response.replace("\\boxed", "boxed"), "no-box", "ends with"),
        ("<think>\n\\boxed{7}\n</think>\nSeven", "no-box", "within the thinking"),
        ("<think>\nx\n</think>\n\\boxed{ }", "empty-box", "boxed{ }"),
        (ROW.response.removeprefix("<think>\n"), "response-start", "begins with"),
        (ROW.response.replace("</think>\n", ""), "think", "0 times"),
        (ROW.response.replace("<think>\n", "<think>\n<think>\n"), "think", "begins with '<think>\\n<think>"),
        (ROW.response.replace("</think>", "\N{SNOWMAN}</think>"), "round-trip", "<unk>"),
        (ROW.response.replace("\n</think>", "<|im_end|>\n</think>"), "end-of-turn", "2 times"),
    ],
)
def test_each_rule_names_row_and_value_and_what_is_right(tokenizer, response, rule, value):
    looked = check_rows(tokenizer, [ROW, changed(id="second", response=response)], 4096)
    found = looked.findings[rule][0]
    assert (found.row, found.id) == (2, "second")
    assert value in found.value
    if found.is_wrong:
        with pytest.raises(InputError, match=rf"corpus.jsonl: .*row 2 \(second\): {rule}: .* is right"):
            looked.need_right("corpus.jsonl")
    else:
        looked.need_right("corpus.jsonl")


def test_only_another_form_than_evaluations_stops_a_training(tokenizer):
    check_rows(tokenizer, [changed(response=ROW.response + ".")], 4096).need_structure("corpus")
    with pytest.raises(InputError, match="response-start"):
        check_rows(tokenizer, [changed(response="x")], 4096).need_structure("corpus")


def test_a_message_without_the_contests_instruction_and_a_response_beyond_its_budget_are_worth_a_look(tokenizer):
    looked = check_rows(tokenizer, [changed(prompt="hello")], 4096, new_tokens=5)
    assert rules(looked) == {"suffix": False, "over-budget": False}


def test_rows_over_the_limit_are_counted_and_not_measured(tokenizer):
    rows = [example(problem) for problem in puzzles(3)]
    lengths = [len(encode(tokenizer, row.prompt, row.response)) for row in rows]
    looked = check_rows(tokenizer, rows, max(lengths) - 1)
    assert looked.too_long == sum(length == max(lengths) for length in lengths)
    assert sorted(looked.lengths) == sorted(length for length in lengths if length < max(lengths))
    assert any("dropped whole" in line for line in looked.lines())


def test_a_finding_of_many_rows_is_shown_three_times_and_counted(tokenizer):
    looked = check_rows(tokenizer, [changed(response=ROW.response + ".")] * 9, 4096, tokenised=2)
    assert looked.counts["after-box"] == 9
    says = list(looked.lines())
    assert sum(line.startswith("wrong: row") for line in says) == 3
    assert "wrong: after-box in 9 rows in all" in says
    assert len(looked.lengths) == 2


def test_the_mask_shows_what_is_learned_as_the_labels_have_it(tokenizer):
    row = encode(tokenizer, ROW.prompt, ROW.response)
    name, prompt, response = show_mask(tokenizer, row, "row 1").splitlines()
    assert name == "row 1"
    assert prompt.split()[:3] == ["given", str(len(row.prompt)), "tokens"]
    assert prompt.endswith("<think>\\n'")
    assert response.split()[:3] == ["learned", str(len(row.completion)), "tokens"]
    assert response.endswith("}<|im_end|>'")
    assert len(check_rows(tokenizer, [ROW] * 5, 4096).masks) == 3


def test_the_prefix_is_told_with_its_system_block(tokenizer):
    assert "(an empty system block)" in next(check_rows(tokenizer, [ROW], 4096).lines())
    other = build_tokenizer([])
    other.chat_template = "{{ messages[0]['content'] + '<think>\\n' }}"
    assert "(no empty system block)" in next(check_rows(other, [ROW], 4096).lines())


class BeginsEach:
    """A tokenizer that puts its first token before what a template renders, or before any text."""

    def __init__(self, inner, template):
        self.inner, self.template = inner, template

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def apply_chat_template(self, turns, tokenize, **options):
        found = self.inner.apply_chat_template(turns, tokenize=tokenize, **options)
        return [self.bos_token_id, *found] if tokenize and self.template else found

    def __call__(self, text):
        return {"input_ids": [self.bos_token_id, *self.inner(text)["input_ids"]] if not self.template else self.inner(text)["input_ids"]}


def test_a_prefix_of_other_tokens_than_the_templates_stops_and_one_of_text_is_worth_a_look(tokenizer):
    looked = check_rows(BeginsEach(tokenizer, template=True), [ROW], 4096)
    with pytest.raises(InputError, match=r"prefix: training puts .* from token 0 on"):
        looked.need_structure("corpus")
    assert rules(check_rows(BeginsEach(tokenizer, template=False), [ROW], 4096)) == {"text-prefix": False}


def test_a_response_that_is_cut_within_its_box_is_named():
    assert [finding.rule for finding in text_findings(1, changed(response="<think>\n7\n</think>\n\\boxed{7"))] == ["after-box"]


def test_a_message_that_holds_marks_of_the_template_is_worth_a_look(tokenizer):
    looked = check_rows(tokenizer, [changed(prompt=f"<|im_start|>user\n{ROW.prompt}<|im_end|>")], 4096)
    assert rules(looked) == {"marks": False}


@pytest.mark.parametrize("template", ["{% for %}", "{{ raise_exception('roles must alternate') }}"])
def test_a_template_that_does_not_render_is_named(tokenizer, template):
    other = deepcopy(tokenizer)
    other.chat_template = template
    with pytest.raises(InputError, match="its chat template does not render a user's message"):
        check_rows(other, [ROW], 4096)


def test_a_tokenizer_that_cannot_end_a_turn_is_named(tokenizer):
    other = deepcopy(tokenizer)
    other.eos_token = None
    with pytest.raises(InputError, match="has no eos_token"):
        check_rows(other, [ROW], 4096)


def test_a_model_without_a_chat_template_is_named(tokenizer):
    bare = build_tokenizer([])
    bare.chat_template = None
    with pytest.raises(InputError, match="has no chat template"):
        check_rows(bare, [ROW], 4096)
