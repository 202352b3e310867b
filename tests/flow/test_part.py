import pytest
from tests.flow.toy import line

from nemoflow.errors import ConfigError
from nemoflow.flow.part import up_to


def test_a_part_holds_what_its_node_is_made_from_and_cleans_up_only_after_what_it_holds():
    whole = line()
    assert [node.name for node in up_to(whole, "copy").nodes] == ["count", "copy"]
    assert up_to(whole, "copy").cleanup is None
    assert up_to(whole, "page") == whole


def test_a_part_up_to_nobody_is_refused():
    with pytest.raises(ConfigError, match="no node 'nobody'"):
        up_to(line(), "nobody")
