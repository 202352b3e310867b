"""Pipelines around a real teacher, which a test's pods import from a mounted ConfigMap: one asks it, one only needs it for a while."""

import time

from nemoflow.artifacts import Endpoint, Report
from nemoflow.config import Config
from nemoflow.errors import Stopped
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step
from nemoflow.flow.workflow import Workflow
from nemoflow.steps import HARVEST, MAKE_PROBLEMS, RELEASE_TEACHER, WAKE_TEACHER


class NeedConfig(Config):
    salt: str = ""
    """Makes a run's result its own."""
    seconds: float = 600
    """How long the teacher is needed."""


def run_need(config: NeedConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Need the teacher until the time is over, or the run is stopped."""
    until = time.monotonic() + config.seconds
    while time.monotonic() < until:
        if context.stopping():
            raise Stopped("asked to stop")
        time.sleep(0.1)
    outputs["page"].write_json("page.json", inputs["endpoint"].json("endpoint.json"))
    return Outcome()


NEED = Step("need", 1, NeedConfig, run_need, inputs={"endpoint": Endpoint}, outputs={"page": Report})
ENDPOINT = {"endpoint": From("wake-teacher", "endpoint")}


def release(workflow: Workflow) -> Node:
    """What gives the teacher back."""
    return workflow.node("release-teacher", RELEASE_TEACHER, ENDPOINT)


def needing(workflow: Workflow) -> Pipeline:
    """wake-teacher -> need."""
    nodes = (workflow.node("wake-teacher", WAKE_TEACHER), workflow.node("need", NEED, ENDPOINT))
    return Pipeline("needing", nodes, cleanup=release(workflow))


def asking(workflow: Workflow) -> Pipeline:
    """make-problems, wake-teacher -> harvest."""
    nodes = (
        workflow.node("make-problems", MAKE_PROBLEMS),
        workflow.node("wake-teacher", WAKE_TEACHER),
        workflow.node("harvest", HARVEST, {"problems": From("make-problems", "train"), **ENDPOINT}),
    )
    return Pipeline("asking", nodes, cleanup=release(workflow))
