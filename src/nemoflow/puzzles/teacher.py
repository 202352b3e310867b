"""The solver teacher: the contest's puzzles answered by their solvers, behind the HTTP that vLLM and OpenAI speak.

    nemoflow puzzles serve --port 8001 --error-rate 0.12 --seed 7
    curl localhost:8001/v1/chat/completions -d '{"model": "solver-v2-e0.12-s7", "messages": [{"role": "user", "content": "..."}]}'

This module imports aiohttp; import it only where a server is wanted.
"""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from nemoflow import serving
from nemoflow.puzzles import wire
from nemoflow.puzzles.mistakes import Response
from nemoflow.puzzles.persona import Persona, model_id

__all__ = ["create_app", "model_id", "serve"]

PERSONA = web.AppKey("persona", Persona)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(persona: Persona) -> web.Application:
    """The server as a value: GET /health, GET /v1/models and /v1/models/{id}, POST /v1/chat/completions."""
    app = web.Application(middlewares=[_errors_as_openai])
    app[PERSONA] = persona
    app.router.add_get("/health", _health)
    app.router.add_get("/v1/models", _models)
    app.router.add_get("/v1/models/{id:.+}", _model)
    app.router.add_post("/v1/chat/completions", _chat)
    return app


def serve(persona: Persona, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT; `announce` is told the URL once the port is open. Port 0 takes a free one."""
    serving.serve(create_app(persona), host, port, lambda url: announce(f"{url}/v1"))


async def _health(request: web.Request) -> web.Response:
    return _json({"status": "ok"})


async def _models(request: web.Request) -> web.Response:
    return _json({"object": "list", "data": [_card(request.app[PERSONA])]})


async def _model(request: web.Request) -> web.Response:
    persona = request.app[PERSONA]
    _require_served(persona, request.match_info["id"])
    return _json(_card(persona))


def _card(persona: Persona) -> wire.Json:
    return {"id": persona.model, "object": "model", "created": 0, "owned_by": "nemoflow"}


def _require_served(persona: Persona, model: str) -> None:
    if model != persona.model:
        raise wire.Refused(404, f"the model {model!r} does not exist; this server has {persona.model!r}", "model", "model_not_found")


async def _chat(request: web.Request) -> web.StreamResponse:
    persona = request.app[PERSONA]
    asked = wire.parse(await request.read())
    _require_served(persona, asked.model)
    responses = await asyncio.to_thread(_respond, persona, asked)  # a hard puzzle must not hold up /health
    return await _stream(request, asked, responses) if asked.stream else _json(wire.completion(asked, responses))


def _respond(persona: Persona, asked: wire.ChatRequest) -> list[Response]:
    replies = (persona.reply(asked.turns, asked.seed, index) for index in range(asked.n or 1))
    return [wire.cut(reply, asked.limit, asked.stops) for reply in replies]


async def _stream(request: web.Request, asked: wire.ChatRequest, responses: list[Response]) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await stream.prepare(request)
    for chunk in wire.chunks(asked, responses):
        await stream.write(b"data: " + orjson.dumps(chunk) + b"\n\n")
    await stream.write(b"data: [DONE]\n\n")
    await stream.write_eof()
    return stream


@web.middleware
async def _errors_as_openai(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal, of this module or of aiohttp's router, in the form that clients of OpenAI read."""
    try:
        return await handler(request)
    except wire.Refused as refused:
        return _json(refused.body, refused.status)
    except web.HTTPError as error:
        body = wire.Refused(error.status, f"{error.reason}: {request.method} {request.path}").body
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _json(body, error.status, allow)


def _json(value: wire.Json, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json", headers=headers)
