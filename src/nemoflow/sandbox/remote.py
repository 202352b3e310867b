"""Sessions at a service elsewhere (service.py), to be used like those of this machine.

    async with RemoteSandbox("http://sandbox:8090", Limits(seconds=2)) as sandbox, sandbox.session(seed=7) as session:
        output = await session.run("6 * 7")

A broken connection is tried again: calls are numbered, and none runs twice. Where the service was started anew its sessions are gone:
then the output says that the variables are lost, as when an interpreter dies.
"""

import asyncio
import os
import random
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import orjson
from pydantic import ValidationError

from nemoflow.errors import ConfigError, SandboxError
from nemoflow.sandbox.limits import GRACE_S, Limits, Output

if TYPE_CHECKING:
    import aiohttp

CONNECT_S = 10.0
SHOWN = 300


class RemoteSandbox:
    """A service's sessions; an async context manager that ends them."""

    def __init__(self, url: str, limits: Limits | None = None, token_env: str = "", patience_s: float = 300.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"sandbox_url = {url!r}: a URL such as http://nemoflow-sandbox:8090 is right")
        self._url, self.limits, self._patience_s = url.rstrip("/"), limits or Limits(), patience_s
        self._token = os.environ.get(token_env, "") if token_env else ""
        if token_env and not self._token:
            raise ConfigError(f"the environment variable {token_env}, which is to hold the sandbox's token, is not set")
        self.owner = uuid.uuid4().hex
        self._http: aiohttp.ClientSession | None = None
        self._sign_of_life: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers, cookie_jar=aiohttp.DummyCookieJar())
        try:
            _, health = await self.ask("GET", "/health")
            self._check(health)
        except BaseException:
            await self._http.close()
            raise
        self._sign_of_life = asyncio.create_task(self._renew(float(health.get("lease_s") or 60) / 4))
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._sign_of_life:
            self._sign_of_life.cancel()
        if self._http:
            await self._http.close()

    def session(self, seed: int = 0) -> "RemoteSession":
        """A session; `seed` is that of its random numbers."""
        return RemoteSession(self, seed)

    def _check(self, health: dict[str, Any]) -> None:
        most = health.get("limits")
        if not isinstance(most, dict):
            raise ConfigError(f"{self._url}/health does not speak of limits: is it a sandbox?")
        for key, value in self.limits.model_dump().items():
            if key in most and value > most[key]:
                raise ConfigError(f"the sandbox at {self._url} gives {key} = {most[key]} at most, asked for is {value}")

    async def _renew(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            with suppress(SandboxError, ConfigError):  # who asks for a call next says what is wrong
                await self.ask("PUT", f"/owners/{self.owner}")

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """(status, answer), where it is 200, 204, 410 or 409; SandboxError when patience has ended, ConfigError where waiting is no use."""
        data, given_up, attempt = orjson.dumps(body) if body else None, time.monotonic() + self._patience_s, 0
        while True:
            status, answer, wait_s = await self._attempt(method, path, data)
            if status in (200, 204, 409, 410):
                return status, answer
            if 400 <= status < 500 and status != 429:
                raise ConfigError(f"the sandbox at {self._url} answers {status}: {answer.get('error')}")
            if time.monotonic() > given_up:
                raise SandboxError(f"the sandbox at {self._url}: {answer.get('error')} (tried for {self._patience_s:g} s)")
            attempt += 1
            await asyncio.sleep((wait_s or min(0.1 * 2.0**attempt, 5.0)) * random.uniform(0.5, 1.5))

    async def _attempt(self, method: str, path: str, data: bytes | None) -> tuple[int, dict[str, Any], float]:
        import aiohttp

        if self._http is None:
            raise RuntimeError("RemoteSandbox is used outside of `async with`")
        patience = aiohttp.ClientTimeout(total=self._patience_s + self.limits.wall_s + GRACE_S, sock_connect=CONNECT_S)
        try:
            async with self._http.request(method, self._url + path, data=data, timeout=patience) as response:
                raw, status = await response.read(), response.status
                wait = response.headers.get("Retry-After", "")
        except aiohttp.InvalidURL:
            raise ConfigError(
                f"sandbox_url = {self._url!r}: no URL that can be asked; one such as http://nemoflow-sandbox:8090 is right"
            ) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            return 0, {"error": f"no answer: {type(error).__name__} {error}"[:SHOWN]}, 0.0
        try:
            answer = orjson.loads(raw) if raw else {}
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            return 0, {"error": f"an answer that is no JSON: {raw[:SHOWN]!r}"}, 0.0
        return status, answer, float(wait) if wait.isdigit() else 0.0


class RemoteSession:
    """One interpreter at the service; where it is gone, the next call starts another."""

    def __init__(self, sandbox: RemoteSandbox, seed: int) -> None:
        self._sandbox, self._seed = sandbox, seed
        self._name, self._number, self._calls = uuid.uuid4().hex, 0, 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._number:
            with suppress(SandboxError, ConfigError):  # the service ends it when its owner falls silent
                await self._sandbox.ask("DELETE", f"/sessions/{self._name}")

    async def run(self, code: str, stdin: str = "") -> Output:
        """Run a block of code."""
        limits = self._sandbox.limits
        if self._calls >= limits.calls:
            return Output(status="spent", text=f"No call is left: all {limits.calls} are used.")
        self._calls += 1
        body = {"owner": self._sandbox.owner, "code": code, "stdin": stdin, "seed": self._seed, "limits": limits.model_dump()}
        status, answer = await self._sandbox.ask("PUT", f"/sessions/{self._name}/calls/{self._number}", body)
        if status != 200:
            self._name, self._number = uuid.uuid4().hex, 0
            return Output(status="lost", text="The interpreter is gone. All variables are lost; the next call starts anew.\n")
        self._number += 1
        try:
            return Output.model_validate(answer)
        except ValidationError:
            raise SandboxError(f"the sandbox answers with what is no output: {str(answer)[:SHOWN]}") from None
