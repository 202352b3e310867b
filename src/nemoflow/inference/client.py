"""Asynchronous chat client for OpenAI-compatible endpoints: the only place that speaks to a model.

    async with ChatClient(Endpoint(url="http://127.0.0.1:8000/v1", model="solver"), Patience(concurrency=64)) as client:
        completion, = await client.complete(messages, Sampling(), seed=7)

What passes (429, 5xx, time-outs, broken connections, nonsense) is tried again with jitter, or when `Retry-After` says;
what does not (401, 403, 404, 400) raises `ProviderRefused` at once. How many requests are in flight follows the server (window.py).
A request whose task is cancelled closes its connection, which ends the generation at the server.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import aiohttp
import orjson

from nemoflow.errors import ProviderError, ProviderRefused
from nemoflow.inference.readiness import PASSING, base_url, read_key
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.tally import Tally
from nemoflow.inference.teachers import Endpoint
from nemoflow.inference.window import Window
from nemoflow.inference.wire import Completion, Passing, Stream, completions, retry_after, server_message
from nemoflow.records import Message

PRESSED = frozenset({429, 503})
OF_THE_REQUEST = frozenset({400, 413, 422})
HEADERS = {"Content-Type": "application/json"}

Turn = Message | Mapping[str, Any]
"""A message, or one as the API has it where it is more than role and content."""


class Unreachable(ProviderError):
    """Nothing listens at the URL."""


class RequestRefused(ProviderRefused):
    """The server does not take this one request, such as a prompt beyond the model's context; others may pass."""


