"""Sessions over HTTP, for those who run where no code of a model's may: `nemoflow sandbox serve`. Imports aiohttp.

    PUT    /sessions/ID/calls/0    {"owner": "...", "seed": 7, "limits": {...}, "code": "x = 1"}    -> an Output
    PUT    /sessions/ID/calls/1    ...
    DELETE /sessions/ID
    PUT    /owners/OWNER           "I am alive"; the sessions of an owner that is silent for `lease_s` are ended
    GET    /health

Calls are numbered: asking for a call again, after a broken connection, gives the same output and runs nothing twice.
"""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from pydantic import Field

from nemoflow.config import Config, build
from nemoflow.errors import ConfigError, SandboxError
from nemoflow.sandbox.limits import Limits, Output
from nemoflow.sandbox.session import LocalSandbox, LocalSession

MOST_BYTES = 32 << 20
"""Of a request."""
NAME = "[A-Za-z0-9_.-]{1,64}"


class Call(Config):
    """A request to run a block of code."""

    owner: str
    """Who keeps the session alive."""
    code: str
    """Python."""
    stdin: str = ""
    """What `input()` reads."""
    seed: int = 0
    """Of the session's random numbers; of its first call only."""
    limits: dict[str, Any] = Field({})
    """What of the service's limits is to be less; of the first call only."""


@dataclass
class _Held:
    """A session, and its last call."""

    session: LocalSession
    owner: str
    number: int = -1
    call: "asyncio.Task[Output] | None" = None


@dataclass
class Service:
    """The sessions of one sandbox, by their owners' names for them."""

    sandbox: LocalSandbox
    sessions: int = 64
    """At the same time, at most; beyond that callers are told to wait."""
    lease_s: float = 60.0
    token: str = ""
    """What callers must show as `Authorization: Bearer`; empty asks for nothing."""
    _held: dict[str, _Held] = field(default_factory=dict)
    _seen: dict[str, float] = field(default_factory=dict)

    def app(self) -> web.Application:
        """The routes, and the work that goes on beside them."""
        app = web.Application(client_max_size=MOST_BYTES, middlewares=[self._only_with_token])
        app.router.add_get("/health", self._health)
        app.router.add_put(f"/owners/{{owner:{NAME}}}", self._renew)
        app.router.add_put(f"/sessions/{{id:{NAME}}}/calls/{{number:[0-9]{{1,6}}}}", self._call)
        app.router.add_delete(f"/sessions/{{id:{NAME}}}", self._end)
        app.cleanup_ctx.append(self._end_the_ownerless)
        return app

    @web.middleware
    async def _only_with_token(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.token and request.path != "/health" and not hmac.compare_digest(shown.encode(), self.token.encode()):
            return _refused(401, "a token is asked for, as `Authorization: Bearer TOKEN`")
        return await handler(request)

    async def _health(self, request: web.Request) -> web.Response:
        limits = self.sandbox.limits.model_dump()
        return _answer({"walls": self.sandbox.walls.model_dump(), "limits": limits, "sessions": len(self._held), "lease_s": self.lease_s})

    async def _renew(self, request: web.Request) -> web.Response:
        self._seen[request.match_info["owner"]] = time.monotonic()
        return web.Response(status=204)

    async def _call(self, request: web.Request) -> web.Response:
        try:
            call = build(Call, orjson.loads(await request.read()), "call")
        except (ConfigError, ValueError, TypeError) as error:
            return _refused(400, f"{error}")
        self._seen[call.owner] = time.monotonic()
        name, number = request.match_info["id"], int(request.match_info["number"])
        held = self._held.get(name) or (self._opened(name, call) if number == 0 else None)
        if held is None:
            return _refused(410, f"there is no session {name!r} here; start anew with call 0")
        if isinstance(held, web.Response):
            return held
        if number == held.number + 1 and (held.call is None or held.call.done()):
            held.number, held.call = number, asyncio.create_task(held.session.run(call.code, call.stdin))
        if number != held.number or held.call is None:
            return _refused(409, f"call {number} cannot follow call {held.number} of session {name!r}")
        try:
            return _answer((await asyncio.shield(held.call)).model_dump())
        except SandboxError as error:
            self._drop(name)
            return _refused(503, str(error))

    def _opened(self, name: str, call: Call) -> "_Held | web.Response":
        try:
            limits = build(Limits, {**self.sandbox.limits.model_dump(), **call.limits}, "limits")
        except ConfigError as error:
            return _refused(422, str(error))
        for key, most in self.sandbox.limits.model_dump().items():
            if getattr(limits, key) > most:
                return _refused(422, f"limits.{key} = {getattr(limits, key)}: at most {most} here")
        if len(self._held) >= self.sessions:
            return _refused(429, f"all {self.sessions} sessions are taken", {"Retry-After": "1"})
        self._held[name] = _Held(self.sandbox.session(call.seed, limits), call.owner)
        return self._held[name]

    async def _end(self, request: web.Request) -> web.Response:
        self._drop(request.match_info["id"])
        return web.Response(status=204)

    def _drop(self, name: str) -> None:
        held = self._held.pop(name, None)
        if held is None:
            return
        if held.call:
            held.call.cancel()
        held.session.end()

    async def _end_the_ownerless(self, app: web.Application) -> AsyncIterator[None]:
        watch = asyncio.create_task(self._watch())
        yield
        watch.cancel()
        for name in list(self._held):
            self._drop(name)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.lease_s / 4)
            silent = {owner for owner, seen in self._seen.items() if time.monotonic() - seen > self.lease_s}
            for name in [name for name, held in self._held.items() if held.owner in silent]:
                self._drop(name)
            for owner in silent:
                del self._seen[owner]


def _answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _refused(status: int, why: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps({"error": why}), status=status, content_type="application/json", headers=headers)
