"""members: the pods of a gang, which are a JobSet's and not Argo's: which they are, what they are at, what ended them.

Argo knows of the one pod that waits for the JobSet. How far the node is, why it waits and how it ended stands with the members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nemoflow.errors import EXIT_BAD_INPUT, EXIT_BUG, EXIT_GIVEN_UP, EXIT_NO_MEMORY, PeerLost, Stopped
from nemoflow.flow.tries import ASKED_TO_STOP

Object = Mapping[str, Any]

GANG_LABEL, OWNER_LABEL = "nemoflow/gang", "nemoflow/workflow"
"""Of a member and its JobSet: the node, and the Workflow."""
INDEX_AT, ATTEMPT_AT = "batch.kubernetes.io/job-completion-index", "jobset.sigs.k8s.io/restart-attempt"
UID_CHARS = 18
"""Of the Workflow, in the name of its JobSets."""
LASTING = [EXIT_BUG, EXIT_BAD_INPUT, EXIT_GIVEN_UP]
"""Exit codes that end a gang; whatever else ends a member has all of them begin anew, from the checkpoint."""
SENT_AWAY = 143
"""Exit code of a step that was asked to stop in its first second, before it could answer with 75."""
NO_REASON = "Error"
"""What Kubernetes gives as the reason where it knows the exit code alone."""
OF_ANOTHER = (ASKED_TO_STOP, f"{Stopped.__name__}:", f"{PeerLost.__name__}:")
"""How the last words of a member begin that ended because another one did."""


@dataclass(frozen=True)
class Member:
    """One pod of a gang."""

    pod: Object

    @property
    def index(self) -> int:
        """Its place; 0 does the node's work."""
        return place_of(self.pod)

    @property
    def attempt(self) -> int:
        """How often all of them began before."""
        return int((self.pod["metadata"].get("labels") or {}).get(ATTEMPT_AT, 0))

    @property
    def phase(self) -> str:
        """Kubernetes' word."""
        return str((self.pod.get("status") or {}).get("phase") or "Pending")

    @property
    def end(self) -> Object:
        """How its container ended; empty where it did not."""
        statuses = (self.pod.get("status") or {}).get("containerStatuses") or ()
        main: Object = next((status for status in statuses if status["name"] == "main"), {})
        ended: Object = (main.get("state") or {}).get("terminated") or {}
        return ended

    @property
    def words(self) -> str:
        """Its last ones."""
        return str(self.end.get("message") or "").strip()


def place_of(pod: Object) -> int:
    """Of a member among the others; 0 for any other pod."""
    return int((pod["metadata"].get("annotations") or {}).get(INDEX_AT, 0))


def is_member(pod: Object) -> bool:
    """Whether it is a gang's."""
    return GANG_LABEL in (pod["metadata"].get("labels") or {})


def gangs(workflow: Object) -> list[str]:
    """Nodes of a Workflow that are JobSets."""
    spec = (workflow.get("status") or {}).get("storedWorkflowTemplateSpec") or workflow.get("spec") or {}
    return [template["name"] for template in spec.get("templates") or () if "resource" in template]


def members(pods: Sequence[Object], node: str) -> list[Member]:
    """A node's pods of the newest start, by their places."""
    found = [Member(pod) for pod in pods if (pod["metadata"].get("labels") or {}).get(GANG_LABEL) == node]
    newest = max((member.attempt for member in found), default=0)
    return sorted((member for member in found if member.attempt == newest), key=lambda member: member.index)


def jobset_of(workflow: Object, node: str) -> str:
    """Name of a node's JobSet."""
    return f"{node}-{workflow['metadata']['uid'][:UID_CHARS]}"


def phase(found: Sequence[Member]) -> Literal["pending", "running"]:
    """Of a gang that is not over: at work once all its members are."""
    return "running" if found and all(member.phase not in ("Pending", "Unknown") for member in found) else "pending"


def culprit(found: Sequence[Member]) -> Member | None:
    """The member that ended the gang, whether for good or once too often: those that were stopped because of it ended otherwise."""
    lasting = [member for code in LASTING for member in found if member.end.get("exitCode") == code]
    failed = [member for member in found if member.end.get("exitCode", 0) not in (0, SENT_AWAY) and not member.words.startswith(OF_ANOTHER)]
    hungry = [member for member in failed if member.end["exitCode"] == EXIT_NO_MEMORY]
    return next(iter([*lasting, *hungry, *failed]), None)


def how_it_ended(found: Sequence[Member]) -> str:
    """In words; empty where no member says so."""
    broken = culprit(found)
    if broken is None:
        return ""
    words = broken.words or str(broken.end.get("reason") or "").removeprefix(NO_REASON)
    return f"pod {broken.index} ended with exit code {broken.end['exitCode']}" + (f": {words}" if words else "")
