"""The owner's side: starts a warden, opens sessions, sends calls, and ends what does not end by itself.

    async with LocalSandbox(Limits(seconds=2)) as sandbox, sandbox.session(seed=7) as session:
        output = await session.run("x = 6 * 7")
        output = await session.run("print(x)")

A call that outlives its interruption costs the session its variables, never the caller its time.
"""

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any, Protocol, Self

from pydantic import ValidationError

from nemoflow.errors import ConfigError, SandboxError
from nemoflow.processes import cores
from nemoflow.sandbox import wire
from nemoflow.sandbox.limits import GRACE_S, Limits, Output
from nemoflow.sandbox.walls import Walls

START_S = 120.0
"""For a warden to import what it preloads: 2 s, 20 s from a cold disk on a busy machine."""
OPEN_S = 60.0
"""For a session to answer first: some 0.05 s."""
END_S = 10.0
_ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""All that a warden is told: hashes, and so the order of sets, are the same in every session; no thread runs before a fork."""


class Session(Protocol):
    """One interpreter, whose variables outlive a call; an async context manager that ends it."""

    async def run(self, code: str, stdin: str = "") -> Output:
        """Run a block of code. What the code does wrong is in the output; SandboxError is the sandbox's own failure."""
        ...

    async def __aenter__(self) -> Self:
        """Itself; the interpreter starts with the first call."""
        ...

    async def __aexit__(self, *raised: object) -> None:
        """End the interpreter."""
        ...


class Sandbox(Protocol):
    """A place where sessions run."""

    def session(self, seed: int = 0) -> Session:
        """A session; `seed` is that of its random numbers."""
        ...


class LocalSandbox:
    """Sessions on this machine, as many at work as there are cores; an async context manager that leaves no process behind."""

    def __init__(self, limits: Limits | None = None, parallel: int = 0, sessions: int = 1024) -> None:
        self.limits = limits or Limits()
        self.slots = asyncio.Semaphore(parallel or cores())
        self.room = asyncio.Semaphore(sessions)
        """Interpreters at the same time; a session takes its place with its first call and keeps it."""
        self._warden: _Warden | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        async with self._opening:
            self._warden = await asyncio.to_thread(_Warden)
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._warden:
            await asyncio.to_thread(self._warden.end)

    @property
    def walls(self) -> Walls:
        """What holds the sessions here."""
        return self._running.walls

    def session(self, seed: int = 0, limits: Limits | None = None) -> "LocalSession":
        """A session; `seed` is that of its random numbers."""
        return LocalSession(self, limits or self.limits, seed)

    async def open(self, limits: Limits, seed: int) -> "_Interpreter":
        """A fresh interpreter. An order to the warden is never left half-way: who is cancelled meanwhile has its result ended."""
        order = asyncio.ensure_future(self._order(limits, seed))
        try:
            return await asyncio.shield(order)
        except asyncio.CancelledError:
            order.add_done_callback(_end_unwanted)
            raise

    async def _order(self, limits: Limits, seed: int) -> "_Interpreter":
        """From the warden; where it was killed, from another one."""
        async with self._opening:
            try:
                return await asyncio.to_thread(self._running.order, limits, seed)
            except OSError:
                await asyncio.to_thread(self._running.end)
                self._warden = await asyncio.to_thread(_Warden)
                try:
                    return await asyncio.to_thread(self._warden.order, limits, seed)
                except OSError as error:
                    raise SandboxError(f"the sandbox's first process ended twice: {error}") from None

    @property
    def _running(self) -> "_Warden":
        if self._warden is None:
            raise RuntimeError("LocalSandbox is used outside of `async with`")
        return self._warden


class LocalSession:
    """One interpreter at a time: where it ended, the next call starts another."""

    def __init__(self, sandbox: LocalSandbox, limits: Limits, seed: int) -> None:
        self._sandbox, self._limits, self._seed = sandbox, limits, seed
        self._interpreter: _Interpreter | None = None
        self._calls = 0
        self._has_room = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.end()

    def end(self) -> None:
        """End the interpreter, whatever it does."""
        if self._interpreter:
            self._interpreter.end()
            self._interpreter = None
        if self._has_room:
            self._sandbox.room.release()
            self._has_room = False

    async def is_alive(self) -> bool:
        """Whether there is an interpreter, which keeps the variables of the calls so far."""
        return self._interpreter is not None and self._interpreter.is_alive

    async def run(self, code: str, stdin: str = "") -> Output:
        """Run a block of code, when it is its turn."""
        if self._calls >= self._limits.calls:
            return Output(status="spent", text=f"No call is left: all {self._limits.calls} are used.")
        self._calls += 1
        if not self._has_room:
            await self._sandbox.room.acquire()
            self._has_room = True
        async with self._sandbox.slots:
            try:
                if self._interpreter is None:
                    self._interpreter = await self._sandbox.open(self._limits, self._seed)
                    await self._interpreter.is_ready()
                output = await self._interpreter.run(code, stdin, self._limits)
            except BaseException:
                self.end()
                raise
        if output.status == "lost":
            self.end()
        return output


