"""A sleeping teacher as a run sees it: take a lease, have it woken, say what it waits for, give the lease back.

In a Workflow the lease names the Workflow: it dies with it, whatever happens to this process. Elsewhere nobody but this machine knows
whether the run is alive: a small process under a guard (keeper.py) renews the lease while the holder runs, and without it the lease
expires after LEASE_S.
"""

import getpass
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import xxhash

from nemoflow.errors import ConfigError, NemoflowError, ProviderError, ProviderRefused
from nemoflow.inference.deployment import Deployment, SleepingDeployment, connect
from nemoflow.inference.leases import Lease, WorkflowName, settle
from nemoflow.inference.process import Charge, GuardedProcess, end, start_or_adopt

HOLDER = "NEMOFLOW_HOLDER"
"""Environment variable of the pods that wake and release: NAMESPACE/WORKFLOW/UID/NODE."""
LEASE_S = 120.0
"""What a lease that no Workflow vouches for lives without being renewed; `keeper.RENEW_S` is a quarter of it."""


@dataclass(frozen=True)
class Held:
    """A lease that was taken, and the teacher that it is on."""

    deployment: Deployment
    record: SleepingDeployment
    before: int
    """Replicas that there were."""
    keeper: GuardedProcess | None = None

    def why_not_ready(self) -> str:
        """What the teacher waits for. Puts right what somebody else may have done to it; an API server that is away is a reason too."""
        try:
            settle(self.deployment)
            return self.deployment.why_not_ready()
        except ProviderRefused:
            raise
        except ProviderError as error:
            return str(error)


def hold(
    name: str, namespace: str, replicas: int, folder: Path, holder_pid: int | None, lifetime_s: float, note: Callable[[str], None]
) -> Held:
    """Take a lease on a Deployment and bring it to its size; the caller waits until it answers.

    Raises ConfigError where there is no such Deployment, ProviderRefused where this process may not, ProviderError else.
    """
    deployment = connect(name, namespace)
    lease, is_kept = _lease(deployment, replicas, folder)
    before = deployment.scale().replicas
    record = SleepingDeployment(name=name, namespace=deployment.namespace, lease=lease.name, replicas=replicas)
    keeper = None
    if is_kept:
        keeper = _keep(lease, record, Charge(f"the keeper of lease {lease.name}", (), folder, holder_pid, lifetime_s), note)
    held = Held(deployment, record, before, keeper)
    with given_back_on_error(held):
        deployment.hold(lease)
        settled = settle(deployment)
    others = sum(seen.is_live for seen in settled.seen) - 1
    shared = f", shared with {others} other{'s' if others > 1 else ''}" if others > 0 else ""
    woken = f"{before} -> {settled.replicas} replicas" if settled.replicas != before else f"awake already with {before} replicas"
    note(f"{deployment.namespace}/{name}: {woken}{shared}; held by lease {lease.name}")
    return held


def give_back(record: SleepingDeployment) -> bool:
    """Give this run's lease back, and put the teacher to sleep where no live one is left; False where there was nothing to do."""
    deployment = connect(record.name, record.namespace)
    dropped = bool(record.lease) and deployment.drop(record.lease)
    settled = settle(deployment)
    return dropped or settled.before != settled.replicas


@contextmanager
def given_back_on_error(held: Held) -> Iterator[None]:
    """Give the lease back where what follows fails. Where even that fails, the error says who will."""
    try:
        yield
    except BaseException as error:
        try:
            if held.keeper is not None:
                end(held.keeper)
            give_back(held.record)
        except NemoflowError as second:
            error.add_note(f"its lease {held.record.lease} could not be given back ({second}); the janitor does when its holder is gone")
        raise


def workflow_here(environment: Mapping[str, str], namespace: str) -> tuple[WorkflowName, str] | None:
    """The Workflow that this pod is of, and its node; None outside of one.

    Raises ConfigError where the Workflow is in another namespace than the teacher: nobody there could say whether it runs.
    """
    value = environment.get(HOLDER, "")
    if not value:
        if "ARGO_NODE_ID" in environment:
            raise ConfigError(f"this pod of Argo has no {HOLDER}: its template is of an older nemoflow; `nemoflow submit` sends a new one")
        return None
    own, workflow, uid, node = [*value.split("/"), "", "", ""][:4]
    if not (own and workflow and uid and node):
        raise ConfigError(f"{HOLDER}={value!r}: NAMESPACE/WORKFLOW/UID/NODE is right")
    if own != namespace:
        raise ConfigError(
            f"namespace {namespace!r}: the teacher's; this workflow runs in {own!r}, where leases on it mean nothing. "
            'Name a teacher of this namespace, or use kind "url" and have somebody keep the other one awake'
        )
    return WorkflowName(name=workflow, uid=uid), node


def _lease(deployment: Deployment, replicas: int, folder: Path) -> tuple[Lease, bool]:
    """This run's lease, the same at every attempt, and whether it has to be kept alive from here."""
    found = workflow_here(os.environ, deployment.namespace)
    if found is not None:
        workflow, node = found
        return Lease(f"{deployment.name}-{node}-{workflow.uid}", f"workflow {workflow.name}, {node}", replicas, workflow), False
    who, host = _user(), socket.gethostname().lower()
    token = xxhash.xxh3_64_hexdigest(f"{who}@{host}:{folder}".encode())
    _, now = deployment.leases()
    return Lease(f"{deployment.name}-{token}", f"{who}@{host}", replicas, duration_s=LEASE_S, renewed=now), True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return str(os.getuid())


def _keep(lease: Lease, record: SleepingDeployment, charge: Charge, note: Callable[[str], None]) -> GuardedProcess:
    """Start what renews a lease, under a guard that ends it with its holder."""
    words = (record.name, record.namespace, lease.name, lease.holder, str(lease.replicas))
    return start_or_adopt(replace(charge, command=(sys.executable, "-P", "-m", "nemoflow.inference.keeper", *words)), note).process
