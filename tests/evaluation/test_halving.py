from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.made import attempt, problem

from nemoflow.errors import InputError
from nemoflow.evaluation.candidates import forms, refuse_meeting, shot_sets
from nemoflow.evaluation.halving import gain_over_first, halve
from nemoflow.evaluation.score import verify_rollouts
from nemoflow.prompts.form import Form, Shot, read_form


def world(count, chances):
    """Candidate c is right on the first chances[c] of every ten problems; and everything that was asked."""
    problems = [problem(index) for index in range(count)]
    asked = []

    def ask(turns):
        asked.extend((number, row.id) for number, row in turns)
        right = [int(row.id[-3:]) % 10 < chances[number] for number, row in turns]
        traces = [attempt(row, "XII" if is_right else "I") for (_, row), is_right in zip(turns, right, strict=True)]
        return verify_rollouts(traces, {row.id: row for row in problems})

    return problems, ask, asked


def test_the_better_half_goes_on_and_the_best_wins_on_all_problems():
    problems, ask, asked = world(80, [5, 2, 9, 1, 3, 8, 4, 0])
    rounds = list(halve(8, problems, 10, ask))
    assert [(one.problems, len(one.standings)) for one in rounds] == [(10, 8), (20, 5), (40, 3), (80, 2)]
    assert rounds[0].standings[0].candidate == rounds[-1].standings[0].candidate == 2
    assert len(asked) == len(set(asked)) < 8 * 80 / 2


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 50), st.data())
def test_halving_ends_asks_nothing_twice_and_never_drops_the_first(count, size, first, data):
    chances = data.draw(st.lists(st.integers(0, 10), min_size=count, max_size=count))
    problems, ask, asked = world(size, chances)
    rounds = list(halve(count, problems, first, ask))
    last = rounds[-1]
    assert last.problems == size
    assert {(0, row.id) for row in problems} <= set(asked)
    assert len(asked) == len(set(asked))
    assert {standing.asked for standing in last.standings} == {size}
    assert 0 in {standing.candidate for standing in last.standings}
    assert last.standings[0].right == max(standing.right for standing in last.standings)
    for one, after in pairwise(rounds):
        assert {standing.candidate for standing in after.standings} == {s.candidate for s in one.standings if s.is_kept}


def test_the_winner_is_paired_with_the_first_on_every_problem():
    problems, ask, _ = world(20, [2, 6])
    gain = gain_over_first(ask([(0, row) for row in problems]), ask([(1, row) for row in problems]))
    assert (gain.points, gain.problems, gain.better, gain.worse) == (pytest.approx(40), 20, 8, 0)


def test_the_contests_form_comes_first_and_every_form_once():
    made = forms(("", "Be brief."), (Form().suffix, ""), [()])
    assert made[0] == Form()
    assert len(made) == len({form.model_dump_json() for form in made}) == 4


POOL = [
    (kind, Shot(problem_id=f"{kind}{index}", statement=f"{kind} {index}?", response="\\boxed{1}"))
    for kind in "ab"
    for index in range(4)
]  # fmt: skip


def test_sets_of_examples_take_the_kinds_in_turn_and_differ():
    made = shot_sets(POOL, (0, 2, 4), 2, seed=0)
    assert [len(one) for one in made] == [0, 2, 2, 4, 4]
    assert {shot.problem_id[0] for shot in made[1]} == {"a", "b"}
    assert [set(one) for one in made] == [set(one) for one in shot_sets(POOL[::-1], (0, 2, 4), 2, seed=0)]
    assert made[3] != made[4]
    with pytest.raises(InputError, match="sets of 9 examples were asked for, and the train side has 8"):
        shot_sets(POOL, (9,), 1, seed=0)


def test_one_statement_on_both_sides_is_refused_whatever_its_id_blanks_and_case():
    test = [problem(1).model_copy(update={"id": "t1", "statement": "What  is\n6 * 7?"})]
    refuse_meeting([("d1", "What is 6 * 8?")], test, ("dev", "the test"))
    with pytest.raises(InputError, match="dev: problem 'd1' is also problem 't1' of the test"):
        refuse_meeting([("d1", "what is 6 * 7?")], test, ("dev", "the test"))


@pytest.mark.parametrize(
    ("values", "message"), [({"suffixes": "x"}, "p: suffixes: Extra inputs"), ({"shots": [{"statement": "s"}]}, r"p: shots\.0\.problem_id")]
)
def test_a_file_that_is_no_form_is_refused_by_its_field(values, message):
    with pytest.raises(InputError, match=message):
        read_form(values, "p")


def test_shown_examples_are_turns_in_the_same_form_before_the_question():
    form = Form(system="S", suffix="!", shots=(Shot(problem_id="p", statement="1 + 1?", response="\\boxed{2}"),))
    assert [(turn.role, turn.content) for turn in form.messages("2 + 2?", "low")] == [
        ("system", "S"),
        ("user", "1 + 1?\n!\nEffort: low."),
        ("assistant", "\\boxed{2}"),
        ("user", "2 + 2?\n!\nEffort: low."),
    ]
    assert [turn.content for turn in Form(suffix="").messages("2 + 2?")] == ["2 + 2?"]
