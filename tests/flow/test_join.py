import threading
from dataclasses import replace

import pytest
from tests.flow.toy import CountConfig, line, place, run_count

from nemoflow.artifacts import Problems
from nemoflow.errors import ConfigError, InputError, RankLost, Stopped
from nemoflow.flow.execute import execute
from nemoflow.flow.join import join
from nemoflow.flow.pipeline import Node, Pipeline
from nemoflow.flow.step import Step
from nemoflow.gang import Gang

SECOND = Gang(1, 2, "127.0.0.1", 29_500)


def shared(take_part, **config):
    """A pipeline of one node that pods do together."""
    made = Step("count", 1, CountConfig, run_count, outputs={"problems": Problems}, processes=lambda config: 2, join=take_part)
    return Pipeline("shared", (Node("count", made, CountConfig(**config)),))


def second(root, **fields):
    return replace(place(root), gang=SECOND, **fields)


def test_another_pod_takes_part_and_returns_what_the_first_has_written(tmp_path):
    seen = []

    def take_part(config, inputs, context):
        seen.append((config.count, context.gang.index, context.finished()))
        execute(shared(take_part), "count", place(tmp_path))
        seen.append(context.finished())

    manifest = join(shared(take_part), "count", second(tmp_path))
    assert seen == [(3, 1, False), True]
    assert manifest == place(tmp_path).manifest("count")


def test_work_that_is_done_is_not_joined(tmp_path):
    def refuse(config, inputs, context):
        raise AssertionError("joined")

    done = execute(shared(refuse), "count", place(tmp_path))
    assert join(shared(refuse), "count", second(tmp_path)) == done


def test_work_of_another_config_is_not_taken_for_this_one(tmp_path):
    joined = []
    pipeline = shared(lambda config, inputs, context: joined.append(context.finished()), count=4)
    execute(shared(None), "count", place(tmp_path))
    with pytest.raises(RankLost, match=r"count: the first pod of 2 has written no result 0 s after"):
        join(pipeline, "count", second(tmp_path), publish_s=0)
    assert joined == [False]


def test_a_pod_that_waits_for_the_result_hears_a_stop(tmp_path):
    asked = threading.Event()
    asked.set()
    with pytest.raises(Stopped, match="before the first pod of 2 had written"):
        join(shared(lambda config, inputs, context: None), "count", second(tmp_path, stopping=asked.is_set))


def test_a_step_that_one_pod_does_alone_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'count' is done by one pod, and this is pod 1 of 2"):
        join(line(), "count", second(tmp_path))


def test_what_the_step_raises_comes_through_and_nothing_is_written(tmp_path):
    def refuse(config, inputs, context):
        raise InputError("row 7")

    with pytest.raises(InputError, match="row 7"):
        join(shared(refuse), "count", second(tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