class ChatClient:
    """Bounded, patient access to one model at one URL; use it as an async context manager."""

    def __init__(self, endpoint: Endpoint, patience: Patience, tally: Tally | None = None) -> None:
        self._endpoint, self._patience = endpoint, patience
        self._base = base_url(endpoint.url)
        self._url = f"{self._base}/chat/completions"
        self._key = read_key(endpoint.api_key_env)
        self.window = Window(patience.concurrency, patience.start)
        self.tally = tally or Tally()
        self._price = endpoint.price
        self._paused_until = 0.0
        self._counts_streams = True
        self._refusal: ProviderRefused | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        patience = self._patience
        timeout = aiohttp.ClientTimeout(
            total=patience.total_timeout_s, sock_connect=patience.connect_timeout_s, sock_read=patience.idle_timeout_s
        )
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # the window bounds them; aiohttp's own limit would be 100
            timeout=timeout,
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def complete(
        self, messages: Sequence[Turn], sampling: Sampling, seed: int, n: int = 1, extra: Mapping[str, Any] | None = None
    ) -> list[Completion]:
        """Answers to one prompt, in the order of their index; `extra` are further fields of the request's JSON, such as `tools`.

        Raises ProviderRefused (at once) or ProviderError (after the last retry); both name URL, status and the server's words.
        """
        body = {
            "model": self._endpoint.model,
            "messages": [_turn(message) for message in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": seed,
            "n": n,
            **(extra or {}),
        }
        sent = self._encoded(body)  # before there is a place: then it only has to be sent
        async with self.window.slot():
            found = await self._insist(body, sent, n)
        prompt, written = (sum(getattr(one.usage, name) for one in found) for name in ("prompt_tokens", "completion_tokens"))
        self.window.answered(max(1, written))
        self.tally.pay(self._price, prompt, written)
        return found

    async def _insist(self, body: dict[str, Any], sent: bytes, n: int) -> list[Completion]:
        """Attempt after attempt. The slot is held while waiting: an overloaded server is pressed less, not more."""
        attempts = self._patience.retries + 1
        for attempt in range(attempts):
            await self._wait_out_pause()
            if self._refusal is not None:
                raise self._refusal
            try:
                return await self._attempt(sent, n)
            except Passing as trouble:
                if attempt + 1 == attempts:
                    raise trouble.kind(f"{self._url}: {trouble.what} (attempt {attempts} of {attempts})") from None
                self.tally.retries[trouble.label] += 1
                await self._wait(attempt, trouble.wait_s)
                sent = self._encoded(body)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _wait_out_pause(self) -> None:
        """A `Retry-After` holds for every request of this client, not only for the one that was told."""
        left = self._paused_until - time.monotonic()
        if left > 0:
            await asyncio.sleep(left + random.uniform(0, self._patience.backoff_s))

    async def _wait(self, attempt: int, asked_s: float | None) -> None:
        if asked_s is not None:
            self._paused_until = max(self._paused_until, time.monotonic() + min(asked_s, self._patience.max_wait_s))
            return
        mean_s = min(self._patience.backoff_s * 2.0**attempt, self._patience.max_wait_s)
        await asyncio.sleep(mean_s * random.uniform(0.5, 1.5))

    async def _attempt(self, sent: bytes, n: int) -> list[Completion]:
        begun = time.monotonic()
        stream = Stream(n)
        self.tally.sent += 1
        try:
            return await self._exchange(sent, n, stream, begun)
        except asyncio.CancelledError:
            self.tally.give_up(self._price, stream.pieces)
            raise
        except aiohttp.ClientConnectorCertificateError as error:
            raise ProviderRefused(f"{self._url}: its certificate is not trusted: {error.certificate_error}") from None
        except aiohttp.ConnectionTimeoutError:
            raise Passing("connection", f"no connection within {self._patience.connect_timeout_s:g} s", Unreachable) from None
        except aiohttp.ClientConnectorError as error:
            said = f"nothing answers ({error.strerror or error}); is the server up, and is the URL right?"
            raise Passing("connection", said, Unreachable) from None
        except TimeoutError:
            raise Passing("time-out", f"timed out after {time.monotonic() - begun:.1f} s") from None
        except aiohttp.ClientError as error:
            raise Passing("broken", f"the connection broke: {type(error).__name__}: {self._redact(str(error))}") from None

    async def _exchange(self, sent: bytes, n: int, stream: Stream, begun: float) -> list[Completion]:
        if self._session is None:
            raise RuntimeError("ChatClient is used outside of `async with`")
        async with self._session.post(self._url, data=sent, headers=HEADERS, allow_redirects=False) as response:
            if response.status == 200 and response.content_type == "text/event-stream":
                return await stream.read(response.content.iter_any(), lambda: time.monotonic() - begun)
            raw = await response.read()
            if response.status == 200:
                return completions(raw, n, time.monotonic() - begun)
            raise self._failure(response.status, raw, retry_after(response.headers.get("Retry-After")))

    def _encoded(self, body: dict[str, Any]) -> bytes:
        is_streamed = self._patience.stream and "tools" not in body  # calls of tools come whole
        return orjson.dumps(self._streamed(body) if is_streamed else body)

    def _streamed(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "stream": True, **({"stream_options": {"include_usage": True}} if self._counts_streams else {})}

    def _failure(self, status: int, raw: bytes, wait_s: float | None) -> Exception:
        said = f'{status}: "{self._redact(server_message(raw))}"'
        if status in PRESSED:
            self.window.pressed()
        if status in PASSING or status >= 500:
            return Passing(str(status), f"answers {said}", wait_s=wait_s)
        if status in OF_THE_REQUEST and self._counts_streams and "stream_options" in said:
            self._counts_streams = False  # an older server: it streams all the same
            return Passing("stream_options", f"answers {said}", wait_s=0.0)
        what = f"{self._url}: answers {said}; {self._advice(status)}"
        if status in OF_THE_REQUEST:
            return RequestRefused(what)
        self._refusal = ProviderRefused(what)  # it holds for every request: no further one is sent
        return self._refusal

    def _advice(self, status: int) -> str:
        variable = self._endpoint.api_key_env
        if status in (401, 403):
            return (
                f"check the key in the environment variable {variable}" if variable else "it wants a key: name its variable in api_key_env"
            )
        if status == 404:
            return f"check the URL, and that {self._base}/models lists {self._endpoint.model!r}"
        if status in OF_THE_REQUEST:
            return "check max_tokens, temperature and top_p against what the model takes, and the prompt's length"
        return "check that the URL is the API's own, such as http://host:8000/v1"

    def _redact(self, text: str) -> str:
        """Servers repeat a wrong key in their message."""
        return text.replace(self._key, "***") if self._key else text


def _turn(message: Turn) -> Mapping[str, Any]:
    return {"role": message.role, "content": message.content} if isinstance(message, Message) else message
