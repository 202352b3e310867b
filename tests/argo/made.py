"""Pipelines at random, and a small cluster, for the tests of the lowering."""

from hypothesis import strategies as st
from tests.flow.toy import CountConfig

from nemoflow.argo.cluster import Cluster, make_cluster
from nemoflow.artifacts import Problems
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.step import Context, Inputs, Outcome, Outputs, Step

POOLS = ("cpu", "teacher", "train", "eval")
VALUES = {
    "registry": "registry.example:5000/team",
    "tag": "0.1.0",
    "root": "s3://bucket/results",
    "service_accounts": {"steps": {"waking": "nemoflow-teacher"}},
    "gpu_classes": {"large": {"node_selector": {"gpu": "large"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]}},
    "pools": {
        "cpu": {},
        "teacher": {"cpu": "500m", "memory": "1Gi"},
        "train": {
            "gpus": 2,
            "gpu_class": "large",
            "memory": "16Gi",
            "memory_after_oom": "24Gi",
            "grace_s": 300,
            "node_selector": {"a": "b"},
            "queue": "gpu",
            "priority": "training",
        },
        "eval": {"deadline_s": 100, "retries": 0, "tolerations": [{"key": "spot", "value": "yes", "effect": "NoSchedule"}]},
    },
}


def cluster(**changes: object) -> Cluster:
    return make_cluster({**VALUES, **changes}, "cluster.toml")


def nothing(config: CountConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    return Outcome()


NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,12}[a-z0-9])?", fullmatch=True).filter(lambda name: name != "dag")


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """Up to eight nodes, each with some earlier ones' outputs as its inputs, some sharded, some with a cleanup."""
    names = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    nodes: list[Node] = []
    for name in names:
        sources = draw(st.lists(st.sampled_from(nodes), max_size=3, unique_by=lambda node: node.name)) if nodes else []
        sharded = draw(st.booleans())
        step = Step(
            name=draw(st.sampled_from(["waking", "working"])),
            version=draw(st.integers(1, 9)),
            config=CountConfig,
            run=nothing,
            inputs={f"in{index}": Problems for index in range(len(sources))},
            outputs={"problems": Problems},
            pool=draw(st.sampled_from(POOLS)),
            image=draw(st.sampled_from(["data", "train"])),
            sharded=sharded,
        )
        inputs = {f"in{index}": From(source.name, "problems") for index, source in enumerate(sources)}
        nodes.append(Node(name, step, CountConfig(count=draw(st.integers(0, 5))), inputs, draw(st.integers(1, 200)) if sharded else 1))
    cleanup = None
    if len(nodes) > 1 and draw(st.booleans()):
        last = nodes.pop()
        cleanup = Node(last.name, last.step, last.config, last.inputs)
    return Pipeline("random", tuple(nodes), cleanup)
