import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.errors import InputError
from nemoflow.training.examples import Row, Rows
from nemoflow.training.held_out import HeldOut, hold_out


def rows(problems):
    return [Row([number + 1], [2], problem=problem) for number, problem in enumerate(problems)]


@given(st.lists(st.integers(0, 50).map(str), min_size=1, max_size=80), st.floats(0.1, 0.9), st.integers(0, 99), st.randoms())
def test_a_problem_is_wholly_held_out_or_not_at_all_in_whatever_order_rows_stand(problems, share, seed, random):
    of = rows(problems)
    try:
        kept, held = hold_out(Rows(of), share, seed)
    except InputError:
        return
    assert {row.problem for row in kept.kept} & {row.problem for row in held} == set()
    assert len(kept.kept) + len(held) == len(of)
    _, again = hold_out(Rows(random.sample(of, len(of))), share, seed)
    assert {row.problem for row in again} == {row.problem for row in held}


def test_about_the_share_is_held_out():
    _, held = hold_out(Rows(rows(map(str, range(4000)))), 0.1, 0)
    assert 340 < len(held) < 460


def test_without_a_share_nothing_changes():
    of = Rows(rows("abc"))
    assert hold_out(of, 0.0, 0) == (of, [])


@pytest.mark.parametrize(("share", "where"), [(1e-09, "to hold out"), (0.999999, "to learn from")])
def test_a_share_that_leaves_one_side_empty_is_refused(share, where):
    with pytest.raises(InputError, match=rf"train\.eval_share: {share} of 3 rows leaves none {where}"):
        hold_out(Rows(rows("abc")), share, 0)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(1, 64))
def test_held_out_rows_are_asked_once_each_within_the_tokens_of_a_micro_batch(lengths, tokens):
    held = HeldOut.of([Row([number + 1], [7] * length) for number, length in enumerate(lengths)], tokens, 0)
    assert sorted(int(row[0]) for batch in held.batches for row in batch["input_ids"]) == list(range(1, len(lengths) + 1))
    assert all(batch["input_ids"].numel() <= tokens or len(batch["input_ids"]) == 1 for batch in held.batches)
