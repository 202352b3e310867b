"""submit: look whether a run can start, then send template and Workflow; stop a run; find the runs of a namespace."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nemoflow.argo.api import FORBIDDEN, JOBSET, MISSING, Api
from nemoflow.argo.cluster import Cluster
from nemoflow.argo.gang import from_text
from nemoflow.argo.members import OWNER_LABEL, gangs
from nemoflow.argo.state import OVER, RUN_LABEL
from nemoflow.errors import ClusterError, ClusterRefused, ConfigError, InputError

Object = dict[str, Any]

TAG = re.compile(r"(?P<version>\d+\.\d+\.\d+(?:\.?[a-z]+\d*)?)(?:-(?P<commit>[0-9a-f]{12})(?P<dirty>-[A-Za-z0-9]+)?)?")


@dataclass(frozen=True)
class Request:
    """A run that is wanted."""

    template: Object
    """The WorkflowTemplate, as `lower(...).to_dict()` has it."""
    run: str
    root: str
    sets: str = "{}"

    @property
    def workflow(self) -> Object:
        """The Workflow that starts it, with the template's spec in it.

        Named by reference, a template that was applied a moment before is not yet known to the controller, or known as it was: it
        reads from a cache of its own.
        """
        metadata = self.template["metadata"]
        given = {entry["name"]: entry["value"] for entry in self.template["spec"]["arguments"]["parameters"]}
        parameters = {**given, "run": self.run, "root": self.root, "set": self.sets}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "generateName": f"{workflow_name(self.run)}-",
                "namespace": metadata["namespace"],
                "labels": {**metadata["labels"], RUN_LABEL: self.run},
            },
            "spec": {
                **self.template["spec"],
                "arguments": {"parameters": [{"name": name, "value": value} for name, value in parameters.items()]},
            },
        }


def workflow_name(run: str) -> str:
    """A run's name as the start of a Kubernetes object's: at most 40 characters, no underscores."""
    return run.replace("_", "-").replace(".", "-")[:40].strip("-") or "run"


def check_code(tag: str, code: str) -> None:
    """The images must hold the code that made the request: the same version and, where the tag names a commit, the same commit.

    `code` is the submitter's own, as manifests write it: `0.1.0`, `0.1.0-97dc48a5e667` or, where the tree was changed, that with `+`.
    What no tag can say (an image that was made from other code) each pod finds out from the steps' versions in its workflow file.
    """
    found = TAG.fullmatch(tag)
    version, _, commit = code.partition("-")
    if found is None:
        raise ConfigError(f"tag {tag!r}: images are tagged by the version of nemoflow: {version} or {version}-COMMIT is right")
    if found["version"] != version:
        raise ConfigError(
            f"tag {tag!r}: this is nemoflow {version}; make images of it (make images), or install nemoflow {found['version']}"
        )
    mine = commit.rstrip("+")
    if found["commit"] and mine and found["commit"] != mine:
        raise ConfigError(f"tag {tag!r}: this is commit {mine}; make images of it (make images), or check out {found['commit']}")


def check_cluster(api: Api, cluster: Cluster, request: Request) -> list[str]:
    """Look for all that the run needs there, sending nothing; returns what could not be looked at.

    Raises ClusterRefused for what is missing or not allowed, ClusterError where the API is away or the run is at work already.
    """
    if not api.serves("workflowtemplates"):
        raise ClusterRefused(f"{api.host}: Argo Workflows is not installed there (no argoproj.io/v1alpha1 workflowtemplates)")
    accounts = {cluster.service_accounts.step, *cluster.service_accounts.steps.values()}
    if together := gangs(request.template):
        accounts.add(cluster.service_accounts.gang)
        if not api.serves("jobsets"):
            raise ClusterRefused(
                f"{api.host}: {', '.join(together)} needs several pods and JobSet is not installed there "
                f"(no {JOBSET.removeprefix('/apis/')} jobsets); install it, or ask for no more processes than a pod has GPUs"
            )
    wanted = [("serviceaccounts", name) for name in sorted(accounts)] + [("configmaps", cluster.s3.config)]
    wanted += [("secrets", name) for name in sorted({cluster.s3.secret, *_secrets(request.template)})]
    unseen = [f"{kind}/{name}" for kind, name in wanted if not _is_there(api, kind, name)]
    for workflow in api.items("workflows", {RUN_LABEL: request.run}):
        if (workflow.get("status") or {}).get("phase") not in OVER:
            raise ClusterError(
                f"run {request.run!r} is at work as workflow {workflow['metadata']['name']}: `nemoflow follow {request.run}` shows it, "
                f"`nemoflow stop {request.run}` ends it; or name another with --run"
            )
    api.apply("workflowtemplates", request.template, dry=True)
    api.create("workflows", request.workflow, dry=True)
    return unseen


def _secrets(template: Any) -> Iterator[str]:
    """Secrets that the containers of a template take variables from."""
    for made in template["spec"].get("templates") or ():
        pod = {"containers": [made.get("container") or {}]}
        if "resource" in made:
            pod = from_text(made["resource"]["manifest"])["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
        yield from (one["secretRef"]["name"] for one in pod["containers"][0].get("envFrom") or () if "secretRef" in one)


def _is_there(api: Api, kind: str, name: str) -> bool:
    """False where one may not look."""
    try:
        api.get(kind, name)
    except ClusterRefused as error:
        if error.status == FORBIDDEN:
            return False
        if error.status == MISSING:
            raise ClusterRefused(
                f"namespace {api.namespace}: no {kind[:-1]} {name!r}; install the chart there, or correct the cluster file"
            ) from None
        raise
    return True


def send(api: Api, request: Request) -> Object:
    """Apply the template and start the Workflow; returns it."""
    api.apply("workflowtemplates", request.template)
    return api.create("workflows", request.workflow)


def find_run(api: Api, run: str) -> Object:
    """The newest Workflow of a run."""
    found = api.items("workflows", {RUN_LABEL: run})
    if not found:
        known = sorted({name for workflow in api.get("workflows")["items"] if (name := run_of(workflow))})
        raise InputError(f"run {run!r}: no workflow in namespace {api.namespace}; runs there: {', '.join(known) or 'none'}")
    return max(found, key=lambda workflow: str(workflow["metadata"]["creationTimestamp"]))


def run_of(workflow: Object) -> str:
    """The run that a Workflow is of, empty where it is none of ours."""
    return str((workflow["metadata"].get("labels") or {}).get(RUN_LABEL, ""))


def stop(api: Api, run: str) -> Object | None:
    """End a run's Workflow: its pods are asked to save and stop, its cleanup runs; None where it is over already.

    Argo ends its own pods. One that waits for a JobSet is among them, and the JobSet is not: it is deleted here, whose pods then save, too.
    """
    workflow = find_run(api, run)
    if (workflow.get("status") or {}).get("phase") in OVER:
        return None
    name = workflow["metadata"]["name"]
    stopped = api.patch("workflows", name, {"spec": {"shutdown": "Stop"}})
    if gangs(workflow):
        api.delete_all("jobsets", {OWNER_LABEL: name})
    return stopped
