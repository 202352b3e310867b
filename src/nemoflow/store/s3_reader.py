"""An object of a bucket as a stream that goes on where a broken connection left off."""

import io
import time
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import HTTPError

from nemoflow.errors import StoreError
from nemoflow.store.s3_server import Server

if TYPE_CHECKING:
    from minio import Minio

RESUMES = 4
"""Broken connections in a row, without a byte between them, after which reading gives up."""


class S3Reader(io.RawIOBase):
    """Reads one version of an object from beginning to end."""

    def __init__(self, server: Server, client: "Minio", bucket: str, name: str, address: str) -> None:
        super().__init__()
        self._server, self._client = server, client
        self._bucket, self._name, self._address = bucket, name, address
        self._offset = 0
        self._etag = ""
        self._response = self._open()
        self._etag = self._response.headers.get("etag", "")

    def _open(self) -> Any:
        same = {"If-Match": self._etag} if self._etag else None
        with self._server.explained(self._address, self._bucket):
            return self._client.get_object(self._bucket, self._name, offset=self._offset, request_headers=same)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as possible."""
        breaks = 0
        while True:
            try:
                data = self._response.read(len(buffer))
            except HTTPError as error:
                breaks += 1
                if breaks > RESUMES:
                    raise StoreError(f"{self._address}: the connection broke again and again at byte {self._offset}; run again") from error
                self._release()
                time.sleep(0.1 * 2**breaks)
                self._response = self._open()
            else:
                buffer[: len(data)] = data
                self._offset += len(data)
                return len(data)

    def _release(self) -> None:
        self._response.close()
        self._response.release_conn()

    def close(self) -> None:
        """Give the connection back."""
        if not self.closed:
            self._release()
        super().close()
