"""`nemoflow buckets` makes what is missing and says so; a wrong setting ends with 2."""

import os
import subprocess
import sys
import uuid

import pytest
from tests.conftest import MinioServer


def buckets(*names: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3_"))}
    command = [sys.executable, "-m", "nemoflow.cli.main", "buckets", *names]
    return subprocess.run(command, env={**own, **environment}, capture_output=True, text=True, timeout=240)


def test_buckets_are_made_once(minio: MinioServer) -> None:
    names = [f"made-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    for expected in ("made", "is there"):
        done = buckets(*names, environment=minio.environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [f"{name}: {expected} at {minio.server.endpoint}" for name in names]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("s3://some-bucket/prefix", {}, "bucket's name alone is right, such as 'some-bucket'"),
        ("B_", {}, "3 to 63 small letters"),
        ("some-bucket", {"AWS_SECRET_ACCESS_KEY": "not-the-secret"}, "refuses"),
        ("some-bucket", {"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID: not set"),
    ],
)
def test_what_cannot_be_ends_with_2_and_shows_no_key(minio: MinioServer, name: str, change: dict[str, str], said: str) -> None:
    done = buckets(name, environment={**minio.environment, **change})
    assert done.returncode == 2
    assert said in done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in (minio.password, "not-the-secret"))
