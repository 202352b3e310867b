import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.prompts.stops import stops_of
from nemoflow.training.reward import PARTS, Scores, even_share, form, parts_of, reward_functions
from nemoflow.training.tokenizer import build_tokenizer

GOOD = "3 + 4 = 7\n</think>\n\\boxed{7}"


def parts(response, gold="7", used=0.25, is_cut=False):
    return parts_of(response, "What is 3 + 4?", gold, used, is_cut)


def test_a_right_short_well_formed_response_gets_all_of_every_part():
    assert parts(GOOD) == {"right": 1.0, "format": 1.0, "concise": 0.75, "no_leak": 1.0}


def test_a_wrong_response_is_not_paid_for_being_short():
    assert parts(GOOD, gold="8")["concise"] == 0.0


def test_a_response_that_was_cut_off_is_not_right_by_the_last_number_in_it():
    assert parts("so it may be 7", is_cut=False)["right"] == 1.0
    assert parts("so it may be 7", is_cut=True)["right"] == 0.0


def test_a_response_that_speaks_of_a_known_answer_loses_that_part_alone():
    leaking = parts("The known answer is 7. So 3 + 4 = 7.\n</think>\n\\boxed{7}")
    assert (leaking["no_leak"], leaking["right"], leaking["format"]) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("response", "thirds"),
    [
        (GOOD, 3),
        (GOOD + " That is it.", 2),
        ("3 + 4 = 7\n</think>\nseven", 1),
        ("\n</think>\n\\boxed{7}", 0),
        ("3\n</think>\n4\n</think>\n\\boxed{7}", 0),
        ("3 + 4 = 7, \\boxed{7}", 0),
    ],
)
def test_form_counts_what_is_in_place_from_the_front(response, thirds):
    assert form(response, is_cut=False) == round(thirds / 3, 6)


def test_form_does_not_pay_an_end_that_the_limit_made():
    assert form(GOOD, is_cut=True) == round(2 / 3, 6)


def test_a_response_that_ends_with_any_of_the_models_own_ends_is_no_more_cut_off_than_in_evaluation():
    tokenizer = build_tokenizer([])
    end_of_turn, end_of_text = tokenizer.convert_tokens_to_ids(["<|im_end|>", "</s>"])
    scores = Scores(tokenizer, 64, stops_of(tokenizer, [end_of_text]))
    said = tokenizer.encode(GOOD, add_special_tokens=False)
    rows = scores.of([[*said, end_of_turn], [*said, end_of_text], said], ["What is 3 + 4?"] * 3, ["7"] * 3)
    assert [row["right"] for row in rows] == [1.0, 1.0, 0.0]


def test_functions_say_the_parts_of_the_responses_that_they_are_asked_for():
    tokenizer = build_tokenizer([])
    functions = reward_functions(Scores(tokenizer, 64, [tokenizer.eos_token_id]), dict.fromkeys(PARTS, 1.0), 2)
    logged = []
    for text in (GOOD, "7"):
        ids = [[*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]] * 2
        asked = {
            "completion_ids": ids,
            "statement": ["What is 3 + 4?"] * 2,
            "gold": ["7"] * 2,
            "log_metric": lambda *told: logged.append(told),
        }
        expected = parts(text, used=len(ids[0]) / 64)
        assert {function.__name__: function(**asked) for function in functions} == {part: [expected[part]] * 2 for part in PARTS}
    assert logged == [("even", 1.0)] * 2


@given(groups=st.lists(st.lists(st.sampled_from([0.2, 0.4, 0.4 + 0.1 * 3 / 7680, 1.4]), min_size=8, max_size=8), min_size=1, max_size=5))
def test_a_group_is_even_where_all_its_rewards_are_the_same_and_no_other(groups):
    rewards = [reward for group in groups for reward in group]
    assert even_share(rewards, 8) == sum(len(set(group)) == 1 for group in groups) / len(groups)


@given(response=st.text(alphabet="ab 7\n</think>\\boxed{}", max_size=80), used=st.floats(0, 1), is_cut=st.booleans())
def test_every_part_of_any_text_lies_between_0_and_1_and_a_cut_one_is_never_right(response, used, is_cut):
    found = parts(response, used=used, is_cut=is_cut)
    assert tuple(found) == PARTS
    assert all(0 <= value <= 1 for value in found.values())
    assert not (is_cut and found["right"])
