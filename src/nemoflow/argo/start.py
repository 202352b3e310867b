"""start: a run from a template that is there, under a name that follows from what caused it, so that the same cause starts it once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nemoflow.argo.api import Api
from nemoflow.argo.state import RUN_LABEL
from nemoflow.errors import ClusterError

TRIGGER_LABEL = "nemoflow/trigger"
KEPT_LABELS = ("nemoflow/pipeline", "nemoflow/team")
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

    def workflow(self, template: Mapping[str, Any]) -> dict[str, Any]:
        """The Workflow that starts it, with the template's spec in it: by reference the controller would take what it last heard of it."""
        metadata, spec = template["metadata"], template["spec"]
        given = {entry["name"]: entry.get("value", "") for entry in spec["arguments"]["parameters"]}
        given |= {**self.parameters, "run": self.run}
        own = {RUN_LABEL: self.run, TRIGGER_LABEL: self.trigger, "app.kubernetes.io/part-of": "nemoflow"}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": self.run,
                "namespace": metadata["namespace"],
                "labels": {**{key: value for key, value in (metadata.get("labels") or {}).items() if key in KEPT_LABELS}, **own},
                "annotations": {f"nemoflow/{key}": value for key, value in self.causes.items()},
            },
            "spec": {
                **spec,
                "arguments": {"parameters": [{"name": name, "value": value} for name, value in given.items()]},
            },
        }


def start(api: Api, wanted: Start) -> bool:
    """Start a run; False where its cause started it before. The rights to read templates and to create Workflows are enough."""
    template = api.get("workflowtemplates", wanted.template)
    try:
        api.create("workflows", wanted.workflow(template))
    except ClusterError as error:
        if error.status == THERE_ALREADY:
            return False
        raise
    return True
