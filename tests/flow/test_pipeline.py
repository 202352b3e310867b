import pytest
from tests.flow.toy import COPY, COUNT, PAGE, CountConfig, line, run_copy

from nemoflow.artifacts import Traces
from nemoflow.config import Config
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.step import Step


def test_a_wrong_input_name_names_the_ones_there_are():
    with pytest.raises(ConfigError, match=r"node x: step copy has no input 'rows'; its inputs: problems"):
        Node("x", COPY, CountConfig(), {"rows": From("count", "problems")})


def test_a_required_input_must_be_wired_and_an_optional_one_need_not():
    with pytest.raises(ConfigError, match="input 'problems' of step copy is not wired; it takes Problems"):
        Node("x", COPY, CountConfig())
    Node("x", PAGE, CountConfig(), {"problems": From("count", "problems")})


def test_only_a_sharded_step_takes_shards():
    with pytest.raises(ConfigError, match="shards = 2"):
        Node("x", COUNT, CountConfig(), shards=2)
    with pytest.raises(ConfigError, match="shards = 0"):
        Node("x", COPY, CountConfig(), {"problems": "file"}, shards=0)


def test_a_config_of_another_step_is_refused():
    with pytest.raises(ConfigError, match="config is Config, step count takes CountConfig"):
        Node("x", COUNT, Config())


def _node(name: str, source: From) -> Node:
    return Node(name, COPY, CountConfig(), {"problems": source})


def test_an_edge_comes_from_an_earlier_node_and_both_names_are_told():
    with pytest.raises(ConfigError, match="node 'b' comes from 'a', which is no earlier node"):
        Pipeline("p", (_node("b", From("a", "problems")),))


def test_an_edge_names_an_output_that_exists():
    with pytest.raises(ConfigError, match=r"comes from count.rows, but node 'count' has the outputs problems"):
        Pipeline("p", (Node("count", COUNT, CountConfig()), _node("b", From("count", "rows"))))


def test_kinds_of_both_ends_agree():
    takes_traces = Step("t", 1, CountConfig, run_copy, inputs={"traces": Traces})
    with pytest.raises(ConfigError, match=r"input 'traces' of node 't' takes Traces, but count.problems is Problems"):
        Pipeline("p", (Node("count", COUNT, CountConfig()), Node("t", takes_traces, CountConfig(), {"traces": From("count", "problems")})))


def test_names_are_unique():
    with pytest.raises(ConfigError, match="two nodes are named 'count'"):
        Pipeline("p", (Node("count", COUNT, CountConfig()), Node("count", COUNT, CountConfig())))


def test_a_node_is_found_by_name_and_a_wrong_name_lists_the_others():
    pipeline = line()
    assert pipeline.node("close") is pipeline.cleanup
    assert [node.name for node in pipeline.consumers("open")] == ["page"]
    with pytest.raises(ConfigError, match="its nodes: count, copy, open, page, close"):
        pipeline.node("nope")
