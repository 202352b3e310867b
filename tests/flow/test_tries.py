import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flow.toy import line, place

from nemoflow.errors import ClaimError, GivenUp, InputError, PeerLost, ProviderError, RankLost, Stopped, StoreError
from nemoflow.flow.execute import execute
from nemoflow.flow.manifest import FailureRecord
from nemoflow.flow.step import Shard
from nemoflow.flow.tries import ASKED_TO_STOP, ATTEMPTS, MORE_MEMORY, Tries

OWN = [ProviderError("busy"), StoreError("away"), ClaimError("held"), RankLost("process 1 ended by SIGKILL")]
OTHERS = [Stopped("asked to stop"), PeerLost("sent away"), InputError("row 3"), None]


def record(passing):
    return FailureRecord(error="e", type="E", exit_code=75, started="2026-01-01T00:00:00Z", seconds=1.0, passing=passing)


@given(st.lists(st.sampled_from(OWN + OTHERS), max_size=30), st.integers(0, 8))
def test_a_node_is_given_up_at_the_passing_failure_after_its_retries_whatever_else_ends_attempts(errors, retries):
    before, own = None, 0
    for attempt, error in enumerate(errors):
        tries = Tries(attempt, retries)
        passing = tries.passing(before, error)
        own += error in OWN
        assert passing == own
        judged = tries.judge(error, passing)
        if error in OWN and own > retries:
            assert isinstance(judged, GivenUp)
            assert judged.exit_code == 69
            assert str(error) in str(judged)
        else:
            assert judged is error
        before = record(passing)


def test_the_first_attempt_forgets_what_an_earlier_workflow_counted():
    assert Tries(0, 3).passing(record(7), OWN[0]) == 1
    assert Tries(1, 3).passing(record(7), OWN[0]) == 8


def test_where_nobody_counts_a_passing_failure_stays_one():
    assert Tries().judge(OWN[0], 10**6) is OWN[0]


def test_the_last_words_are_one_line_and_those_of_the_end_replace_earlier_ones(tmp_path):
    file = tmp_path / "words"
    tries = Tries(after=137, last_words=file)
    tries.begin()
    assert file.read_text() == MORE_MEMORY
    tries.say(ASKED_TO_STOP)
    assert file.read_text() == ASKED_TO_STOP
    tries.say("a\n  b" + "x" * 5000)
    assert file.read_text().startswith("a bxxx")
    assert len(file.read_text()) == 1000


def test_an_attempt_that_follows_no_want_of_memory_leaves_no_word_of_it(tmp_path):
    file = tmp_path / "words"
    Tries(after=75, last_words=file).begin()
    assert not file.exists()


def test_an_attempt_too_many_gives_up_whatever_ended_those_before():
    Tries(ATTEMPTS - 1, 0).begin()
    with pytest.raises(GivenUp, match=f"begun {ATTEMPTS} times") as told:
        Tries(ATTEMPTS, 0).begin()
    assert told.value.exit_code == 69


def test_a_place_that_takes_no_words_costs_nothing_else(tmp_path):
    Tries(last_words=tmp_path / "none" / "words").say("lost")


def test_a_node_keeps_count_of_its_own_failures_from_attempt_to_attempt_and_being_stopped_is_none(tmp_path):
    execute(line(), "count", place(tmp_path))
    seen = []
    for attempt, fail in enumerate(["busy", "stop", "busy", "stop", "busy"]):
        here = place(tmp_path, tries=Tries(attempt, retries=2))
        with pytest.raises((ProviderError, Stopped, GivenUp)) as ended:
            execute(line(fail=fail), "copy", here)
        failure = here.failure("copy", Shard())
        assert failure is not None
        seen.append((ended.value.exit_code, failure.passing, failure.exit_code))
    assert seen == [(75, 1, 75), (75, 1, 75), (75, 2, 75), (75, 2, 75), (69, 3, 69)]
