"""Messages between a session's owner, its warden and its interpreter: JSON after four bytes that say how long it is."""

import json
import os
from contextlib import suppress
from typing import Any

HEAD = 4
MOST_BYTES = 64 << 20
"""Of a message to an interpreter: code, and input for it."""


def pack(message: dict[str, Any]) -> bytes:
    """A message as it is sent."""
    body = json.dumps(message).encode()
    return len(body).to_bytes(HEAD, "big") + body


def send(file: int, message: dict[str, Any]) -> None:
    """Write a message, and wait until it is taken."""
    rest = memoryview(pack(message))
    while rest:
        rest = rest[os.write(file, rest) :]


def receive(file: int) -> dict[str, Any] | None:
    """The next message; None where the other side has gone."""
    with suppress(ConnectionResetError):
        head = _exactly(file, HEAD)
        body = _exactly(file, int.from_bytes(head, "big")) if head else None
        return None if body is None else dict(json.loads(body))
    return None


def _exactly(file: int, count: int) -> bytes | None:
    parts = []
    while count:
        part = os.read(file, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
