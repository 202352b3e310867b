"""Values: each explained, each checked, and a wrong one refused by its name."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.helm.chart import CHART, refusal

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
OPEN = {"nodeAffinity", "podAffinity", "podAntiAffinity"}
"""What the API server checks itself."""


def schemas(schema: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield name, schema
        for key, part in schema.items():
            yield from schemas(part, key)
    elif isinstance(schema, list):
        for part in schema:
            yield from schemas(part, name)


def test_no_object_is_open() -> None:
    loose = [
        name
        for name, schema in schemas(SCHEMA)
        if schema.get("type") == "object" and name not in OPEN and schema.get("additionalProperties", True) is True
    ]
    assert loose == []


def known(schema: dict[str, Any]) -> dict[str, Any]:
    return schema.get("properties", {})


def differences(values: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if not known(schema):
        return
    for key in set(values) ^ set(known(schema)):
        yield f"{path}{key}"
    for key in set(values) & set(known(schema)):
        if isinstance(values[key], dict):
            yield from differences(values[key], known(schema)[key], f"{path}{key}.")


def test_the_schema_knows_exactly_the_values_that_there_are() -> None:
    assert list(differences(VALUES, SCHEMA, "")) == []


def test_every_value_has_a_line_that_explains_it() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = [
        line
        for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False)
        if re.match(r" *[a-zA-Z0-9]+:", line) and not before.strip().startswith("#") and not is_section(line, after)
    ]
    assert bare == []


def is_section(line: str, after: str) -> bool:
    """A heading: what is below it is explained there."""
    return line.endswith(":") and after.startswith(" " * (len(line) - len(line.lstrip()) + 2))


WRONG: list[tuple[str, Any, str]] = [
    ("globl", {}, "globl"),
    ("global.imagePullSecrets", [{"name": "key"}], "/global/imagePullSecrets/0"),
    ("global.imageRegistry", "https://mirror", "/global/imageRegistry"),
    ("nameOverride", "Ours", "/nameOverride"),
    ("fullnameOverride", "Ours!", "/fullnameOverride"),
    ("commonLabels", {"a": "b c"}, "/commonLabels/a"),
    ("commonAnnotations", {"a": 1}, "/commonAnnotations/a"),
    ("image.registry", "", "/image/registry"),
    ("image.tag", "a b", "/image/tag"),
    ("image.pullPolicy", "Sometimes", "/image/pullPolicy"),
    ("s3.endpoint", "minio:9000", "/s3/endpoint"),
    ("s3.endpoint", "http://user:word@minio", "/s3/endpoint"),
    ("s3.region", "eu central", "/s3/region"),
    ("s3.addressingStyle", "vhost", "/s3/addressingStyle"),
    ("s3.existingSecret", "", "/s3/existingSecret"),
    ("s3.credentials.accessKeyId", 7, "/s3/credentials/accessKeyId"),
    ("s3.credentials.secretAccessKey", 7, "/s3/credentials/secretAccessKey"),
    ("s3.credentials.secretAccesKey", "x", "secretAccesKey"),
    ("s3.credentials.accessKeyId", "alone", "s3.credentials: accessKeyId and secretAccessKey belong together"),
    ("s3.ca.certificate", "AAAA", "/s3/ca/certificate"),
    ("s3.ca.existingConfigMap", "A", "/s3/ca/existingConfigMap"),
    ("s3.buckets", [], "/s3/buckets"),
    ("s3.buckets", ["B_"], "/s3/buckets/0"),
    ("s3.buckets", ["aaa", "aaa"], "/s3/buckets"),
    ("s3.makeBuckets", "yes", "/s3/makeBuckets"),
    ("s3.jobTtlSeconds", -1, "/s3/jobTtlSeconds"),
    ("workflows.enabled", "no", "/workflows/enabled"),
    ("workflows.names", "demo", "/workflows/names"),
    ("workflows.root", "results/here", "/workflows/root"),
    ("workflows.team", "a team", "/workflows/team"),
    ("workflows.pools", {"train": {"gpus": 1}}, "/workflows/pools/train"),
    ("workflows.pools", {"train": {"tolerations": [{"operator": "exists"}]}}, "/workflows/pools/train/tolerations/0/operator"),
    ("workflows.pools", {"train": {"queue": "A"}}, "/workflows/pools/train/queue"),
    ("workflows.podLabels", ["a"], "/workflows/podLabels"),
    ("workflows.podAnnotations", {"a": True}, "/workflows/podAnnotations/a"),
    ("teacher.janitor.schedule", "every minute", "/teacher/janitor/schedule"),
    ("teacher.janitor.enabled", "yes", "/teacher/janitor/enabled"),
    ("teacher.enabled", 1, "/teacher/enabled"),
    ("teacher.kind", "url", "/teacher/kind"),
    ("teacher.port", 0, "/teacher/port"),
    ("teacher.startupSeconds", "1h", "/teacher/startupSeconds"),
    ("teacher.terminationGracePeriodSeconds", -1, "/teacher/terminationGracePeriodSeconds"),
    ("teacher.replicas", 1, "replicas"),
    ("teacher.vllm.model", "", "/teacher/vllm/model"),
    ("teacher.vllm.revision", 7, "/teacher/vllm/revision"),
    ("teacher.vllm.servedModelName", ["a"], "/teacher/vllm/servedModelName"),
    ("teacher.vllm.tensorParallelSize", 0, "/teacher/vllm/tensorParallelSize"),
    ("teacher.vllm.gpuResource", "gpu", "/teacher/vllm/gpuResource"),
    ("teacher.vllm.reasoningParser", "a b", "/teacher/vllm/reasoningParser"),
    ("teacher.vllm.maxModelLen", "16k", "/teacher/vllm/maxModelLen"),
    ("teacher.vllm.gpuMemoryUtilization", 90, "/teacher/vllm/gpuMemoryUtilization"),
    ("teacher.vllm.maxNumSeqs", -1, "/teacher/vllm/maxNumSeqs"),
    ("teacher.vllm.trustRemoteCode", "true", "/teacher/vllm/trustRemoteCode"),
    ("teacher.vllm.download", "no", "/teacher/vllm/download"),
    ("teacher.vllm.download", False, "teacher.vllm.download: false, and no teacher.vllm.cache.existingClaim"),
    ("teacher.vllm.existingTokenSecret", "A", "/teacher/vllm/existingTokenSecret"),
    ("teacher.vllm.lora.enabled", "on", "/teacher/vllm/lora/enabled"),
    ("teacher.vllm.lora.maxRank", 33, "/teacher/vllm/lora/maxRank"),
    ("teacher.vllm.lora.maxLoras", 0, "/teacher/vllm/lora/maxLoras"),
    ("teacher.vllm.lora.modules", ["a=b"], "/teacher/vllm/lora/modules"),
    ("teacher.vllm.cache.existingClaim", "A", "/teacher/vllm/cache/existingClaim"),
    ("teacher.vllm.cache.sizeLimit", "200 GB", "/teacher/vllm/cache/sizeLimit"),
    ("teacher.vllm.cache.mountPath", "models", "/teacher/vllm/cache/mountPath"),
    ("teacher.vllm.sharedMemory", 16, "/teacher/vllm/sharedMemory"),
    ("teacher.vllm.extraArgs", ["--seed", 1], "/teacher/vllm/extraArgs/1"),
    ("teacher.vllm.resources", {"cpu": 1}, "/teacher/vllm/resources"),
    ("teacher.solver.errorRate", 1.5, "/teacher/solver/errorRate"),
    ("teacher.solver.seed", "a", "/teacher/solver/seed"),
    ("teacher.solver.modes", "yes", "/teacher/solver/modes"),
    ("teacher.solver.resources", {"limits": {"memory": "much"}}, "/teacher/solver/resources/limits/memory"),
    ("teacher.extraEnv", [{"value": "x"}], "/teacher/extraEnv/0"),
    ("teacher.extraEnvFrom", [{"secret": "x"}], "/teacher/extraEnvFrom/0"),
    ("teacher.podLabels", {"a": 1}, "/teacher/podLabels/a"),
    ("teacher.podAnnotations", "a", "/teacher/podAnnotations"),
    ("teacher.nodeSelector", {"a": ["b"]}, "/teacher/nodeSelector/a"),
    ("teacher.tolerations", [{"taint": "a"}], "/teacher/tolerations/0"),
    ("teacher.affinity", {"nodes": {}}, "/teacher/affinity"),
    ("teacher.topologySpreadConstraints", [{"maxSkew": 1}], "/teacher/topologySpreadConstraints/0"),
    ("teacher.queue", "A", "/teacher/queue"),
    ("teacher.priority", "A", "/teacher/priority"),
    ("teacher.priority", "high", "teacher.priority: it says who goes first in a queue, and there is no teacher.queue"),
    ("teacher.priorityClassName", "A", "/teacher/priorityClassName"),
    ("teacher.runtimeClassName", "A", "/teacher/runtimeClassName"),
    ("teacher.serviceAnnotations", {"a": 1}, "/teacher/serviceAnnotations/a"),
    ("gangs.enabled", "yes", "/gangs/enabled"),
    ("serviceAccounts.annotations", {"a": 1}, "/serviceAccounts/annotations/a"),
    ("submitters", ["alice"], "/submitters/0"),
    ("submitters", [{"kind": "Team", "name": "a"}], "/submitters/0/kind"),
    ("networkPolicy.enabled", "true", "/networkPolicy/enabled"),
    ("networkPolicy.dns", [{}], "/networkPolicy/dns/0"),
    ("networkPolicy.s3", [{"ipBlock": {"cidr": "10.0.0.1"}}], "/networkPolicy/s3/0/ipBlock/cidr"),
    ("networkPolicy.apiServer", ["10.0.0.1/32"], "/networkPolicy/apiServer/0"),
    ("networkPolicy.teacherFrom", [{"pods": {}}], "/networkPolicy/teacherFrom/0"),
    ("networkPolicy.minioFrom", [{"podSelector": {"app": "x"}}], "/networkPolicy/minioFrom/0/podSelector"),
    ("networkPolicy.stepExtraEgress", [{"port": 443}], "/networkPolicy/stepExtraEgress/0"),
    ("jobs.resources", {"requests": {"cpu": 0}}, "/jobs/resources/requests/cpu"),
    ("jobs.extraEnv", [{"name": "1A"}], "/jobs/extraEnv/0/name"),
    ("jobs.podLabels", {"a": 1}, "/jobs/podLabels/a"),
    ("jobs.podAnnotations", {"a": 1}, "/jobs/podAnnotations/a"),
    ("jobs.nodeSelector", "a", "/jobs/nodeSelector"),
    ("jobs.tolerations", {}, "/jobs/tolerations"),
    ("jobs.affinity", [], "/jobs/affinity"),
    ("minio.enabled", "yes", "/minio/enabled"),
    ("minio.image.registry", "", "/minio/image/registry"),
    ("minio.image.repository", "MinIO", "/minio/image/repository"),
    ("minio.image.tag", "", "/minio/image/tag"),
    ("minio.port", 70000, "/minio/port"),
    ("minio.persistence.enabled", 1, "/minio/persistence/enabled"),
    ("minio.persistence.size", "much", "/minio/persistence/size"),
    ("minio.persistence.storageClass", "A", "/minio/persistence/storageClass"),
    ("minio.resources", {"request": {}}, "/minio/resources"),
    ("minio.extraEnv", [{"name": "A", "valueFrom": {}}], "/minio/extraEnv/0/valueFrom"),
    ("minio.podLabels", {"a": 1}, "/minio/podLabels/a"),
    ("minio.podAnnotations", {"a": 1}, "/minio/podAnnotations/a"),
    ("minio.nodeSelector", 1, "/minio/nodeSelector"),
    ("minio.tolerations", [1], "/minio/tolerations/0"),
    ("minio.affinity", {"a": {}}, "/minio/affinity"),
    ("schedules", {"a": {"workflow": "demo"}}, "/schedules/a"),
    ("schedules.a", {"workflow": "demo", "schedules": ["at night"]}, "/schedules/a/schedules/0"),
    ("schedules.a", {"workflow": "demo", "schedules": ["0 3 * * *"], "set": {"seed": 1}}, "invalid propertyName 'seed'"),
    ("schedules", {"UP": {"workflow": "demo", "schedules": ["0 3 * * *"]}}, "invalid propertyName 'UP'"),
    ("receiver.enabled", "yes", "/receiver/enabled"),
    ("receiver.existingSecret", "", "/receiver/existingSecret"),
    ("receiver.pushes", {"a": {"template": "t"}}, "/receiver/pushes/a"),
    ("receiver.objects", {"a": {"template": "t", "bucket": "b"}}, "/receiver/objects/a"),
    ("receiver.maxAgeSeconds", 1, "/receiver/maxAgeSeconds"),
    ("receiver.startsPerHour", 0, "/receiver/startsPerHour"),
    ("receiver.ingress.host", "https://a", "/receiver/ingress/host"),
    ("receiver.ingress.className", "A B", "/receiver/ingress/className"),
    ("receiver.ingress.tlsSecret", "A B", "/receiver/ingress/tlsSecret"),
    ("receiver.ingress.annotations", {"a": 1}, "/receiver/ingress/annotations/a"),
    ("metrics.enabled", 1, "/metrics/enabled"),
    ("metrics.everySeconds", 0, "/metrics/everySeconds"),
    ("metrics.runs", 100000, "/metrics/runs"),
    ("metrics.serviceMonitor.enabled", "on", "/metrics/serviceMonitor/enabled"),
    ("metrics.serviceMonitor.labels", {"a": "b c"}, "/metrics/serviceMonitor/labels/a"),
    ("metrics.rules.enabled", "on", "/metrics/rules/enabled"),
    ("metrics.rules.labels", {"a": "b c"}, "/metrics/rules/labels/a"),
    ("metrics.dashboard.enabled", "on", "/metrics/dashboard/enabled"),
    ("metrics.dashboard.labels", {"a": "b c"}, "/metrics/dashboard/labels/a"),
    ("receiver.port", 0, "/receiver/port"),
    ("receiver.from", [{}], "/receiver/from/0"),
    ("receiver.resources", {"request": {}}, "/receiver/resources"),
    ("receiver.resources.requests", {"cpu": "much"}, "/receiver/resources/requests/cpu"),
    ("receiver.resources.limits", {"cpu": "much"}, "/receiver/resources/limits/cpu"),
    ("receiver.extraEnv", [{"value": "b"}], "/receiver/extraEnv/0"),
    ("receiver.podLabels", {"a": "b c"}, "/receiver/podLabels/a"),
    ("receiver.podAnnotations", {"a": 1}, "/receiver/podAnnotations/a"),
    ("receiver.serviceAnnotations", {"a": 1}, "/receiver/serviceAnnotations/a"),
    ("receiver.nodeSelector", {"a": "b c"}, "/receiver/nodeSelector/a"),
    ("receiver.tolerations", [{"operator": "Is"}], "/receiver/tolerations/0"),
    ("receiver.affinity", {"node": {}}, "/receiver/affinity"),
    ("metrics.port", 0, "/metrics/port"),
    ("metrics.from", [{}], "/metrics/from/0"),
    ("metrics.resources", {"request": {}}, "/metrics/resources"),
    ("metrics.resources.requests", {"cpu": "much"}, "/metrics/resources/requests/cpu"),
    ("metrics.resources.limits", {"cpu": "much"}, "/metrics/resources/limits/cpu"),
    ("metrics.extraEnv", [{"value": "b"}], "/metrics/extraEnv/0"),
    ("metrics.podLabels", {"a": "b c"}, "/metrics/podLabels/a"),
    ("metrics.podAnnotations", {"a": 1}, "/metrics/podAnnotations/a"),
    ("metrics.serviceAnnotations", {"a": 1}, "/metrics/serviceAnnotations/a"),
    ("metrics.nodeSelector", {"a": "b c"}, "/metrics/nodeSelector/a"),
    ("metrics.tolerations", [{"operator": "Is"}], "/metrics/tolerations/0"),
    ("metrics.affinity", {"node": {}}, "/metrics/affinity"),
    ("sandbox.enabled", "yes", "/sandbox/enabled"),
    ("sandbox.replicas", -1, "/sandbox/replicas"),
    ("sandbox.port", 0, "/sandbox/port"),
    ("sandbox.sessions", 0, "/sandbox/sessions"),
    ("sandbox.calls", 2000, "/sandbox/calls"),
    ("sandbox.seconds", 0, "/sandbox/seconds"),
    ("sandbox.memoryMb", 1, "/sandbox/memoryMb"),
    ("sandbox.threads", 0, "/sandbox/threads"),
    ("sandbox.outputChars", 1, "/sandbox/outputChars"),
    ("sandbox.resources", {"request": {}}, "/sandbox/resources"),
    ("sandbox.podLabels", {"a": 1}, "/sandbox/podLabels/a"),
    ("sandbox.podAnnotations", {"a": 1}, "/sandbox/podAnnotations/a"),
    ("sandbox.runtimeClassName", "A", "/sandbox/runtimeClassName"),
    ("sandbox.nodeSelector", 1, "/sandbox/nodeSelector"),
    ("sandbox.tolerations", [1], "/sandbox/tolerations/0"),
    ("sandbox.affinity", {"a": {}}, "/sandbox/affinity"),
]


@pytest.mark.parametrize(("path", "value", "named"), WRONG, ids=[f"{path}={str(value)[:30]}" for path, value, _ in WRONG])
def test_a_wrong_value_is_refused_by_its_name(path: str, value: Any, named: str) -> None:
    values: Any = value
    for key in reversed(path.split(".")):
        values = {key: values}
    said = refusal(values)
    assert named in said, said


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, part in known(schema).items():
        if known(part):
            yield from leaves(part, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def test_every_value_has_a_wrong_one_among_the_tests() -> None:
    wrong = {path for path, _, _ in WRONG}
    missing = [leaf for leaf in leaves(SCHEMA) if not any(leaf == path or leaf.startswith(f"{path}.") for path in wrong)]
    assert missing == []
