"""Both stores, empty, for every test of the contract (S3 is a real MinIO server on the loopback), and how property tests draw."""

import os
import secrets
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings
from minio import Minio
from minio.error import MinioException
from tests.submission.fake_kaggle import FakeKaggle, fake_kaggle
from urllib3.exceptions import HTTPError

from nemoflow.ports import free_port
from nemoflow.store import Store, open_store
from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

# The same draws on every machine, and no deadline: a busy machine is no failure.
settings.register_profile("nemoflow", deadline=None, derandomize=True)
settings.load_profile("nemoflow")

READY_S = 120.0
BUCKET = "nemoflow-tests"


def pytest_configure(config: pytest.Config) -> None:
    """Only the tests that are for a GPU see one: the others say the same on every machine, whatever it holds."""
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def find_minio() -> str | None:
    """The server's program: `NEMOFLOW_MINIO`, else on PATH, else where a built cluster keeps its programs."""
    cache = Path(os.environ.get("CLUSTER_CACHE", Path.home() / ".cache" / "cluster"))
    return os.environ.get("NEMOFLOW_MINIO") or shutil.which("minio") or shutil.which(cache / "bin" / "minio")


class MinioServer:
    """A server with a folder, a port and keys of its own; after `stop`, `start` goes on with the same data and address."""

    def __init__(
        self, program: str, folder: Path, certificates: Path | None = None, domain: str = "", more: Mapping[str, str] | None = None
    ) -> None:
        self.program, self.folder, self.port, self.more = program, folder, free_port(), more or {}
        self.certificates, self.domain = certificates, domain
        self.user, self.password = f"user-{secrets.token_hex(4)}", secrets.token_hex(16)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to know."""
        keys = {"AWS_ACCESS_KEY_ID": self.user, "AWS_SECRET_ACCESS_KEY": self.password}
        trust = {"AWS_CA_BUNDLE": str(self.certificates / "ca.crt")} if self.certificates else {}
        scheme = "https" if self.certificates else "http"
        return {"S3_ENDPOINT": f"{scheme}://127.0.0.1:{self.port}", "AWS_REGION": "us-east-1", **keys, **trust}

    @property
    def server(self) -> Server:
        return Server.from_environment(self.environment)

    def admin(self) -> Minio:
        """A client that asks once."""
        return self.server.creating_client()

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        keys = {"MINIO_ROOT_USER": self.user, "MINIO_ROOT_PASSWORD": self.password}
        settings = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "MINIO_UPDATE": "off", "MINIO_BROWSER": "off", "GOMAXPROCS": "1"}
        settings |= {"MINIO_DOMAIN": self.domain} if self.domain else {}
        command = [self.program, "server", str(self.folder / "data"), "--address", f"127.0.0.1:{self.port}", "--quiet"]
        command += ["--certs-dir", str(self.certificates)] if self.certificates else []
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**settings, **keys, **self.more})
        deadline = time.monotonic() + READY_S
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"MinIO did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            self.admin().bucket_exists(BUCKET)
        except (MinioException, HTTPError):
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def minio_program() -> str:
    program = find_minio()
    if program is None:
        pytest.skip("S3 IS NOT TESTED: no MinIO server found; name one by NEMOFLOW_MINIO or put `minio` on PATH")
    return program


@pytest.fixture(scope="session")
def minio(minio_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    server = MinioServer(minio_program, tmp_path_factory.mktemp("minio"))
    try:
        server.start()
        server.admin().make_bucket(BUCKET)
        yield server
    finally:
        server.stop()


Opener = Callable[[], Store]


@pytest.fixture(params=["folder", "s3"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same empty store again and again."""
    if request.param == "folder":
        return lambda: open_store(str(tmp_path / "store"))
    server = request.getfixturevalue("minio").server
    prefix = f"tests/{uuid.uuid4().hex}"
    return lambda: S3Store(server, BUCKET, prefix)


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()


@pytest.fixture
def store_environment(store: Store, request: pytest.FixtureRequest) -> dict[str, str]:
    """What another process needs to open the same store by its root."""
    return {**os.environ, **(request.getfixturevalue("minio").environment if store.root.startswith("s3://") else {})}


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system of a size such as `1m`."""
    disk = tmp_path / "disk"

    def mount(size: str) -> Path:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("A FULL DISK IS NOT TESTED: only root may mount a small file system")
        return disk

    yield mount
    if disk.is_mount():
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def s3_root(minio: MinioServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty root in a real bucket, with the environment that opens it."""
    for name, value in minio.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/tests/{uuid.uuid4().hex}"


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKaggle]:
    """A board over HTTP, with the environment that sends Kaggle's own client there."""
    with fake_kaggle() as board:
        for name, value in board.environment.items():
            monkeypatch.setenv(name, value)
        yield board
