"""start: a run from a template that is there, under a name that follows from what caused it, so that the same cause starts it once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nemoflow.argo.api import Api
from nemoflow.argo.state import RUN_LABEL
from nemoflow.errors import ClusterError

TRIGGER_LABEL = "nemoflow/trigger"
THERE_ALREADY = 409


@dataclass(frozen=True)
class Start:
    """A run that something caused: a push, new data."""

    trigger: str
    """Which rule wants it."""
    run: str
    """Name of run and Workflow: the same for the same cause."""
    template: str
    """Name of a WorkflowTemplate."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """`root` and `set`, where they are not the template's own."""
    causes: Mapping[str, str] = field(default_factory=dict)
    """What caused it, for people: annotations `nemoflow/KEY`."""

    def workflow(self, namespace: str) -> dict[str, Any]:
        """The Workflow that starts it."""
        given = {**self.parameters, "run": self.run}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": self.run,
                "namespace": namespace,
                "labels": {RUN_LABEL: self.run, TRIGGER_LABEL: self.trigger, "app.kubernetes.io/part-of": "nemoflow"},
                "annotations": {f"nemoflow/{key}": value for key, value in self.causes.items()},
            },
            "spec": {
                "workflowTemplateRef": {"name": self.template},
                "arguments": {"parameters": [{"name": name, "value": value} for name, value in given.items()]},
            },
        }


def start(api: Api, wanted: Start) -> bool:
    """Start a run; False where its cause started it before. Nothing but the right to create Workflows is needed."""
    try:
        api.create("workflows", wanted.workflow(api.namespace))
    except ClusterError as error:
        if error.status == THERE_ALREADY:
            return False
        raise
    return True
