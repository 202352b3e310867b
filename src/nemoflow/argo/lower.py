"""lower: a pipeline as a WorkflowTemplate of Argo; pure, nothing is read or sent.

One Container template a node (where it needs several pods: a JobSet, `gang`), one DAG whose dependencies are the pipeline's edges, shards
by `withSequence`. The workflow file travels as a parameter that Argo writes to a file in each pod, so that a pod's command line is the one
that a person types. The cleanup is a task of the DAG, as soon as nobody needs any more what it cleans up, and the exit handler, whatever
happens.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nemoflow.argo.cluster import Cluster, Pool
from nemoflow.argo.gang import check, gang
from nemoflow.argo.pod import (
    BACKOFF,
    FILE,
    FOLDER,
    LOCKED,
    POD,
    RETRY_IF,
    RUN,
    TOKEN_FOLDER,
    attempt_patch,
    command,
    environment,
    environment_from,
    executor_patch,
    node_selector,
    queue_labels,
    resources,
    shared_memory,
    tolerations,
    volumes,
)
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import Node, Pipeline
from nemoflow.flow.tries import ATTEMPTS

if TYPE_CHECKING:
    from hera.workflows import Container, Resource, WorkflowTemplate

PREFIX = "nemoflow"
DAG_NAME = "dag"
NODE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
ATTEMPT = ["--attempt", "{{retries}}", "--after", "{{lastRetry.exitCode}}"]


def lower(pipeline: Pipeline, cluster: Cluster, name: str, file: str, run: str, root: str = "") -> "WorkflowTemplate":
    """The template `nemoflow-{name}`.

    `file` is the workflow file's text with what is different on this cluster laid in (`cluster.on_cluster`), `run` and `root` are the
    defaults of the parameters of these names. Raises ConfigError for what Argo cannot hold.
    """
    try:
        from hera.workflows import WorkflowTemplate
        from hera.workflows import models as m
    except ImportError:
        raise ConfigError("the packages that make templates are not installed: pip install 'nemoflow[argo]'") from None
    _check(pipeline, cluster, file)
    for node in pipeline.by_name.values():
        check(node, cluster, name, file)
    labels = {"nemoflow/pipeline": pipeline.name, "nemoflow/team": cluster.team}
    with WorkflowTemplate(
        name=f"{PREFIX}-{name}",
        namespace=cluster.namespace,
        labels={**labels, "app.kubernetes.io/part-of": PREFIX},
        workflow_metadata=_workflow_metadata(labels),
        pod_metadata=_pod_metadata(cluster),
        arguments=_arguments(file, run, root or cluster.root),
        entrypoint=DAG_NAME,
        on_exit=pipeline.cleanup.name if pipeline.cleanup else None,
        service_account_name=cluster.service_accounts.step,
        security_context=m.PodSecurityContext.model_validate(POD),
        pod_spec_patch=executor_patch(),
        parallelism=cluster.parallelism,
        active_deadline_seconds=cluster.deadline_s,
        synchronization=_one_at_a_time(),
        pod_gc=_pod_gc(cluster),
        ttl_strategy=_ttl(cluster),
    ) as template:
        made = {node.name: _template(node, cluster, name) for node in pipeline.by_name.values()}
        _dag(pipeline, made)
    return template


def to_yaml(template: "WorkflowTemplate", source: str) -> str:
    """The file beside the workflow file; `source` says in its first line what it was made from."""
    return f"# Made from {source} by `nemoflow render`; change those, not this.\n{template.to_yaml(width=140)}"


def _check(pipeline: Pipeline, cluster: Cluster, file: str) -> None:
    for node in pipeline.by_name.values():
        if not NODE_NAME.fullmatch(node.name) or node.name == DAG_NAME:
            raise ConfigError(f"node {node.name!r}: on Argo a name has up to 42 small letters, digits and dashes, and is not {DAG_NAME!r}")
    for where, text in [
        (f"workflow of pipeline {pipeline.name}", file),
        *_texts(cluster.model_dump(exclude={"set", "workflows"}), "cluster"),
    ]:
        at = text.find("{{")
        if at >= 0:
            raise ConfigError(
                f"{where}: {text[max(0, at - 20) : at + 20]!r} holds {{{{, which Argo takes for a parameter and which cannot be escaped; "
                "write it with a space between, or move the text into a file in the bucket"
            )


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part, where)


def _template(node: Node, cluster: Cluster, name: str) -> "Container | Resource":
    return _container(node, cluster, name) if cluster.pods(node, name) == 1 else gang(node, cluster, name)


def _container(node: Node, cluster: Cluster, name: str) -> "Container":
    from hera.workflows import Container, Env, Parameter, RawArtifact
    from hera.workflows import models as m

    pool_name = cluster.pool_name(node, name)
    pool = cluster.pools[pool_name]
    processes = node.step.processes(node.config)
    program, *args = command(node, name, pool.retries, ATTEMPT)
    shard = [Parameter(name="shard")] if node.shards > 1 else []
    return Container(
        name=node.name,
        image=cluster.image(node),
        image_pull_policy="IfNotPresent",
        command=[program],
        args=args,
        inputs=[*shard, RawArtifact(name="workflow", path=str(FOLDER / f"{name}.toml"), data=FILE)],
        env=[Env(name=key, value=value) for key, value in environment(node, cluster).items()],
        env_from=[m.EnvFromSource.model_validate(source) for source in environment_from(node, cluster)],
        labels={"nemoflow/step": node.name, "nemoflow/pool": pool_name, **queue_labels(pool)},
        resources=m.ResourceRequirements.model_validate(resources(cluster, pool, processes)),
        node_selector=node_selector(cluster, pool) or None,
        tolerations=[m.Toleration.model_validate(toleration) for toleration in tolerations(cluster, pool)] or None,
        service_account_name=cluster.account(node),
        security_context=m.SecurityContext.model_validate(LOCKED),
        retry_strategy=_retry(),
        active_deadline_seconds=pool.deadline_s,
        pod_spec_patch=attempt_patch(cluster, pool),
        **_volumes(cluster, pool, processes, sees_token=cluster.sees_token(node)),
    )


def _volumes(cluster: Cluster, pool: Pool, processes: int, *, sees_token: bool) -> dict[str, Any]:
    """What a pod needs, and an empty folder over the account's token, which is then for Argo's containers alone."""
    from hera.workflows import models as m

    made, mounts = volumes(cluster, pool)
    shared, shared_mounts = shared_memory(processes, pool.gpus)
    made, mounts = [*made, *shared], [*mounts, *shared_mounts]
    if not sees_token:
        made.append({"name": "no-token", "emptyDir": {"sizeLimit": "1Mi"}})
        mounts.append({"name": "no-token", "mountPath": TOKEN_FOLDER, "readOnly": True})
    return {
        "volumes": [m.Volume.model_validate(volume) for volume in made],
        "volume_mounts": [m.VolumeMount.model_validate(mount) for mount in mounts],
    }


def _dag(pipeline: Pipeline, made: dict[str, "Container | Resource"]) -> None:
    from hera.workflows import DAG

    with DAG(name=DAG_NAME):
        for node in pipeline.nodes:
            _task(node, made[node.name], {edge.node for edge in node.edges.values()})
        if pipeline.cleanup:
            cleaned = {edge.node for edge in pipeline.cleanup.edges.values()}
            consumers = {consumer.name for name in cleaned for consumer in pipeline.consumers(name)}
            _task(pipeline.cleanup, made[pipeline.cleanup.name], cleaned | consumers)


def _task(node: Node, template: "Container | Resource", after: Iterable[str]) -> None:
    from hera.workflows import Task
    from hera.workflows import models as m

    sequence = m.Sequence(count=m.IntOrString(root=str(node.shards))) if node.shards > 1 else None
    Task(
        name=node.name,
        template=template,
        dependencies=sorted(after) or None,
        arguments={"shard": "{{item}}"} if sequence else None,
        with_sequence=sequence,
    )


def _arguments(file: str, run: str, root: str) -> list[Any]:
    from hera.workflows import Parameter

    return [
        Parameter(name="run", value=run, description="Name of the run; a second Workflow of the same name waits for the first."),
        Parameter(name="root", value=root, description="s3://bucket/prefix under which results lie."),
        Parameter(name="set", value="{}", description='Overrides as JSON: {"train.learning_rate": 1e-4}.'),
        Parameter(name="workflow", value=file, description="The workflow file, as each pod finds it."),
    ]


def _workflow_metadata(labels: dict[str, str]) -> Any:
    from hera.workflows import models as m

    run = m.LabelValueFrom(expression="workflow.parameters.run")
    return m.WorkflowMetadata(labels=labels, labels_from={"nemoflow/run": run})


def _pod_metadata(cluster: Cluster) -> Any:
    from hera.workflows import models as m

    fixed = {"app.kubernetes.io/part-of": PREFIX, "app.kubernetes.io/component": "step", "nemoflow/team": cluster.team}
    return m.Metadata(labels={**fixed, "nemoflow/run": RUN})


def _one_at_a_time() -> Any:
    from hera.workflows import models as m

    return m.Synchronization(mutexes=[m.Mutex(name=f"{PREFIX}-run-{RUN}")])


def _pod_gc(cluster: Cluster) -> Any:
    from hera.workflows import models as m

    return m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration=f"{cluster.keep.pods_s}s")


def _ttl(cluster: Cluster) -> Any:
    from hera.workflows import models as m

    return m.TTLStrategy(seconds_after_success=cluster.keep.done_s, seconds_after_failure=cluster.keep.failed_s)


def _retry() -> Any:
    from hera.workflows import RetryStrategy
    from hera.workflows import models as m

    backoff = m.Backoff.model_validate(BACKOFF)
    return RetryStrategy(limit=str(ATTEMPTS), retry_policy="Always", expression=RETRY_IF, backoff=backoff)
