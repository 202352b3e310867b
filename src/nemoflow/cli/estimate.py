"""What a run on a cluster will take: hours of pods and GPUs, money, tokens. Everything here is an estimate, and says from what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nemoflow.argo.cluster import Cluster, GpuClass
from nemoflow.argo.outlook import spell
from nemoflow.argo.quota import Ask
from nemoflow.flow.past import Done, typical
from nemoflow.flow.pipeline import From, Node
from nemoflow.flow.plan import NodePlan, Plan
from nemoflow.harvest.config import AskConfig
from nemoflow.steps.wake_teacher import WakeTeacherConfig


@dataclass(frozen=True)
class NodeCost:
    """What one node that would run will take; or a teacher, for as long as nodes need it."""

    node: str
    pool: str
    pods: int
    gpus: int
    gpu_class: str
    seconds: float
    """Of one pod."""
    is_bound: bool
    """The seconds are the most that may be, not what is expected."""
    basis: str
    price_per_hour: float
    """Of one pod with its GPUs."""

    @property
    def gpu_hours(self) -> float:
        """Of all its pods."""
        return self.pods * self.gpus * self.seconds / 3600

    @property
    def money(self) -> float:
        """In the cluster file's money."""
        return self.pods * self.price_per_hour * self.seconds / 3600


@dataclass(frozen=True)
class Tokens:
    """What a node that asks a teacher will make it write."""

    node: str
    requests: float
    per_request: float
    basis: str


def costs(plan: Plan, cluster: Cluster, workflow: str, past: Mapping[str, tuple[Done, ...]]) -> list[NodeCost]:
    """One entry for each node that would run."""
    return [_cost(step.node, cluster, workflow, past.get(step.node.name, ())) for step in plan.to_run]


def _cost(node: Node, cluster: Cluster, workflow: str, done: tuple[Done, ...]) -> NodeCost:
    name = cluster.pool_name(node, workflow)
    pool = cluster.pools[name]
    seconds = typical(done)
    return NodeCost(
        node=node.name,
        pool=name,
        pods=node.shards,
        gpus=pool.gpus,
        gpu_class=pool.gpu_class,
        seconds=float(pool.deadline_s) if seconds is None else seconds,
        is_bound=seconds is None,
        basis=f"{len(done)} earlier" if done else f"never done; at most its deadline, pools.{name}.deadline_s",
        price_per_hour=pool.price_per_hour + pool.gpus * cluster.gpu_classes.get(pool.gpu_class, GpuClass()).price_per_hour,
    )


def teacher_costs(plan: Plan, cluster: Cluster, found: list[NodeCost], copies: Mapping[str, tuple[int, Ask]]) -> Iterator[NodeCost]:
    """One entry for each Deployment that the run wakes: it is up while the nodes are at work that wake and ask it.

    `copies` has the replicas and what a pod asks for, by the name of the Deployment. Nodes that ask it at the same time are counted one
    after the other, so the seconds are rather too many than too few.
    """
    by_node = {cost.node: cost for cost in found}
    for step in plan.to_run:
        config = step.node.config
        if not isinstance(config, WakeTeacherConfig) or config.deployment not in copies:
            continue
        askers = [node.node.name for node in plan.to_run if _asks(node.node, step.node.name)]
        spans = [by_node[name] for name in (step.node.name, *askers)]
        replicas, ask = copies[config.deployment]
        name = _class_of(cluster, ask)
        gpus = round(sum(ask.gpus.values()))
        yield NodeCost(
            node=f"teacher {config.deployment}",
            pool=config.deployment,
            pods=replicas,
            gpus=gpus,
            gpu_class=name,
            seconds=sum(cost.seconds for cost in spans),
            is_bound=any(cost.is_bound for cost in spans),
            basis=f"awake for {', '.join(cost.node for cost in spans)}" + ("" if name or not gpus else "; of no class in gpu_classes"),
            price_per_hour=gpus * cluster.gpu_classes.get(name, GpuClass()).price_per_hour,
        )


