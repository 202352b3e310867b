from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.competition import extract
from nemoflow.prompts.chat import SUFFIX, render_response, split_response, user_message
from nemoflow.prompts.teacher import ask, ask_with_hint

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\\{}<>\r\n", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)


def test_the_message_is_the_statement_a_newline_and_the_contests_suffix():
    assert user_message("What?") == "What?\nPlease put your final answer inside `\\boxed{}`. For example: `\\boxed{your answer}`"


@given(PLAIN, PLAIN.map(str.strip).filter(bool))
def test_the_metric_reads_back_the_answer_of_a_rendered_response(thinking, answer):
    assert extract(render_response(thinking, answer)) == answer


@given(PLAIN, PLAIN)
def test_thinking_and_answer_part_again(thinking, answer):
    assert split_response(render_response(thinking, answer)) == (thinking.strip(), f"\\boxed{{{answer}}}".strip())


def test_a_response_cut_off_while_thinking_has_no_final_part():
    assert split_response("<think>\nso far") == ("so far", "")
    assert split_response("so far") == ("so far", "")


def test_a_hint_follows_the_ordinary_question_and_names_the_answer():
    (plain,) = ask("What?")
    (hinted,) = ask_with_hint("What?", "42")
    assert plain.content.endswith(SUFFIX)
    assert hinted.content.startswith(plain.content)
    assert "42" in hinted.content.removeprefix(plain.content)
    assert [message.role for message in ask("What?", "Be brief.")] == ["system", "user"]
