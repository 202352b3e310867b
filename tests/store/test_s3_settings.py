"""How a bucket is reached: TLS with an authority of one's own, where the bucket's name stands, and names that nobody knows."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import BUCKET, MinioServer
from tests.store.certificates import make_certificates
from tests.store.test_s3 import KEYS, SOMEWHERE, answering, error_xml

from nemoflow.errors import ConfigError, InputError, NemoflowError, StoreError
from nemoflow.store.buckets import make_bucket
from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

PRIVATE = """
import sys, time
from nemoflow.errors import NemoflowError
from nemoflow.store import open_store
start = time.monotonic()
try:
    store = open_store(sys.argv[1])
    store.write_bytes("a", b"x")
    print(store.read_bytes("a"), store.create("b", b"y"), [entry.key for entry in store.list("")])
except NemoflowError as error:
    print(type(error).__name__, error.exit_code, round(time.monotonic() - start), error)
"""


def in_private(files: dict[str, Path], root: str, environment: dict[str, str]) -> str:
    """What opening a root says where these system files are replaced: in a mount namespace that only this process sees."""
    mounts = " && ".join(f"mount --bind {path} {target}" for target, path in files.items())
    command = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", sys.executable, "-c", PRIVATE, root]
    if os.geteuid() or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("NAMES ARE NOT TESTED: only root may replace the files of the resolver")
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def secure(minio_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A server behind TLS, with a certificate of our own for 127.0.0.1 alone."""
    folder = tmp_path_factory.mktemp("secure")
    server = MinioServer(minio_program, folder, make_certificates(folder / "certificates", "IP:127.0.0.1"))
    try:
        server.start()
        make_bucket(server.server, BUCKET)
        yield server
    finally:
        server.stop()


def test_a_server_whose_authority_is_named_is_trusted(secure: MinioServer, tmp_path: Path) -> None:
    store = S3Store(secure.server, BUCKET, "tls")
    data = os.urandom(9 * 2**20)
    (tmp_path / "file").write_bytes(data)
    store.put_file("big", tmp_path / "file")
    assert store.read_bytes("big") == data
    assert store.create("claim", b"x")


@pytest.mark.parametrize(
    ("endpoint", "ca", "message"),
    [
        (
            "https://127.0.0.1:{port}",
            False,
            r"does not prove who it is \(unable to get local issuer.*\); name the file of its CA by AWS_CA_B",
        ),
        ("https://localhost:{port}", True, "does not prove who it is .*'localhost'"),
        ("http://127.0.0.1:{port}", True, "speaks TLS|does not answer as S3 does|refuses"),
    ],
)
def test_a_server_that_is_not_trusted_is_a_matter_of_settings(secure: MinioServer, endpoint: str, ca: bool, message: str) -> None:
    server = replace(secure.server, endpoint=endpoint.format(port=secure.port), ca_file=secure.server.ca_file if ca else None)
    start = time.monotonic()
    with pytest.raises((ConfigError, InputError), match=message) as caught:
        S3Store(server, BUCKET, "")
    assert caught.value.exit_code == 2
    assert time.monotonic() - start < 10
    assert secure.password not in str(caught.value)


def test_tls_to_a_server_without_it_is_a_matter_of_settings(minio: MinioServer) -> None:
    with pytest.raises(ConfigError, match="does not speak TLS"):
        S3Store(replace(minio.server, endpoint=f"https://127.0.0.1:{minio.port}"), BUCKET, "")


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_holds_none_is_named_with_its_variable(variable: str, content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=f"^{variable}: {file}: .*PEM certificates"):
        Server.from_environment({**KEYS, variable: str(file)})


def test_a_wrong_style_or_region_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^AWS_S3_ADDRESSING_STYLE: 'vhost'; auto, path, virtual are right"):
        Server.from_environment({**KEYS, "AWS_S3_ADDRESSING_STYLE": "vhost"})
    with pytest.raises(ConfigError, match="AWS_REGION 'eu central'"):
        replace(SOMEWHERE, region="eu central").client()


