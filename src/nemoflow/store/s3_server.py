"""Which S3 server, with which keys, how patiently; and what its refusals mean. Keys never get into a message."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error
from urllib3.exceptions import HTTPError, ReadTimeoutError

from nemoflow.errors import ConfigError, InputError, NemoflowError, StoreError

ENDPOINT_VARIABLES = ("S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
CONNECT_S = 1.5
"""Four tries to connect, with pauses of 0, 1 and 2 s between them, stay under the 10 s after which a server counts as away."""
READ_S = 30.0
POOL = re.compile(r"^HTTPS?Connection\w*\(.*?\): ")
TRANSIENT = (429, 500, 502, 503, 504)
MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchVersion"}
FULL = {"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded"}


class CreatingPool(urllib3.PoolManager):
    """Asks for every upload that nothing be replaced. S3 takes the header unsigned; the SDK has no argument for it (7.2.20)."""

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]
        """Send a request."""
        if method == "PUT":
            options["headers"]["If-None-Match"] = "*"
        return super().urlopen(method, url, redirect, **options)


@dataclass(frozen=True)
class Server:
    """An S3 endpoint and the right to use it."""

    endpoint: str
    """`http://host:port`."""
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Server":
        """As the usual variables say; ConfigError names the one that is missing or malformed."""
        missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not environment.get(name)]
        if missing:
            raise ConfigError(f"{' and '.join(missing)}: not set; a root at s3:// needs the keys of the bucket in the environment")
        name, endpoint = next(((name, value) for name in ENDPOINT_VARIABLES if (value := environment.get(name))), ("", ""))
        return cls(
            endpoint=_checked(name, endpoint) if endpoint else "https://s3.amazonaws.com",
            access_key=environment["AWS_ACCESS_KEY_ID"],
            secret_key=environment["AWS_SECRET_ACCESS_KEY"],
            session_token=environment.get("AWS_SESSION_TOKEN"),
            region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        )

    def client(self, read_s: float = READ_S) -> Minio:
        """A client that retries, with pauses, what waiting may cure."""
        # POST too: a repeated CompleteMultipartUpload whose first answer was lost fails, and so does one that is not repeated.
        retry = urllib3.Retry(
            total=5,
            connect=3,
            read=1,
            status_forcelist=TRANSIENT,
            allowed_methods=None,
            backoff_factor=0.5,
            backoff_max=2,
            respect_retry_after_header=False,  # MinIO asks for 60 s while it starts, and is up in one
        )
        return self._client(urllib3.PoolManager, retry, read_s)

    def creating_client(self) -> Minio:
        """A client whose uploads replace nothing. It does not retry: a retry could not tell its own object from another's."""
        return self._client(CreatingPool, urllib3.Retry(0), READ_S)

    def _client(self, pool: type[urllib3.PoolManager], retry: urllib3.Retry, read_s: float) -> Minio:
        parts = urlsplit(self.endpoint)
        timeout = urllib3.Timeout(connect=CONNECT_S, read=read_s)
        trusted = os.environ.get("SSL_CERT_FILE") or certifi.where()
        return Minio(
            parts.netloc,
            access_key=self.access_key,
            secret_key=self.secret_key,
            session_token=self.session_token,
            secure=parts.scheme == "https",
            region=self.region,
            http_client=pool(timeout=timeout, retries=retry, maxsize=10, cert_reqs="CERT_REQUIRED", ca_certs=trusted),
        )

    @contextmanager
    def explained(self, address: str, bucket: str) -> Iterator[None]:
        """Turn what the SDK raises within the block into our errors."""
        try:
            yield
        except (MinioException, HTTPError) as error:
            raise self._explain(error, address, bucket) from error

    def _explain(self, error: Exception, address: str, bucket: str) -> NemoflowError:
        if isinstance(error, S3Error):
            return self._explain_answer(error, address, bucket)
        if isinstance(error, InvalidResponseError):
            return InputError(f"{address}: {self.endpoint} does not answer as S3 does; check {' or '.join(ENDPOINT_VARIABLES)}")
        if isinstance(error, HTTPError):
            return StoreError(f"{address}: {self.endpoint} is away ({_reason(error)}); check the endpoint, or run again when it is back")
        return StoreError(f"{address}: {self.endpoint} failed ({error}); run again")

    def _explain_answer(self, error: Any, address: str, bucket: str) -> NemoflowError:
        said = f"{error.code}: {error.message}"
        if error.code in MISSING:
            return InputError(f"{address}: no such object")
        if error.code == "NoSuchBucket":
            return InputError(f"{address}: no bucket {bucket!r} at {self.endpoint}; make it, or correct the root")
        if error.code in FULL or error.response.status == 507:
            return StoreError(f"{address}: {self.endpoint} is full ({said}); free some space, then run again: what is done is kept")
        if error.response.status in (401, 403):
            check = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, this machine's clock, and that the key may list, read and write there"
            return InputError(f"{address}: {self.endpoint} refuses ({said}); check {check}")
        return StoreError(f"{address}: {self.endpoint} failed ({said}); run again")


def _checked(name: str, endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query or "@" in parts.netloc:
        raise ConfigError(f"{name}: should be http://host:port or https://host, without a path or a password")
    return f"{parts.scheme}://{parts.netloc}"


def _reason(error: BaseException) -> str:
    """The innermost cause, without the names of urllib3's classes."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, BaseException):
        return _reason(inner)
    if isinstance(error, ReadTimeoutError):
        return "it does not answer"
    return POOL.sub("", str(error))
