"""Asynchronous chat client for OpenAI-compatible endpoints: the only place that speaks to a model.

    async with ChatClient(Endpoint(url="http://127.0.0.1:8000/v1", model="solver"), Patience(concurrency=64)) as client:
        completion, = await client.complete(messages, Sampling(), seed=7)

What passes (429, 5xx, time-outs, broken connections, nonsense) is tried again with jitter, or when `Retry-After` says;
what does not (401, 403, 404, 400) raises `ProviderRefused` at once. aiohttp caps a session at 100 connections unless told
otherwise, so the connector's limit is the concurrency.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import aiohttp
import orjson

from nemoflow.errors import ProviderError, ProviderRefused
from nemoflow.inference.readiness import base_url, read_key
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.prompts.chat import THINK_CLOSE, THINK_OPEN
from nemoflow.records import Message, Usage

PASSING = frozenset({408, 409, 425, 429})
OF_THE_REQUEST = frozenset({400, 413, 422})
SHOWN = 300
"""Characters of a server's message that are shown."""


class Unreachable(ProviderError):
    """Nothing listens at the URL."""


class RequestRefused(ProviderRefused):
    """The server does not take this one request, such as a prompt beyond the model's context; others may pass."""


class _Passing(Exception):
    """A failure that is worth another attempt."""

    def __init__(self, what: str, kind: type[ProviderError] = ProviderError, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.what, self.kind, self.wait_s = what, kind, wait_s


@dataclass(frozen=True)
class Completion:
    """One answer. Of a request with n > 1 the first carries the prompt's tokens, so that sums over answers are right."""

    text: str
    """Thinking included; empty where the server's answer is, which is an answer like any other."""
    finish: str
    """`stop`, `length`, or the server's own word."""
    usage: Usage
    seconds: float
    """From sending the attempt that succeeded to its last byte."""


class ChatClient:
    """Bounded, patient access to one model; use it as an async context manager."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self._endpoint, self._patience = endpoint, patience
        self._base = base_url(endpoint.url)
        self._url = f"{self._base}/chat/completions"
        self._key = read_key(endpoint.api_key_env)
        self._slots = asyncio.Semaphore(patience.concurrency)
        self._paused_until = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        patience = self._patience
        timeout = aiohttp.ClientTimeout(
            total=patience.total_timeout_s, sock_connect=patience.connect_timeout_s, sock_read=patience.idle_timeout_s
        )
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=patience.concurrency),
            timeout=timeout,
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int, n: int = 1) -> list[Completion]:
        """Answers to one prompt, in the order of their index.

        Raises ProviderRefused (at once) or ProviderError (after the last retry); both name URL, status and the server's words.
        """
        body = {
            "model": self._endpoint.model,
            "messages": [message.model_dump() for message in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": seed,
            "n": n,
        }
        async with self._slots:
            return await self._insist(orjson.dumps(body), n)

    async def _insist(self, body: bytes, n: int) -> list[Completion]:
        """Attempt after attempt. The slot is held while waiting: an overloaded server is pressed less, not more."""
        attempts = self._patience.retries + 1
        for attempt in range(attempts):
            await self._wait_out_pause()
            try:
                return await self._attempt(body, n)
            except _Passing as trouble:
                if attempt + 1 == attempts:
                    raise trouble.kind(f"{self._url}: {trouble.what} (attempt {attempts} of {attempts})") from None
                await self._wait(attempt, trouble.wait_s)
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

    async def _attempt(self, body: bytes, n: int) -> list[Completion]:
        if self._session is None:
            raise RuntimeError("ChatClient is used outside of `async with`")
        begun = time.monotonic()
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                raw = await response.read()
                status, wait_s = response.status, _retry_after(response.headers.get("Retry-After"))
        except aiohttp.ClientConnectorCertificateError as error:
            raise ProviderRefused(f"{self._url}: its certificate is not trusted: {error.certificate_error}") from None
        except aiohttp.ConnectionTimeoutError:
            raise _Passing(f"no connection within {self._patience.connect_timeout_s:g} s", Unreachable) from None
        except aiohttp.ClientConnectorError as error:
            raise _Passing(f"nothing answers ({error.strerror or error}); is the server up, and is the URL right?", Unreachable) from None
        except TimeoutError:
            raise _Passing(f"timed out after {time.monotonic() - begun:.1f} s") from None
        except aiohttp.ClientError as error:
            raise _Passing(f"the connection broke: {type(error).__name__}: {self._redact(str(error))}") from None
        if status != 200:
            raise self._failure(status, raw, wait_s)
        return _completions(raw, n, time.monotonic() - begun)

    def _failure(self, status: int, raw: bytes, wait_s: float | None) -> Exception:
        said = f'{status}: "{self._redact(_server_message(raw))}"'
        if status in PASSING or status >= 500:
            return _Passing(f"answers {said}", wait_s=wait_s)
        kind = RequestRefused if status in OF_THE_REQUEST else ProviderRefused
        return kind(f"{self._url}: answers {said}; {self._advice(status)}")

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


def one_format(content: str, reasoning: str, finish: str) -> str:
    r"""One text, whether the server parts the reasoning from the answer or not.

    Example: `one_format("\\boxed{4}", "2 + 2", "stop")` is `"<think>\n2 + 2\n</think>\n\\boxed{4}"`. Reasoning that was cut off stays open.
    """
    if reasoning:
        thinking = THINK_OPEN + reasoning.strip("\n")
        return thinking if finish == "length" and not content else f"{thinking}\n{THINK_CLOSE}\n{content.lstrip(chr(10))}"
    if THINK_CLOSE in content and "<think>" not in content:  # the template opened the block in the prompt
        return THINK_OPEN + content.lstrip("\n")
    return content


def _retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header: a number, or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _server_message(raw: bytes) -> str:
    """The words of an error body, whichever of the usual shapes it has."""
    text = raw[:4000].decode("utf-8", "replace").strip()
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    return " ".join((found if isinstance(found, str) else text).split())[:SHOWN]


def _completions(raw: bytes, n: int, seconds: float) -> list[Completion]:
    """Parse an answer; whatever is not one is worth another attempt, since proxies and starting servers talk nonsense."""
    try:
        payload = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _Passing(f'answers 200 with a body that is not JSON: "{_server_message(raw)}"') from None
    choices = payload.get("choices") if isinstance(payload, dict) else None
    if not isinstance(choices, list) or len(choices) != n or not all(_is_choice(choice) for choice in choices):
        raise _Passing(f'answers 200 without {n} choices: "{_server_message(raw)}"')
    usages = _usages(payload.get("usage"), n)
    ordered = sorted(choices, key=lambda choice: int(choice.get("index") or 0))
    return [_completion(choice, usage, seconds) for choice, usage in zip(ordered, usages, strict=True)]


def _is_choice(choice: Any) -> bool:
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict) or not isinstance(choice.get("index") or 0, int):
        return False
    message = choice["message"]
    return all(isinstance(message.get(key) or "", str) for key in ("content", "reasoning_content", "reasoning"))


def _completion(choice: dict[str, Any], usage: Usage, seconds: float) -> Completion:
    message, finish = choice["message"], str(choice.get("finish_reason") or "stop")
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    return Completion(one_format(message.get("content") or "", reasoning, finish), finish, usage, seconds)


def _usages(usage: Any, n: int) -> list[Usage]:
    """The server counts a request as a whole: completion tokens are split evenly, so that sums stay right. What is not said counts as 0."""
    if usage is not None and not isinstance(usage, dict):
        raise _Passing(f"answers 200 with usage = {repr(usage)[:SHOWN]}; an object with counts of tokens is right")
    counts: dict[str, Any] = usage or {}
    prompt, written = (_count(counts, key) for key in ("prompt_tokens", "completion_tokens"))
    return [Usage(prompt_tokens=prompt if i == 0 else 0, completion_tokens=written // n + (1 if i < written % n else 0)) for i in range(n)]


def _count(counts: dict[str, Any], key: str) -> int:
    count = counts.get(key)
    if count is None:
        return 0
    if type(count) is not int or count < 0:
        raise _Passing(f"answers 200 with usage.{key} = {repr(count)[:SHOWN]}; a count of tokens is right")
    return count
