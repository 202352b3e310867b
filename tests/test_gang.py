import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemoflow.errors import ConfigError
from nemoflow.gang import Gang


@given(st.integers(2, 4096).flatmap(lambda count: st.tuples(st.integers(0, count - 1), st.just(count))), st.integers(1, 2**16 - 1))
def test_what_the_environment_tells_is_read_back(place, port):
    index, count = place
    gang = Gang.of({"NEMOFLOW_GANG": f"{index}/{count}", "NEMOFLOW_GANG_AT": f"train-node-0-0.train:{port}"})
    assert gang == Gang(index, count, "train-node-0-0.train", port)
    assert gang.is_first == (index == 0)


@pytest.mark.parametrize("environment", [{}, {"NEMOFLOW_GANG": ""}, {"NEMOFLOW_GANG": "0/1"}])
def test_without_others_a_pod_is_a_gang_of_one(environment):
    assert Gang.of(environment) == Gang()


@pytest.mark.parametrize("place", ["2", "2/2", "-1/2", "a/b", "1/0", "1/"])
def test_a_place_that_no_pod_has_is_named(place):
    with pytest.raises(ConfigError, match=f"NEMOFLOW_GANG '{place}'.*0/2"):
        Gang.of({"NEMOFLOW_GANG": place})


@pytest.mark.parametrize("at", ["", "host", "host:", ":29500", "host:0", "host:70000", "host:x"])
def test_a_meeting_place_that_is_no_address_is_named(at):
    with pytest.raises(ConfigError, match=f"NEMOFLOW_GANG_AT '{at}': HOST:PORT of the first of 2 pods"):
        Gang.of({"NEMOFLOW_GANG": "1/2", "NEMOFLOW_GANG_AT": at})
