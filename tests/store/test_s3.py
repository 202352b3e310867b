"""What is special about a bucket: servers that are away, slow, broken, full or unwilling."""

import http.server
import io
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import BUCKET, MinioServer

from nemoflow.errors import ConfigError, InputError, StoreError
from nemoflow.ports import free_port
from nemoflow.store.s3 import S3Store
from nemoflow.store.s3_server import Server

KEYS = {"AWS_ACCESS_KEY_ID": "the-access-key", "AWS_SECRET_ACCESS_KEY": "the-secret-key"}
SOMEWHERE = Server.from_environment({**KEYS, "S3_ENDPOINT": "http://127.0.0.1:1", "AWS_REGION": "us-east-1"})


class Proxy:
    """Stands before a server. Each connection whose turn it is when a budget is left is cut after so many bytes of answers."""

    def __init__(self, target: int, port: int = 0) -> None:
        self._target = target
        self.budgets: list[int] = []
        self.changes: tuple[bytes, bytes] | None = None
        """What is put in the place of what, in requests."""
        self._listener = socket.create_server(("127.0.0.1", port))
        self._leave, self._left = socket.socketpair()
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with self._listener:
            while self._left not in select.select([self._listener, self._left], [], [])[0]:
                thread = threading.Thread(target=self._pump, args=(self._listener.accept()[0],))
                self._threads.append(thread)
                thread.start()

    def _pump(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server, suppress(OSError):
            budget: int | None = None
            while True:
                ready = select.select([client, server, self._left], [], [])[0]
                data = b"" if self._left in ready else ready[0].recv(2**16)
                if not data:
                    return
                if ready[0] is client:
                    server.sendall(data.replace(*self.changes) if self.changes else data)
                    continue
                if budget is None and self.budgets:
                    budget = self.budgets.pop(0)
                if budget is not None:
                    data = data[:budget]
                    budget -= len(data)
                client.sendall(data)
                if budget == 0:
                    return

    def close(self) -> None:
        self._leave.close()
        for thread in self._threads:
            thread.join()
        self._left.close()


@pytest.fixture
def proxy(minio: MinioServer) -> Iterator[Proxy]:
    made = Proxy(minio.port)
    yield made
    made.close()


@pytest.fixture
def through_proxy(proxy: Proxy, minio: MinioServer) -> S3Store:
    return S3Store(replace(minio.server, endpoint=proxy.endpoint), BUCKET, f"proxy-{proxy.endpoint[-5:]}")


@contextmanager
def answering(*statuses: int, body: bytes = b"", kind: str = "application/xml") -> Iterator[tuple[Server, list[str]]]:
    """A server that answers with these statuses in turn and then with 200."""
    left, asked = list(statuses), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(self.command)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = left.pop(0) if left else 200
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(0 if status == 200 else len(body)))
            self.end_headers()
            if self.command != "HEAD" and status != 200:
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield replace(SOMEWHERE, endpoint=f"http://127.0.0.1:{listener.server_port}"), asked
        listener.shutdown()


