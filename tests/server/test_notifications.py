"""A real MinIO that tells a real receiver of new objects: a run a version, and none for what does not concern it."""

import io
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from minio import Minio
from minio.notificationconfig import NotificationConfig, QueueConfig
from tests.argo.api_server import ApiServer, serving
from tests.conftest import MinioServer

from nemoflow.ports import free_port

TOKEN = "a-token-of-enough-characters"
RULES = """
[objects.sets]
bucket = "datasets"
key = "*/dataset.json"
template = "nemoflow-demo"
set = {"inputs.problems" = "{folder}/problems.jsonl"}
"""
PATIENCE_S = 60.0


@pytest.fixture
def told(minio_program: str, tmp_path: Path) -> Iterator[tuple[ApiServer, Minio]]:
    """An API server that keeps what is created, and a bucket whose new objects the receiver hears of."""
    port, keys = free_port(), tmp_path / "keys"
    keys.mkdir()
    (keys / "token").write_text(TOKEN)
    (tmp_path / "triggers.toml").write_text(RULES)
    hook = {"ENABLE": "on", "ENDPOINT": f"http://127.0.0.1:{port}/hooks/objects", "AUTH_TOKEN": TOKEN}
    server = MinioServer(
        minio_program, tmp_path / "minio", more={f"MINIO_NOTIFY_WEBHOOK_{key}_NEMOFLOW": value for key, value in hook.items()}
    )
    with serving(tmp_path) as (api, kubeconfig):
        spec = {"entrypoint": "dag", "arguments": {"parameters": [{"name": "run", "value": "demo"}, {"name": "set", "value": "{}"}]}}
        api.put("workflowtemplates", "nemoflow-demo", spec=spec)
        command = [sys.executable, "-m", "nemoflow.cli.main", "receiver", "serve", tmp_path / "triggers.toml", "--keys", keys]
        environment = {"KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin", "HOME": str(tmp_path)}
        receiver = subprocess.Popen([*map(str, command), "--port", str(port)], env=environment, stderr=subprocess.PIPE, text=True)
        try:
            assert receiver.stderr is not None
            assert "receives at" in receiver.stderr.readline()
            server.start()
            client = server.server.client()
            client.make_bucket("datasets")
            queue = QueueConfig(events=["s3:ObjectCreated:*"], queue="arn:minio:sqs::NEMOFLOW:webhook")
            client.set_bucket_notification("datasets", NotificationConfig(queue_config_list=[queue]))
            yield api, client
        finally:
            server.stop()
            receiver.send_signal(signal.SIGTERM)
            _, rest = receiver.communicate(timeout=60)
            assert receiver.returncode == 0
            assert TOKEN not in rest


def put(client: Minio, key: str, text: str) -> None:
    client.put_object("datasets", key, io.BytesIO(text.encode()), len(text))


def runs(api: ApiServer, count: int) -> list[dict[str, Any]]:
    """Workflows, once there are so many."""
    deadline = time.monotonic() + PATIENCE_S
    while len(found := [made for path, made in api.objects.items() if "/workflows/" in path]) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} runs"
        time.sleep(0.1)
    return found


def test_new_data_starts_a_run_a_version(told: tuple[ApiServer, Minio]) -> None:
    api, client = told
    put(client, "gsm 8k/problems.jsonl", "{}\n")
    put(client, "gsm 8k/dataset.json", '{"version": 1}')
    [first] = runs(api, 1)
    given = {entry["name"]: entry["value"] for entry in first["spec"]["arguments"]["parameters"]}
    assert given["set"] == '{"inputs.problems":"s3://datasets/gsm 8k/problems.jsonl"}'
    assert first["metadata"]["annotations"]["nemoflow/object"] == "s3://datasets/gsm 8k/dataset.json"
    put(client, "gsm 8k/dataset.json", '{"version": 1}')
    put(client, "gsm 8k/dataset.json", '{"version": 2}')
    assert len({made["metadata"]["name"] for made in runs(api, 2)}) == 2
    time.sleep(1)
    assert len(runs(api, 2)) == 2
