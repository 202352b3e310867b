"""A real HTTP server that answers like an OpenAI-compatible endpoint, misbehaves as it is told, and remembers every answer it gave.

with FaultServer(seeded({"500": 0.3, "close": 0.1}, seed=1)) as server:
    ...  # ask server.url
server.completions  # every answer it gave whole, as (prompt, request seed)

As a program it also dies, and its log survives that:

    python -m tests.inference.fault_server PORT LOG --rates 500=0.05,hang=0.02 --delay 0.05 --crash-after 20000
"""

import argparse
import asyncio
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

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
        delay_s: float | Callable[[dict], float] = 0.0,
        retry_after: str = "0.2",
        usage: object = USAGE,
        finish: Callable[[dict], str] = lambda body: "stop",
        piece_s: float = 0.0,
        capacity: int = 10**9,
        knows_stream_options: bool = True,
    ):
        self.usage, self.finish, self.piece_s = usage, finish, piece_s
        self.plan, self.answer, self.delay_s, self.retry_after = plan, answer, delay_s, retry_after
        self.capacity, self.knows_stream_options = capacity, knows_stream_options
        """More in flight than `capacity` are answered 503."""
        self.completions: list[tuple[str, int]] = []
        self.bodies: list[dict] = []
        self.headers: list[dict] = []
        self.in_flight = self.most_in_flight = 0
        self.abandoned = 0
        """Streams whose reader went away."""
        self.pieces = 0
        """Pieces of streams that were written."""
        self._asked: Counter[tuple[str, int]] = Counter()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over: asyncio.Event
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "FaultServer":
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self.run())

    async def run(self, port: int = 0) -> None:
        self._over = asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
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
        delay = self.delay_s(body) if callable(self.delay_s) else self.delay_s
        if self.in_flight > self.capacity:
            return self._error(request, "503")
        if "stream_options" in body and not self.knows_stream_options:
            return web.json_response({"error": {"message": "unknown field stream_options"}}, status=400)
        if delay:
            await asyncio.sleep(delay)
        if fault in ERRORS:
            return self._error(request, fault)
        if fault == "garbage":
            return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
        if fault == "empty":
            return web.json_response({"choices": []})
        if fault == "hang":
            await self._over.wait()
            return web.Response(status=503)
        if body.get("stream"):
            return await self._stream(request, body, key, fault)
        text = self.answer(body)
        whole = orjson.dumps(self._completion(body, text))
        if fault == "close":
            response = web.StreamResponse(headers={"Content-Length": str(len(whole)), "Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        self.gave(key, text)
        return web.Response(body=whole, content_type="application/json")

    def gave(self, key: tuple[str, int], text: str) -> None:
        """An answer leaves the server whole."""
        self.completions.append(key)

    async def _stream(self, request: web.Request, body: dict, key: tuple[str, int], fault: str) -> web.StreamResponse:
        """Words as pieces; `silent` stops after the first, `cut` ends in the middle, `stream error` says so there."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        text = self.answer(body)
        pieces = [piece + " " for piece in text.split(" ")]
        pieces[-1] = pieces[-1][:-1]
        try:
            for place, piece in enumerate(pieces):
                if fault != "ok" and place == len(pieces) // 2:
                    if fault == "silent":
                        await self._over.wait()
                    elif fault == "stream error":
                        await response.write(b'data: {"error": {"message": "out of memory"}}\n\n')
                    return response
                await response.write(self._event([{"index": 0, "delta": {"content": piece}, "finish_reason": None}]))
                self.pieces += 1
                if self.piece_s:
                    await asyncio.sleep(self.piece_s)
            await response.write(self._event([{"index": 0, "delta": {}, "finish_reason": self.finish(body)}]))
            if "stream_options" in body:
                await response.write(self._event([], usage=self.usage))
            await response.write(b": a comment\n\ndata: [DONE]\n\n")
        except ConnectionError:
            self.abandoned += 1
            return response
        self.gave(key, text)
        return response

    def _event(self, choices: list[dict], **fields: object) -> bytes:
        return b"data: " + orjson.dumps({"object": "chat.completion.chunk", "choices": choices, **fields}) + b"\n\n"

    def _error(self, request: web.Request, fault: str) -> web.Response:
        headers = {"Retry-After": self.retry_after} if fault == "429" else {}
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        error = {"message": f"told to say {fault}, key was {key!r}", "type": "test", "param": None, "code": None}
        return web.json_response({"error": error}, status=ERRORS[fault], headers=headers)

    def _completion(self, body: dict, text: str) -> dict:
        choices = [
            {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": self.finish(body)} for i in range(body["n"])
        ]
        return {
            "id": "chat-1",
            "object": "chat.completion",
            "model": body["model"],
            "choices": choices[::-1],
            "usage": self.usage,
        }


class LoggingServer(FaultServer):
    """Every answer has a number of its own, and a line in a file before it leaves; after so many it dies in the middle of others."""

    def __init__(self, log: Path, crash_after: int, **options: object) -> None:
        super().__init__(answer=self._numbered, **options)
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._crash_after = crash_after
        self._number = 0

    def _numbered(self, body: dict) -> str:
        self._number += 1
        return f"<think>\n{os.getpid()}-{self._number}\n</think>\n\\boxed{{{number(prompt_of(body)) % 1000}}}"

    def gave(self, key: tuple[str, int], text: str) -> None:
        os.write(self._log, orjson.dumps([*key, text]) + b"\n")
        if self._number >= self._crash_after:
            os._exit(137)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("log", type=Path)
    parser.add_argument("--rates", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--crash-after", type=int, default=10**9)
    options = parser.parse_args()
    rates = {name: float(rate) for name, _, rate in (pair.partition("=") for pair in options.rates.split(",") if pair)}
    server = LoggingServer(options.log, options.crash_after, plan=seeded(rates, options.seed), delay_s=options.delay)
    with suppress(KeyboardInterrupt):
        asyncio.run(server.run(options.port))


if __name__ == "__main__":
    main()