def error_xml(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>because</Message><Resource>/</Resource></Error>".encode()


def failure(use: Callable[[], object]) -> tuple[str, float]:
    """What was said, and after how many seconds."""
    start = time.monotonic()
    with pytest.raises(StoreError) as caught:
        use()
    return str(caught.value), time.monotonic() - start


def test_a_server_that_is_away_silent_or_broken_is_named_within_ten_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, answering(*[503] * 50) as (broken, asked):
        servers = [SOMEWHERE, replace(SOMEWHERE, endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}"), broken]
        reasons = ["Connection refused", "it does not answer", "too many 503 error responses"]
        with ThreadPoolExecutor() as threads:
            failures = list(threads.map(lambda server: failure(lambda: S3Store(server, "bucket", "a")), servers))
    for server, reason, (said, seconds) in zip(servers, reasons, failures, strict=True):
        assert said.startswith(f"s3://bucket/a: {server.endpoint} is away (")
        assert reason in said
        assert seconds < 10
        assert not any(secret in said + repr(server) for secret in KEYS.values())
    assert len(asked) == 6


def test_a_server_that_goes_away_later_is_named(minio_program: str, tmp_path: Path) -> None:
    server = MinioServer(minio_program, tmp_path)
    server.start()
    try:
        server.admin().make_bucket(BUCKET)
        store = S3Store(server.server, BUCKET, "")
        store.write_bytes("a", b"x")
    finally:
        server.stop()
    uses = [lambda: store.read_bytes("a"), lambda: store.create("a", b"y"), lambda: list(store.list("a"))]
    with ThreadPoolExecutor() as threads:
        for said, seconds in threads.map(failure, uses):
            assert f"{store.address('a')}: http" in said
            assert "is away" in said
            assert seconds < 10
            assert server.password not in said


def test_a_restart_of_the_server_is_waited_for(minio_program: str, tmp_path: Path) -> None:
    """It can be reached again half a second later, however long a busy machine takes to start it."""
    server, port = MinioServer(minio_program, tmp_path), free_port()
    server.start()
    try:
        server.admin().make_bucket(BUCKET)
        with closing(Proxy(server.port, port)):
            store = S3Store(replace(server.server, endpoint=f"http://127.0.0.1:{port}"), BUCKET, "")
            store.write_bytes("a", b"before")
        server.stop()
        server.start()
        with ThreadPoolExecutor() as pool:
            written = pool.submit(store.write_bytes, "b", b"after")
            time.sleep(0.5)
            with closing(Proxy(server.port, port)):
                written.result()
                assert [store.read_bytes(key) for key in ("a", "b")] == [b"before", b"after"]
    finally:
        server.stop()


def test_a_missing_bucket_is_named(minio: MinioServer) -> None:
    with pytest.raises(InputError, match="no bucket 'nemoflow-none' at http"):
        S3Store(minio.server, "nemoflow-none", "a")


def test_a_bucket_that_cannot_be_is_refused(minio: MinioServer) -> None:
    with pytest.raises(ConfigError, match=r"s3://B_/a: .*small letters"):
        S3Store(minio.server, "B_", "a")


@pytest.mark.parametrize("wrong", [{"secret_key": "not-the-secret"}, {"access_key": "nobody", "secret_key": "not-the-secret"}])
@pytest.mark.parametrize("region", ["us-east-1", None])
def test_wrong_keys_are_refused_with_what_to_check_and_never_shown(minio: MinioServer, wrong: dict[str, str], region: str | None) -> None:
    with pytest.raises(InputError, match="check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, this machine's clock") as caught:
        S3Store(replace(minio.server, region=region, **wrong), BUCKET, "a")
    chain = f"{caught.value} {caught.value.__cause__!r} {caught.value.__cause__}"
    assert not any(secret in chain for secret in (*wrong.values(), minio.user, minio.password))


def test_the_region_may_be_left_to_the_server(minio: MinioServer) -> None:
    store = S3Store(replace(minio.server, region=None), BUCKET, "region")
    assert store.create("a", b"x")
    assert store.read_bytes("a") == b"x"


def test_a_busy_server_is_asked_again() -> None:
    with answering(503, 503) as (server, asked):
        S3Store(server, "bucket", "a")
        assert len(asked) == 3


def test_a_full_server_is_named_and_keeps_what_it_has(minio_program: str, small_disk: Callable[[str], Path]) -> None:
    server = MinioServer(minio_program, small_disk("16m"))
    server.start()
    try:
        server.admin().make_bucket(BUCKET)
        store = S3Store(server.server, BUCKET, "a")
        store.write_bytes("b", b"old")
        with pytest.raises(StoreError, match=r"/a/b: .* is full \(XMinioStorageFull: .*\); free some space"):
            store.write_bytes("b", bytes(20 * 2**20))
        assert store.read_bytes("b") == b"old"
    finally:
        server.stop()


def test_a_server_that_is_no_s3_is_named() -> None:
    with answering(200, 404, body=b"<html>Not here</html>", kind="text/html") as (server, _):
        store = S3Store(server, "bucket", "a")
        with pytest.raises(InputError, match="does not answer as S3 does; check S3_ENDPOINT"):
            store.read_bytes("b")


def test_creating_waits_for_a_busy_server_and_for_another_conditional_upload() -> None:
    with answering(200, 503, 409, body=error_xml("ConditionalRequestConflict")) as (server, asked):
        assert S3Store(server, "bucket", "a").create("b", b"x")
        assert asked == ["HEAD", "PUT", "PUT", "PUT"]


def test_creating_knows_its_own_object_when_the_answer_was_lost(through_proxy: S3Store, proxy: Proxy) -> None:
    proxy.budgets = [0]
    assert through_proxy.create("mine", b"unique")
    assert not through_proxy.create("mine", b"unique")
    assert through_proxy.read_bytes("mine") == b"unique"


def test_creating_does_not_take_anothers_object_for_its_own(through_proxy: S3Store, proxy: Proxy) -> None:
    assert through_proxy.create("theirs", b"theirs")
    proxy.budgets = [0]
    # On a connection of its own: the first was kept open, and the budget counts from the next answer on.
    assert not S3Store(through_proxy._server, BUCKET, through_proxy.root.split("/", 3)[3]).create("theirs", b"mine")
    assert through_proxy.read_bytes("theirs") == b"theirs"


def test_reading_goes_on_where_a_connection_broke(through_proxy: S3Store, proxy: Proxy) -> None:
    data = bytes(range(256)) * 2**14
    through_proxy.write_bytes("data", data)
    fresh = S3Store(through_proxy._server, BUCKET, through_proxy.root.split("/", 3)[3])
    proxy.budgets = [10**6, 10**6, 3000]
    assert fresh.read_bytes("data") == data
    assert proxy.budgets == []


def test_reading_gives_up_when_no_byte_comes_through(through_proxy: S3Store, proxy: Proxy) -> None:
    through_proxy.write_bytes("data", b"x" * 2**22)
    fresh = S3Store(through_proxy._server, BUCKET, through_proxy.root.split("/", 3)[3])
    proxy.budgets = [600] * 100
    with pytest.raises(StoreError, match="data"):
        fresh.read_bytes("data")


def test_an_upload_that_is_cut_between_its_parts_leaves_nothing(minio_program: str, tmp_path: Path) -> None:
    server = MinioServer(minio_program, tmp_path)
    server.start()

    class Dying(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 16 * 2**20:
                server.stop()
            return super().read(size)

    try:
        server.admin().make_bucket(BUCKET)
        store = S3Store(server.server, BUCKET, "cut")
        store.write_bytes("before", b"old")
        size = 30 * 2**20
        for key in ("new", "before"):
            with pytest.raises(StoreError, match=f"{key}: .* is away"):
                store._upload(key, Dying(bytes(size)), size)
            server.start()
        assert [(entry.key, entry.size) for entry in store.list("")] == [("before", 3)]
        assert store.read_bytes("before") == b"old"
    finally:
        server.stop()


def test_an_upload_whose_bytes_are_changed_on_the_way_is_not_published(through_proxy: S3Store, proxy: Proxy) -> None:
    proxy.changes = (b"right bytes", b"wrong bytes")
    with pytest.raises(StoreError, match=r"changed: .*(XAmzContentSHA256Mismatch|BadDigest)"):
        through_proxy.write_bytes("changed", b"right bytes" * 100)
    proxy.changes = None
    assert not through_proxy.exists("changed")


@pytest.mark.parametrize("missing", list(KEYS))
def test_missing_keys_are_named(missing: str) -> None:
    environment = {name: value for name, value in KEYS.items() if name != missing}
    with pytest.raises(ConfigError, match=rf"^{missing}: not set"):
        Server.from_environment(environment)


@pytest.mark.parametrize("endpoint", ["minio:9000", "ftp://minio", "http://", "http://minio:9000/path", "http://user:word@minio"])
def test_a_malformed_endpoint_is_refused_without_showing_it(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"^AWS_ENDPOINT_URL: should be http://host:port") as caught:
        Server.from_environment({**KEYS, "AWS_ENDPOINT_URL": endpoint})
    assert "word" not in str(caught.value).replace("password", "")


def test_the_first_endpoint_variable_wins_and_amazon_is_the_default() -> None:
    assert Server.from_environment({**KEYS, "AWS_ENDPOINT_URL": "http://b", "S3_ENDPOINT": "http://a:1/"}).endpoint == "http://a:1"
    assert Server.from_environment(KEYS).endpoint == "https://s3.amazonaws.com"