def _asks(node: Node, waker: str) -> bool:
    """Whether a node works with the teacher that `waker` woke; to release it is no work."""
    needs = any(isinstance(source, From) and source.node == waker for source in node.inputs.values())
    return needs and isinstance(node.config, AskConfig)


def _class_of(cluster: Cluster, ask: Ask) -> str:
    """The class whose nodes the pod asks for, that with the most labels of them; empty: none."""
    fits = [
        (len(each.node_selector), name)
        for name, each in cluster.gpu_classes.items()
        if each.resource in ask.gpus and each.node_selector.items() <= ask.node_selector.items()
    ]
    return max(fits, default=(0, ""))[1]


def tokens(plan: Plan, past: Mapping[str, tuple[Done, ...]]) -> Iterator[Tokens]:
    """For each node that would ask a teacher, where it is known how often."""
    for step in plan.to_run:
        if isinstance(step.node.config, AskConfig):
            requests, basis = _requests(plan, step, past.get(step.node.name, ()))
            if requests is not None:
                each, of_each = _per_request(step.node.config, past.get(step.node.name, ()))
                yield Tokens(step.node.name, requests, each, f"{basis}; {of_each}")


def _requests(plan: Plan, step: NodePlan, done: tuple[Done, ...]) -> tuple[float | None, str]:
    """From the problems that are there already, else from what it asked before."""
    samples = getattr(step.node.config, "samples", None)
    source = step.node.inputs.get("problems")
    upstream = plan[source.node].found if isinstance(source, From) else None
    if samples is not None and isinstance(source, From) and upstream is not None:
        rows = upstream.outputs[source.output].rows
        wanted = sum(getattr(step.node.config, "categories", {}).values())
        problems = min(rows, wanted) if wanted else rows
        return problems * samples, f"{problems} problems, {samples} samples of each"
    asked = [each.manifest.metrics["traces"] for each in done if "traces" in each.manifest.metrics]
    return (float(asked[-1]), "as many requests as the last time") if asked else (None, "")


def _per_request(config: AskConfig, done: tuple[Done, ...]) -> tuple[float, str]:
    traces = sum(each.manifest.metrics.get("traces", 0) for each in done)
    written = sum(each.manifest.metrics.get("completion_tokens", 0) for each in done)
    if traces:
        return written / traces, f"{written / traces:.0f} tokens of an answer on average before"
    return float(config.max_tokens), f"at most max_tokens = {config.max_tokens} of an answer"


def lines(found: list[NodeCost], asked: list[Tokens], cluster: Cluster) -> Iterator[str]:
    """For people."""
    yield "estimates"
    for cost in found:
        pods = f"{cost.pods} pods of " if cost.pods > 1 else ""
        gpus = f", {cost.gpus} {cost.gpu_class} each: {cost.gpu_hours:.2f} GPU hours" if cost.gpus else ""
        most = "at most " if cost.is_bound else ""
        yield f"  {cost.node:<20} {most}{pods}{spell(cost.seconds)} on {cost.pool}{gpus} ({cost.basis})"
    for each in asked:
        yield f"  {each.node:<20} {each.requests:.0f} requests, {each.requests * each.per_request:.0f} tokens of answers ({each.basis})"
    yield from (f"  {line}" for line in _totals(found, cluster))


def _totals(found: list[NodeCost], cluster: Cluster) -> Iterator[str]:
    hours: dict[str, tuple[float, float]] = {}
    for cost in found:
        known, bound = hours.get(cost.gpu_class, (0.0, 0.0))
        hours[cost.gpu_class] = (known, bound + cost.gpu_hours) if cost.is_bound else (known + cost.gpu_hours, bound)
    for name, (known, bound) in hours.items():
        if name:
            price = cluster.gpu_classes[name].price_per_hour
            more = f", and at most {bound:.2f} of what was never done" if bound else ""
            yield f"class {name}: {known:.2f} GPU hours{more}" + (f", at {price:g} each" if price else ", no price_per_hour set")
    known, bound = (sum(cost.money for cost in found if cost.is_bound is is_bound) for is_bound in (False, True))
    if known or bound:
        more = f", and at most {bound:.2f} of what was never done" if bound else ""
        yield f"cost: {known:.2f}{more}"
