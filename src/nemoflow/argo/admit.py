"""admit: whether the pods of a pipeline can ever be admitted by the queues that their pools name; nothing is sent."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nemoflow.argo.api import FORBIDDEN, MISSING, Api
from nemoflow.argo.cluster import Cluster, Pool, size
from nemoflow.argo.pod import QUEUE_LABEL, node_selector, resources, tolerations
from nemoflow.argo.queues import Queues, read_queues
from nemoflow.argo.quota import Ask, asked, number
from nemoflow.errors import ClusterRefused, ConfigError
from nemoflow.flow.pipeline import Pipeline

Object = Mapping[str, Any]


def queued_pools(cluster: Cluster, pipeline: Pipeline, workflow: str) -> dict[str, list[str]]:
    """Pools that name a queue, and the nodes that run there."""
    found: dict[str, list[str]] = {}
    for node in pipeline.by_name.values():
        pool = cluster.pool_name(node, workflow)
        if cluster.pools[pool].queue:
            found.setdefault(pool, []).append(node.name)
    return found


def ask(cluster: Cluster, pool: Pool, processes: int = 1) -> Ask:
    """What a node asks for at the most: one pod with the memory of an attempt after one that ran out of it, or all pods of a JobSet."""
    pods = pool.pods(processes)
    amounts = {**resources(cluster, pool, processes // pods)["requests"], "memory": pool.more_memory if pods == 1 else pool.memory}
    wanted = {name: pods * size(amount) for name, amount in amounts.items()}
    return Ask(wanted, node_selector(cluster, pool), tuple(tolerations(cluster, pool)))


def check_quota(
    api: Api, cluster: Cluster, pipeline: Pipeline, workflow: str, deployments: Mapping[str, int] | None = None
) -> tuple[Queues | None, list[str]]:
    """The queues, None where the run has nothing to do with any, and what could not be looked at.

    `deployments` are teachers that the run will wake, by name, with their replicas. Raises ConfigError, naming field, value and what
    would be right, where something can never be admitted.
    """
    pools = queued_pools(cluster, pipeline, workflow)
    unseen: list[str] = []
    teachers = [found for found in _deployments(api, deployments or {}, unseen) if _is_queued(found[2])]
    if not pools and not teachers:
        return None, unseen
    queues = _read(api, cluster, pools, unseen)
    if queues is None:
        return None, unseen
    wrong = [line for name, nodes in pools.items() for line in _pool_troubles(api, queues, cluster, pipeline, name, nodes)]
    wrong += [line for name, replicas, found in teachers for line in _teacher_troubles(queues, name, replicas, found)]
    if wrong:
        raise ConfigError("this run can never be admitted: " + "; ".join(wrong))
    return queues, [*unseen, *queues.unseen]


def _read(api: Api, cluster: Cluster, pools: Mapping[str, Sequence[str]], unseen: list[str]) -> Queues | None:
    try:
        return read_queues(api)
    except ClusterRefused as error:
        if error.status == FORBIDDEN:
            unseen.append(f"queues of namespace {api.namespace}")
            return None
        if error.status:
            raise
        names = ", ".join(f"pools.{name}.queue = {cluster.pools[name].queue!r}" for name in pools) or "the teacher's queue"
        raise ConfigError(f"{names}: {error}; install Kueue, or leave the queue out") from None


def _pool_troubles(api: Api, queues: Queues, cluster: Cluster, pipeline: Pipeline, name: str, nodes: Sequence[str]) -> Iterator[str]:
    pool = cluster.pools[name]
    where = f"pools.{name} (for {', '.join(nodes)})"
    if pool.queue not in queues.local:
        known = ", ".join(sorted(queues.local)) or "none"
        yield f"{where}: queue = {pool.queue!r}: namespace {queues.namespace} has no such LocalQueue; there are: {known}"
        return
    if pool.priority and (others := _other_priorities(api, pool.priority)) is not None:
        yield f"{where}: priority = {pool.priority!r}: there is no such WorkloadPriorityClass; there are: {others}"
    team = queues.local[pool.queue]
    if team in queues.quotas.teams:
        for processes in sorted({node.step.processes(node.config) for node in map(pipeline.node, nodes)}):
            for trouble in queues.quotas.obstacles(team, ask(cluster, pool, processes)):
                yield f"{where}: {_field(cluster, pool, processes, trouble)}{trouble}"


def _field(cluster: Cluster, pool: Pool, processes: int, trouble: str) -> str:
    """Which field of the pool asks for a resource."""
    resource = trouble.partition(":")[0]
    if pool.pods(processes) > 1:
        return f"{pool.pods(processes)} pods for {processes} processes: "
    if pool.gpus and resource == cluster.gpu_classes[pool.gpu_class].resource:
        return f"gpus = {pool.gpus} of class {pool.gpu_class!r}: "
    return {"cpu": f"cpu = {pool.cpu!r}: ", "memory": f"memory_after_oom = {pool.more_memory!r}: "}.get(resource, "")


def _other_priorities(api: Api, wanted: str) -> str | None:
    """Names of the priorities that there are; None where the wanted one is among them, or one may not look."""
    try:
        known = [each["metadata"]["name"] for each in api.get("workloadpriorityclasses")["items"]]
    except ClusterRefused as error:
        if error.status != FORBIDDEN:
            raise
        return None
    return None if wanted in known else ", ".join(known) or "none"


def read_teachers(api: Api, deployments: Mapping[str, int]) -> tuple[dict[str, tuple[int, Ask]], list[str]]:
    """Replicas and what a pod asks for, by the name of the Deployment; and those that are not there or not to be seen."""
    unseen: list[str] = []
    found = {name: (replicas, asked(each["spec"]["template"]["spec"])) for name, replicas, each in _deployments(api, deployments, unseen)}
    return found, unseen


def _deployments(api: Api, deployments: Mapping[str, int], unseen: list[str]) -> Iterator[tuple[str, int, Object]]:
    for name, replicas in deployments.items():
        try:
            yield name, replicas, api.get("deployments", name)
        except ClusterRefused as error:
            if error.status not in (FORBIDDEN, MISSING):
                raise
            unseen.append(f"deployments/{name}")


def _is_queued(deployment: Object) -> bool:
    return bool((deployment["metadata"].get("labels") or {}).get(QUEUE_LABEL))


def _teacher_troubles(queues: Queues, name: str, replicas: int, found: Object) -> Iterator[str]:
    queue = found["metadata"]["labels"][QUEUE_LABEL]
    where = f"Deployment {name}"
    if queue not in queues.local:
        known = ", ".join(sorted(queues.local)) or "none"
        yield f"{where}: teacher.queue = {queue!r}: namespace {queues.namespace} has no such LocalQueue; there are: {known}"
        return
    team, each = queues.local[queue], asked(found["spec"]["template"]["spec"])
    if team not in queues.quotas.teams:
        return
    if troubles := queues.quotas.obstacles(team, each):
        yield from (f"{where}: one copy: {trouble}" for trouble in troubles)
        return
    for resource, amount in each.gpus.items():
        most = sum(queues.quotas.most(team, cell) for cell in queues.quotas.teams[team].cells if cell[1] == resource)
        if replicas * amount > most:
            yield (
                f"{where}: replicas = {replicas} of {number(amount)} {resource} each are more than the {number(most)} that {team} "
                f"could ever have; at most {int(most // amount)} replicas are right"
            )
