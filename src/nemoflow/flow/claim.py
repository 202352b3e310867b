"""The claim file: says who holds an address, with an expiry; the second comer is told, and takes over when it expired.

A holder renews its claim from a thread. A claim whose process is gone from this very machine is taken over at once, so a run
that was killed -9 resumes without waiting.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nemoflow.errors import ClaimError
from nemoflow.store import Store

LIFETIME_S = 90.0
RENEW_S = 20.0


class Claim(BaseModel):
    """Who holds an address and until when."""

    model_config = ConfigDict(frozen=True)

    nonce: str
    host: str
    machine: str
    """Boot and process namespace: process numbers mean something only within the same one."""
    pid: int
    pid_started: str
    expires: float
    """Seconds since the epoch."""

    @property
    def is_live(self) -> bool:
        """Whether its holder may still be at work."""
        if time.time() > self.expires:
            return False
        return self.machine != _machine() or _pid_started(self.pid) == self.pid_started


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _pid_started(pid: int) -> str:
    """Start time of a process in clock ticks since boot (field 22 of proc(5) stat); empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _new_claim(nonce: str) -> Claim:
    pid = os.getpid()
    return Claim(
        nonce=nonce, host=socket.gethostname(), machine=_machine(), pid=pid, pid_started=_pid_started(pid), expires=time.time() + LIFETIME_S
    )


def _take(store: Store, key: str, nonce: str) -> None:
    mine = _new_claim(nonce).model_dump_json().encode()
    if store.create(key, mine):
        return
    held = Claim.model_validate_json(store.read_bytes(key))
    if held.is_live:
        left = max(0, round(held.expires - time.time()))
        raise ClaimError(
            f"{store.address(key)}: held by process {held.pid} on {held.host}; it is at work, or its claim runs out in {left} s"
        )
    # Only one of several comers creates the successor file of a given dead claim, and only that one replaces it.
    if not store.create(f"{key}.after-{held.nonce}", mine):
        raise ClaimError(f"{store.address(key)}: another process is taking over the claim of dead process {held.pid}; try again")
    store.write_bytes(key, mine)


@contextmanager
def claim(store: Store, key: str) -> Iterator[None]:
    """Hold an address; ClaimError where a live process holds it."""
    nonce = uuid.uuid4().hex
    _take(store, key, nonce)
    done = threading.Event()

    def renew() -> None:
        while not done.wait(RENEW_S):
            store.write_bytes(key, _new_claim(nonce).model_dump_json().encode())

    thread = threading.Thread(target=renew, name="claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for entry in list(store.list(key.rpartition("/")[0])):
            if entry.key == key or entry.key.startswith(f"{key}.after-"):
                store.delete(entry.key)