@pytest.mark.parametrize(("style", "host"), [("virtual", "some-bucket.s3.eu-west-1.amazonaws.com"), ("path", "s3.eu-west-1.amazonaws.com")])
def test_the_style_says_where_amazon_gets_the_buckets_name(style: str, host: str) -> None:
    server = Server.from_environment({**KEYS, "AWS_REGION": "eu-west-1", "AWS_S3_ADDRESSING_STYLE": style})
    assert f"https://{host}/" in server.client().presigned_get_object("some-bucket", "a")


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_both_styles_reach_the_same_objects(minio_program: str, tmp_path: Path, style: str) -> None:
    server = MinioServer(minio_program, tmp_path, domain="store.test")
    (tmp_path / "hosts").write_text(f"127.0.0.1 store.test{f' {BUCKET}.store.test' if style == 'virtual' else ''}\n")
    server.start()
    try:
        make_bucket(server.server, BUCKET)
        environment = {**server.environment, "S3_ENDPOINT": f"http://store.test:{server.port}", "AWS_S3_ADDRESSING_STYLE": style}
        assert in_private({"/etc/hosts": tmp_path / "hosts"}, f"s3://{BUCKET}/{style}", environment) == "b'x' True ['a', 'b']\n"
        assert S3Store(server.server, BUCKET, style).read_bytes("a") == b"x"
    finally:
        server.stop()


def test_a_name_that_nobody_knows_may_come_to_be_known(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(StoreError, match=r"http://nowhere\.invalid:9000 is away \(.*\); check the endpoint"):
        S3Store(replace(SOMEWHERE, endpoint="http://nowhere.invalid:9000"), BUCKET, "")
    assert time.monotonic() - start < 10


def test_a_name_server_that_keeps_silent_counts_as_away_within_ten_seconds(tmp_path: Path) -> None:
    (tmp_path / "nsswitch").write_text("hosts: dns\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.3", 53))
        (tmp_path / "resolv").write_text("nameserver 127.0.0.3\noptions timeout:20\n")
        files = {"/etc/nsswitch.conf": tmp_path / "nsswitch", "/etc/resolv.conf": tmp_path / "resolv"}
        said = in_private(files, "s3://bucket/a", {**KEYS, "S3_ENDPOINT": "http://minio.minio.svc:9000"})
    kind, code, seconds, *words = said.split()
    assert (kind, code) == ("StoreError", "75")
    assert int(seconds) < 10
    assert "s3://bucket/a: http://minio.minio.svc:9000 is away (its name is not found" in " ".join(words)


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "AuthorizationHeaderMalformed", 2),
        (400, "ExpiredToken", 2),
        (301, "PermanentRedirect", 2),
        (400, "InvalidRequest", 2),
        (403, "AccessDenied", 2),
        (404, "NoSuchBucket", 2),
        (400, "RequestTimeout", 75),
        (400, "BadDigest", 75),
        (409, "OperationAborted", 75),
        (412, "PreconditionFailed", 75),
        (507, "XMinioStorageFull", 75),
    ],
)
def test_a_refusal_ends_with_2_where_waiting_does_not_help_and_with_75_where_it_may(status: int, code: str, exit_code: int) -> None:
    with answering(200, *[status] * 20, body=error_xml(code)) as (server, _):
        store = S3Store(server, "bucket", "a")
        with pytest.raises(NemoflowError, match=code if code != "NoSuchBucket" else "no bucket") as caught:
            store.read_bytes("b")
    assert caught.value.exit_code == exit_code
    assert not any(secret in str(caught.value) for secret in KEYS.values())


def test_a_bucket_is_made_once(minio: MinioServer) -> None:
    name = f"made-{os.urandom(4).hex()}"
    assert make_bucket(minio.server, name)
    assert not make_bucket(minio.server, name)
    S3Store(minio.server, name, "a").write_bytes("b", b"x")
    assert not make_bucket(minio.server, name)
    assert S3Store(minio.server, name, "a").read_bytes("b") == b"x"
