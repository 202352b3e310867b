"""A pipeline that a test's pods import from a mounted ConfigMap: a real training beside a real harvest, both from inputs in the bucket."""

from nemoflow.flow.pipeline import From, Pipeline
from nemoflow.flow.workflow import Workflow
from nemoflow.steps import HARVEST, TRAIN, WAKE_TEACHER


def both(workflow: Workflow) -> Pipeline:
    """train; wake-teacher -> harvest."""
    learning = {"corpus": workflow.uri("corpus", "rows to learn"), "model": workflow.uri("model", "the base")}
    asking = {"problems": workflow.uri("problems", "what to ask"), "endpoint": From("wake-teacher", "endpoint")}
    nodes = (
        workflow.node("train", TRAIN, learning),
        workflow.node("wake-teacher", WAKE_TEACHER),
        workflow.node("harvest", HARVEST, asking),
    )
    return Pipeline("both", nodes)
