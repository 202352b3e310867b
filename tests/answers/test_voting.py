import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.answers.voting import Ballot, open_same


@pytest.fixture(scope="module")
def same():
    with open_same("symbolic") as equal:
        yield equal


def counted(same, answers):
    ballot = Ballot(same)
    for place, answer in enumerate(answers):
        ballot.add(answer, str(place))
    return ballot


def test_answers_that_verify_as_equal_are_one_however_they_are_written(same):
    ballot = counted(same, [r"\frac{1}{2}", "0.5", "2", "1/2", r"\dfrac12"])
    assert [(cluster.answer, cluster.members) for cluster in ballot.clusters] == [(r"\frac{1}{2}", ["0", "1", "3", "4"]), ("2", ["2"])]
    assert ballot.leader.votes == 4


def test_a_tie_has_no_leader_and_neither_has_an_empty_ballot(same):
    assert Ballot(same).leader is None
    assert counted(same, ["1", "2"]).leader is None
    assert counted(same, ["1", "2", "1.0"]).leader.answer == "1"


def test_by_the_contests_text_two_ways_of_writing_are_two_answers():
    with open_same("competition") as by_text:
        assert len(counted(by_text, ["0.5", "1/2", " 0.5"]).clusters) == 2
        assert len(counted(by_text, ["VII", "vii", "7.01", "7"]).clusters) == 3


ANSWERS = st.lists(st.sampled_from(["1/2", "0.5", r"\frac{1}{2}", "2", "2.0", "x", "(1,2)", "none"]), max_size=12)


@given(ANSWERS)
def test_every_vote_is_counted_once_and_no_two_clusters_are_equal(same, answers):
    ballot = counted(same, answers)
    assert sorted(int(member) for cluster in ballot.clusters for member in cluster.members) == list(range(len(answers)))
    heads = [cluster.answer for cluster in ballot.clusters]
    assert not any(same(one, other) for place, one in enumerate(heads) for other in heads[place + 1 :])


@given(ANSWERS, st.randoms(use_true_random=False))
def test_the_winner_does_not_depend_on_the_order_of_the_votes(same, answers, random):
    shuffled = random.sample(answers, len(answers))
    one, other = counted(same, answers).leader, counted(same, shuffled).leader
    assert (one is None) == (other is None)
    assert one is None or (one.votes == other.votes and same(one.answer, other.answer))