class _Interpreter:
    """The channel to one interpreter, and the right to kill its keeper."""

    def __init__(self, channel: socket.socket, keeper: int) -> None:
        channel.setblocking(False)
        self._channel, self._keeper = channel, keeper

    @property
    def is_alive(self) -> bool:
        return not select.select([self._keeper], [], [], 0)[0]

    async def is_ready(self) -> None:
        """Wait for its first word; SandboxError where it could not put its walls up."""
        try:
            said = await asyncio.wait_for(self._receive(1 << 16), OPEN_S)
        except TimeoutError:
            raise SandboxError(f"a session did not start within {OPEN_S:g} s") from None
        if not said or not said.get("ready"):
            raise SandboxError(f"a session did not start: {(said or {}).get('failed') or 'its process ended at once'}")

    async def run(self, code: str, stdin: str, limits: Limits) -> Output:
        call = {"code": code, "stdin": stdin, "seconds": limits.seconds, "wall_s": limits.wall_s, "output_chars": limits.output_chars}
        message = wire.pack(call)
        if len(message) > wire.MOST_BYTES:
            return Output(
                status="error", text=f"ValueError: code and input have {len(message)} bytes; at most {wire.MOST_BYTES} are right\n"
            )
        patience = limits.wall_s + GRACE_S
        try:
            said = await asyncio.wait_for(self._exchange(message, 8 * limits.output_chars + 4096), patience)
        except TimeoutError:
            return _lost(f"it did not stop within {patience:g} s")
        if said is None or "ended" in said or "failed" in said:
            return _lost(_how_it_ended(said or {}))
        return _read(said, limits)

    async def _exchange(self, message: bytes, most: int) -> dict[str, Any] | None:
        with suppress(BrokenPipeError, ConnectionResetError):
            await asyncio.get_running_loop().sock_sendall(self._channel, message)
        return await self._receive(most)

    async def _receive(self, most: int) -> dict[str, Any] | None:
        """One message; None where the other side has gone or talks nonsense, both of which code in a session can bring about."""
        head = await self._exactly(wire.HEAD)
        size = int.from_bytes(head, "big")
        if len(head) < wire.HEAD or size > most:
            return None
        body = await self._exactly(size)
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return said if isinstance(said, dict) else None

    async def _exactly(self, count: int) -> bytes:
        found = b""
        with suppress(ConnectionResetError):
            while len(found) < count:
                part = await asyncio.get_running_loop().sock_recv(self._channel, count - len(found))
                if not part:
                    break
                found += part
        return found

    def end(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._keeper, signal.SIGKILL)
        os.close(self._keeper)
        self._channel.close()


def _end_unwanted(order: "asyncio.Future[_Interpreter]") -> None:
    if not order.cancelled() and order.exception() is None:
        order.result().end()


def _read(said: dict[str, Any], limits: Limits) -> Output:
    """What an interpreter says is what the code in it makes it say: checked, and cut once more."""
    room = limits.output_chars + 100
    try:
        output = Output.model_validate({**said, "text": str(said.get("text", ""))[:room]}, strict=True)
    except ValidationError:
        return _lost("its answer made no sense")
    return output if output.status in ("ok", "error", "time", "memory") else _lost("its answer made no sense")


def _lost(why: str) -> Output:
    return Output(status="lost", text=f"The interpreter was ended: {why}. All variables are lost; the next call starts anew.\n")


def _how_it_ended(said: dict[str, Any]) -> str:
    status = said.get("ended")
    if "failed" in said:
        return str(said["failed"])[:200]
    if not isinstance(status, int):
        return "its process is gone"
    if status >= 0:
        return f"its process ended with status {status}"
    try:
        return f"its process ended by {signal.Signals(-status).name}"
    except ValueError:
        return "its process is gone"


class _Warden:
    """The process that forks sessions. Its methods block; they are called in a thread, one at a time."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-P", "-m", "nemoflow.sandbox.warden"]
        environment = _ENVIRONMENT | {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=environment, start_new_session=True
            )
        try:
            self.walls = self._first_word()
        except BaseException:
            self.end()
            raise

    def _first_word(self) -> Walls:
        self._control.settimeout(START_S)
        try:
            word = self._control.recv(1 << 16)
        except TimeoutError:
            raise SandboxError(f"the sandbox's first process did not start within {START_S:g} s") from None
        if not word:
            raise SandboxError("the sandbox's first process ended at once; its message is above")
        walls = Walls.model_validate_json(word)
        if walls.refusal:
            raise ConfigError(f"this machine cannot hold code that a model wrote: {walls.refusal}; name a sandbox service instead")
        return walls

    def order(self, limits: Limits, seed: int) -> _Interpreter:
        self._control.settimeout(OPEN_S)
        self._control.send(json.dumps({"limits": limits.model_dump(), "seed": seed}).encode())
        word, files, _, _ = socket.recv_fds(self._control, 16, 2)
        if not word or len(files) != 2:
            raise ConnectionError("no session came back")
        return _Interpreter(socket.socket(fileno=files[0]), files[1])

    def end(self) -> None:
        self._control.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
