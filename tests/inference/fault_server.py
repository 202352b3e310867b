"""A real HTTP server in a thread that answers like an OpenAI-compatible endpoint, and misbehaves as it is told.

with FaultServer(seeded({"500": 0.3, "close": 0.1}, seed=1)) as server:
    ...  # ask server.url
server.completions  # every answer it gave whole, as (prompt, request seed)
"""

import asyncio
import hashlib
import threading
from collections import Counter
from collections.abc import Callable

import orjson
from aiohttp import web

ERRORS = {"400": 400, "401": 401, "403": 403, "404": 404, "422": 422, "429": 429, "500": 500, "502": 502, "503": 503}

USAGE = {"prompt_tokens": 10, "completion_tokens": 7}

Plan = Callable[[dict, int], str]
"""From a request's body and how often it was asked before to a fault's name, or `ok`."""


def healthy(body: dict, attempt: int) -> str:
    return "ok"


def always(fault: str) -> Plan:
    return lambda body, attempt: fault


def at_first(*faults: str) -> Plan:
    """These faults, one an attempt at each request, then `ok`."""
    return lambda body, attempt: faults[attempt] if attempt < len(faults) else "ok"


def seeded(rates: dict[str, float], seed: int, most: int = 3) -> Plan:
    """Faults drawn by request and attempt, at most so many a request: the same whatever order requests come in."""

    def plan(body: dict, attempt: int) -> str:
        if attempt >= most:
            return "ok"
        draw = number(seed, prompt_of(body), body["seed"], attempt) / 2**32
        for fault, rate in rates.items():
            draw -= rate
            if draw < 0:
                return fault
        return "ok"

    return plan


def number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def prompt_of(body: dict) -> str:
    return body["messages"][-1]["content"]


def boxed(body: dict) -> str:
    return f"<think>\nseed {body['seed']}\n</think>\n\\boxed{{{number(prompt_of(body), body['seed']) % 1000}}}"


class FaultServer:
    def __init__(
        self,
        plan: Plan = healthy,
        answer: Callable[[dict], str] = boxed,
        delay_s: float = 0.0,
        retry_after: str = "0.2",
        usage: object = USAGE,
    ):
        self.usage = usage
        self.plan, self.answer, self.delay_s, self.retry_after = plan, answer, delay_s, retry_after
        self.completions: list[tuple[str, int]] = []
        self.bodies: list[dict] = []
        self.headers: list[dict] = []
        self.in_flight = self.most_in_flight = 0
        self._asked: Counter[tuple[str, int]] = Counter()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over: asyncio.Event
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "FaultServer":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._over = asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        key = (prompt_of(body), body["seed"])
        fault = self.plan(body, self._asked[key])
        self._asked[key] += 1
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if fault in ERRORS:
            return self._error(request, fault)
        if fault == "garbage":
            return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
        if fault == "empty":
            return web.json_response({"choices": []})
        if fault == "hang":
            await self._over.wait()
            return web.Response(status=503)
        whole = orjson.dumps(self._completion(body))
        if fault == "close":
            response = web.StreamResponse(headers={"Content-Length": str(len(whole)), "Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        self.completions.append(key)
        return web.Response(body=whole, content_type="application/json")

    def _error(self, request: web.Request, fault: str) -> web.Response:
        headers = {"Retry-After": self.retry_after} if fault == "429" else {}
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        error = {"message": f"told to say {fault}, key was {key!r}", "type": "test", "param": None, "code": None}
        return web.json_response({"error": error}, status=ERRORS[fault], headers=headers)

    def _completion(self, body: dict) -> dict:
        choices = [
            {"index": i, "message": {"role": "assistant", "content": self.answer(body)}, "finish_reason": "stop"} for i in range(body["n"])
        ]
        return {
            "id": "chat-1",
            "object": "chat.completion",
            "model": body["model"],
            "choices": choices[::-1],
            "usage": self.usage,
        }
