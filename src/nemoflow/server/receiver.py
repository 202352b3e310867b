"""The receiver: a signed push or a notification of a bucket comes in, a Workflow is made, under the same name for the same cause.

POST /hooks/git      a push, as GitHub, Gitea and Forgejo send it (X-Hub-Signature-256), or a tool that has a token
POST /hooks/objects  new objects, as MinIO and S3 notify (Authorization: Bearer)
GET  /healthz

It answers only when the API server has the Workflow or has had it before, so a sender may send again whatever it does not hear of.
This module imports aiohttp; import it only where a server is wanted.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

import orjson
from aiohttp import web

from nemoflow.argo.api import Api
from nemoflow.argo.start import Start, start
from nemoflow.errors import ClusterError, ClusterRefused, ConfigError, InputError
from nemoflow.server.events import NewObject, read_objects, read_push
from nemoflow.server.keys import Keys
from nemoflow.server.rate import Rate
from nemoflow.server.triggers import Triggers

MOST_BYTES = 2 * 2**20
"""Of a body; a push of hundreds of commits has some hundred kilobytes."""
READ_S = 10.0
"""Seconds that a caller gets for its body."""
AT_ONCE = 16
"""Deliveries whose bodies are in memory at the same time."""
EVENTS = ("X-GitHub-Event", "X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event")
DELIVERIES = ("X-GitHub-Delivery", "X-Gitea-Delivery", "X-Forgejo-Delivery", "X-Gogs-Delivery")
PLAIN = re.compile(r"[^A-Za-z0-9._-]")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A delivery that starts nothing, and the answer to it."""

    def __init__(self, status: int, why: str, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.status, self.retry_after_s = status, retry_after_s


@dataclass(frozen=True)
class Receiver:
    """What it may start, for whom, and where."""

    triggers: Triggers
    keys: Keys
    api: Api
    say: Callable[[str], None]
    """Takes a line a delivery, in which nothing of its body stands but names that the triggers know."""
    rate: Rate
    seats: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


@dataclass
class Answer:
    """What became of a delivery."""

    started: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    """Runs that the same cause started before."""
    ignored: list[str] = field(default_factory=list)
    """Why triggers did not start anything."""

    def to_json(self) -> dict[str, Any]:
        """For the sender."""
        return {"started": self.started, "known": self.known, "ignored": self.ignored}


RECEIVER = web.AppKey("receiver", Receiver)


def create_app(receiver: Receiver) -> web.Application:
    """The server as a value."""
    app = web.Application(middlewares=[_answered], client_max_size=MOST_BYTES)
    app[RECEIVER] = receiver
    app.router.add_get("/healthz", _healthy)
    app.router.add_post("/hooks/git", _git)
    app.router.add_post("/hooks/objects", _objects)
    return app


async def _healthy(request: web.Request) -> web.Response:
    return _json(200, {"status": "ok"})


async def _git(request: web.Request) -> web.Response:
    receiver = request.app[RECEIVER]
    body = await _admitted(request)
    event = _first(request.headers, EVENTS)
    if event and event != "push":
        return _json(200, Answer(ignored=[f"event {event}: only pushes start anything"]).to_json())
    push = read_push(body)
    _require_young(receiver, "push", push.when)
    starts, ignored = receiver.triggers.of_push(push)
    return await _start_all(receiver, starts, ignored)


async def _objects(request: web.Request) -> web.Response:
    receiver = request.app[RECEIVER]
    found = read_objects(await _admitted(request))
    starts: list[Start] = []
    ignored: list[str] = []
    for one in found:
        _require_young(receiver, "object", one.when)
        mine, others = receiver.triggers.of_object(one)
        starts, ignored = starts + mine, ignored + others
    return await _start_all(receiver, starts, ignored or _nothing_new(found))


def _nothing_new(found: list[NewObject]) -> list[str]:
    return [] if found else ["no new object in it"]


async def _admitted(request: web.Request) -> bytes:
    """The body of a caller who has a key; who has none is told nothing more."""
    receiver = request.app[RECEIVER]
    async with receiver.seats:
        try:
            body = await asyncio.wait_for(request.read(), READ_S)
        except TimeoutError:
            raise Refused(408, f"the body did not come within {READ_S:.0f} s") from None
    if not receiver.keys.admit(request.headers, body):
        raise Refused(401, "no valid signature (X-Hub-Signature-256) or token (Authorization: Bearer)")
    return body


def _require_young(receiver: Receiver, what: str, when: datetime | None) -> None:
    why = receiver.triggers.why_too_old(when)
    if why:
        raise Refused(422, f"the {what} {why}")


async def _start_all(receiver: Receiver, starts: list[Start], ignored: list[str]) -> web.Response:
    answer = Answer(ignored=ignored)
    for wanted in starts:
        wait_s = receiver.rate.take(wanted.trigger)
        if wait_s:
            limit = receiver.triggers.starts_per_hour
            raise Refused(429, f"trigger {wanted.trigger}: more than {limit} starts in an hour; send it again", wait_s)
        is_new = False
        try:
            is_new = await asyncio.to_thread(start, receiver.api, wanted)
        finally:
            if not is_new:
                receiver.rate.give_back(wanted.trigger)
        (answer.started if is_new else answer.known).append(wanted.run)
    return _json(201 if answer.started else 200, answer.to_json())


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal as JSON, and a line for the log."""
    try:
        response = await handler(request)
    except Refused as refused:
        response = _refusal(refused.status, str(refused), refused.retry_after_s)
    except InputError as error:
        response = _refusal(400, str(error))
    except ConfigError as error:  # a file of keys that cannot be read any more
        request.app[RECEIVER].say(str(error))
        response = _refusal(500, "the receiver is set up wrongly; its log says how")
    except ClusterRefused as error:
        request.app[RECEIVER].say(str(error))
        response = _refusal(500, "the cluster refuses the run; the receiver's log says why")
    except ClusterError as error:
        request.app[RECEIVER].say(str(error))
        response = _refusal(503, "the cluster is away; send it again", 30)
    except web.HTTPRequestEntityTooLarge:
        response = _refusal(413, f"the body is larger than {MOST_BYTES} bytes")
    except web.HTTPException as error:
        response = _refusal(error.status, error.reason)
    if request.path != "/healthz":
        _tell(request, response)
    return response


def _tell(request: web.Request, response: web.StreamResponse) -> None:
    body = orjson.loads(response.body) if isinstance(response, web.Response) and isinstance(response.body, bytes) else {}
    runs = [f"{what} {', '.join(body[what])}" for what in ("started", "known") if body.get(what)]
    delivery = PLAIN.sub("?", _first(request.headers, DELIVERIES))[:64] or "-"
    said = "; ".join(runs) or ("nothing to start" if response.status < 300 else "refused")
    path = request.path if request.path in ("/hooks/git", "/hooks/objects") else "elsewhere"
    request.app[RECEIVER].say(f"{path} delivery {delivery} from {request.remote}: {response.status} {said}")


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((headers[name] for name in names if name in headers), "")


def _refusal(status: int, why: str, retry_after_s: float = 0.0) -> web.Response:
    return _json(status, {"error": why}, {"Retry-After": str(ceil(retry_after_s))} if retry_after_s else {})


def _json(status: int, value: dict[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json", headers=dict(headers or {}))
