"""The corpus: every row in the contest's form, chosen and ordered by the seed alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.traces import THINKING, trace

from nemoflow.answers.competition import extract
from nemoflow.curate.card import Card, as_markdown
from nemoflow.curate.mix import compared, plan, response_of
from nemoflow.curate.recipe import Candidate, Recipe, choose
from nemoflow.errors import InputError
from nemoflow.prompts.chat import SUFFIX, user_message
from nemoflow.prompts.teacher import ask, ask_with_hint
from nemoflow.records import Message

ROWS = [
    trace(f"t{number}", number=number, category="sum" if number % 3 else "product", source="rationalized" if number % 4 == 0 else "teacher")
    for number in range(60)
]


def corpus(rows, **recipe):
    mixture = plan(rows, Recipe(**recipe))
    card = Card()
    return list(mixture.examples(lambda: rows, card)), card.as_json(), mixture.reasons


@pytest.mark.parametrize(
    "response",
    [
        rf"<think>{THINKING}</think>\boxed{{4}}",
        f"{THINKING}\n</think>\n\nThe answer is $\\boxed{{4}}$.\n",
        rf"{THINKING} It is \boxed{{4}}.",
        f"<think>\n{THINKING}\n</think>\nSo it is\n\\boxed{{4}} apples",
    ],
)
def test_a_response_begins_with_the_think_mark_and_ends_right_after_the_box(response):
    made = response_of(trace(response=response))
    assert made.startswith(f"<think>\n{THINKING}")
    assert made.endswith("\n</think>\n\\boxed{4}")


@given(st.text(max_size=80), st.text(max_size=20))
def test_every_response_to_learn_gives_the_metric_the_answer_that_was_found_right(thinking, answer):
    made = response_of(trace(thinking=thinking, answer=answer))
    if made is None:
        return
    assert made.startswith("<think>\n")
    assert made.endswith("}")
    assert extract(made) == answer.strip()


@pytest.mark.parametrize("row", [trace(answer=None, verdict="wrong"), trace(response="</think>\\boxed{4}"), trace(answer=r"a\boxed{b")])
def test_what_cannot_be_written_in_that_form_is_left_out(row):
    assert response_of(row) is None


def test_prompts_are_the_contests_and_hold_what_the_trace_itself_was_asked():
    told = [Message(role="system", content="Be brief."), Message(role="user", content=user_message("Told?"))]
    hinted = ask_with_hint("Hinted?", "4")
    quoting = f"What does this mean?\n{SUFFIX}"
    asked = {"a": ask("What?"), "b": told, "c": hinted, "d": ask(quoting), "e": [Message(role="user", content="Bare?")]}
    rows = [trace(name, number=number, messages=messages) for number, (name, messages) in enumerate(asked.items())]
    prompts = {example.id: example.prompt for example in plan(rows, Recipe()).examples(lambda: rows, Card())}
    assert prompts == dict(zip("abcde", map(user_message, ("What?", "Told?", "Hinted?", quoting, "Bare?")), strict=True))


def test_a_trace_that_nobody_asked_for_teaches_nothing():
    mixture = plan([trace(messages=())], Recipe())
    assert (mixture.order, mixture.reasons) == ([], {"no-statement": 1})


@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_the_corpus_does_not_depend_on_the_order_of_the_traces(draw, seed):
    recipe = {"weights": {"rationalized": 1.5}, "quota": {"product": 7}, "max_rows": 40, "seed": seed}
    assert corpus(draw.sample(ROWS, len(ROWS)), **recipe) == corpus(ROWS, **recipe)


def test_another_seed_gives_another_order_of_the_same_rows():
    one, two = (corpus(ROWS, seed=seed)[0] for seed in (1, 2))
    assert one != two
    assert sorted(example.id for example in one) == sorted(example.id for example in two) == sorted(row.id for row in ROWS)
    assert [example.id for example in one] != sorted(example.id for example in one)


def test_weights_take_a_share_all_or_copies_of_a_source():
    assert {example.source for example in corpus(ROWS, weights={"rationalized": 0})[0]} == {"teacher"}
    half = corpus(ROWS, weights={"teacher": 0.5})[0]
    assert 10 < sum(example.source == "teacher" for example in half) < 35
    twice = [example for example in corpus(ROWS, weights={"rationalized": 2})[0] if example.source == "rationalized"]
    assert len(twice) == 30
    assert len({example.id for example in twice}) == 30
    assert len({example.trace_id for example in twice}) == 15


def test_quotas_and_the_limit_keep_the_first_rows_of_the_seeds_order_and_count_the_rest():
    every, _, _ = corpus(ROWS, seed=5)
    products = [example for example in every if example.category == "product"]
    examples, card, reasons = corpus(ROWS, seed=5, quota={"product": 4}, max_rows=20)
    assert [example for example in examples if example.category == "product"] == products[: card["by_category"]["product"]]
    assert card["by_category"]["product"] <= 4
    assert len(examples) == card["rows"] == 20
    assert reasons.total() == 40
    assert set(reasons) == {"quota", "max-rows"}


def test_a_trace_id_that_occurs_twice_is_refused():
    with pytest.raises(InputError, match=r"row 2: trace id 't1' occurs twice"):
        plan([trace(), trace(number=2)], Recipe())


def test_the_card_counts_what_is_in_the_corpus():
    _, card, _ = corpus(ROWS)
    assert card["rows"] == card["problems"] == 60
    assert card["by_source"] == {"rationalized": 15, "teacher": 45}
    assert card["by_model"] == {"solver": 60}
    lengths = card["response_chars"]
    assert sum(entry["rows"] for entry in lengths["histogram"]) == 60
    assert lengths["histogram"][0]["below"] / 2 <= lengths["mean"] < lengths["histogram"][-1]["below"]


MODES = st.lists(
    st.tuples(st.sampled_from(["low", "high", "high+python"]), st.sampled_from([100, 3000, 5000, 200_000])), min_size=1, max_size=60
)


def candidates(cells):
    return [Candidate(f"t{number}", "teacher", "c", mode, tokens) for number, (mode, tokens) in enumerate(cells)]


@given(MODES, st.integers(0, 3), st.none() | st.integers(1, 40), st.randoms(use_true_random=False))
def test_modes_of_a_bucket_are_equal_and_as_many_as_its_rarest(cells, seed, max_rows, draw):
    recipe = Recipe(balance=True, seed=seed, max_rows=max_rows, least_share=0)
    rows = candidates(cells)
    choice = choose(rows, recipe)
    assert choice == choose(draw.sample(rows, len(rows)), recipe)
    before = Counter((recipe.bucket(row.tokens), row.mode) for row in rows)
    after = Counter((recipe.bucket(row.tokens), row.mode) for row in choice.rows)
    for bucket in {bucket for bucket, _ in before}:
        modes = [mode for other, mode in before if other == bucket]
        sizes = {after[bucket, mode] for mode in modes}
        assert len(sizes) == 1
        if max_rows is None:
            assert sizes == {min(before[bucket, mode] for mode in modes)}
    assert len(choice.rows) <= (max_rows or len(rows))
    assert len(choice.rows) + choice.reasons.total() == len(rows)


def test_a_mode_that_is_hardly_there_does_not_shrink_the_others():
    rows = candidates([("low", 100)] * 100 + [("high", 100)] * 60 + [("medium", 100)])
    kept = Counter(row.mode for row in choose(rows, Recipe(balance=True)).rows)
    assert kept == {"low": 60, "high": 60, "medium": 1}


def test_other_recipes_are_counted_over_the_same_traces():
    mixture = plan(ROWS, Recipe())
    table = compared(mixture.candidates, {"all": Recipe(), "no_star": Recipe(weights={"rationalized": 0}), "few": Recipe(max_rows=5)})
    assert [(row["name"], row["rows"]) for row in table] == [("all", 60), ("no_star", 45), ("few", 5)]
    assert table[1]["left_out"] == {"weight": 15}


def test_the_card_names_licences_and_revisions_and_reads_as_markdown():
    rows = [trace("a", source="public", verdict=None, model="gsm8k", meta={"licence": "MIT", "revision": "abc"}), trace("b", number=2)]
    _, card, _ = corpus(rows)
    assert card["by_licence"] == {"MIT": 1, "of the teacher's maker": 1}
    assert card["by_revision"] == {"gsm8k@abc": 1}
    text = as_markdown({**card, "left_out": {"quota": 3}, "ablations": compared([], {"none|of": Recipe()})})
    assert "| MIT | 1 | 50.0 % |" in text
    assert "| none\\|of | 0 | 0 | 0 |" in text
