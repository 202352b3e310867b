"""The bytes of the chat API: answers parsed whole or piece by piece, and what a server's errors say.

Whatever is not an answer is worth another attempt, since proxies and starting servers talk nonsense.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from nemoflow.errors import ProviderError
from nemoflow.prompts.chat import THINK_CLOSE, THINK_OPEN
from nemoflow.records import Usage

SHOWN = 300
"""Characters of a server's message that are shown."""
LONGEST_LINE = 2**24
"""Bytes of one line of a stream; more is no stream."""


class Passing(Exception):
    """A failure that is worth another attempt; `label` is its kind in a word, for counting."""

    def __init__(self, label: str, what: str, kind: type[ProviderError] = ProviderError, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.label, self.what, self.kind, self.wait_s = label, what, kind, wait_s


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
    message: dict[str, Any] = field(default_factory=dict)
    """The message as the server wrote it, with what `text` leaves out, such as `tool_calls`."""


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


def completions(raw: bytes, n: int, seconds: float) -> list[Completion]:
    """Parse a whole answer; Passing where it is none."""
    try:
        payload = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Passing("garbage", f'answers 200 with a body that is not JSON: "{server_message(raw)}"') from None
    choices = payload.get("choices") if isinstance(payload, dict) else None
    if not isinstance(choices, list) or len(choices) != n or not all(_is_choice(choice) for choice in choices):
        raise Passing("garbage", f'answers 200 without {n} choices: "{server_message(raw)}"')
    return _ordered(choices, payload.get("usage"), n, seconds)


def _ordered(choices: list[dict[str, Any]], usage: Any, n: int, seconds: float) -> list[Completion]:
    ordered = sorted(choices, key=lambda choice: int(choice.get("index") or 0))
    return [_completion(choice, share, seconds) for choice, share in zip(ordered, _usages(usage, n), strict=True)]


def _is_choice(choice: Any) -> bool:
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict) or not isinstance(choice.get("index") or 0, int):
        return False
    message = choice["message"]
    return all(isinstance(message.get(key) or "", str) for key in ("content", "reasoning_content", "reasoning"))


def _completion(choice: dict[str, Any], usage: Usage, seconds: float) -> Completion:
    message, finish = choice["message"], str(choice.get("finish_reason") or "stop")
    reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
    return Completion(one_format(message.get("content") or "", reasoning, finish), finish, usage, seconds, message)


def _usages(usage: Any, n: int) -> list[Usage]:
    """The server counts a request as a whole: completion tokens are split evenly, so that sums stay right. What is not said counts as 0."""
    if usage is not None and not isinstance(usage, dict):
        raise Passing("garbage", f"answers 200 with usage = {repr(usage)[:SHOWN]}; an object with counts of tokens is right")
    counts: dict[str, Any] = usage or {}
    prompt, written = (_count(counts, key) for key in ("prompt_tokens", "completion_tokens"))
    return [Usage(prompt_tokens=prompt if i == 0 else 0, completion_tokens=written // n + (1 if i < written % n else 0)) for i in range(n)]


def _count(counts: dict[str, Any], key: str) -> int:
    count = counts.get(key)
    if count is None:
        return 0
    if type(count) is not int or count < 0:
        raise Passing("garbage", f"answers 200 with usage.{key} = {repr(count)[:SHOWN]}; a count of tokens is right")
    return count


class Stream:
    """An answer that comes piece by piece, put together."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._choices: dict[int, dict[str, Any]] = {}
        self._usage: Any = None
        self.pieces = 0
        """Pieces that held text; about as many as tokens."""

    async def read(self, blocks: AsyncIterable[bytes], seconds: Callable[[], float]) -> list[Completion]:
        """Everything up to the end; Passing where the stream breaks off or is none. `seconds()` is asked at the end."""
        async for data in _events(blocks):
            if data == b"[DONE]":
                break
            self._add(data)
        choices = [_joined(choice) for choice in self._choices.values() if choice["finish_reason"]]
        if len(choices) != self._n:
            raise Passing("broken", f"the stream ended with {len(choices)} of {self._n} answers complete")
        return _ordered(choices, self._usage, self._n, seconds())

    def _add(self, data: bytes) -> None:
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise Passing("garbage", f'streams what is not JSON: "{server_message(data)}"') from None
        if not isinstance(chunk, dict) or "error" in chunk or not isinstance(chunk.get("choices"), list):
            raise Passing("stream error", f'streams an error: "{server_message(data)}"')
        self._usage = chunk.get("usage") or self._usage
        for piece in chunk["choices"]:
            self._add_piece(piece, data)

    def _add_piece(self, piece: Any, data: bytes) -> None:
        delta = piece.get("delta") if isinstance(piece, dict) else None
        index = (piece.get("index") or 0) if isinstance(piece, dict) else None
        if not isinstance(delta or {}, dict) or type(index) is not int:
            raise Passing("garbage", f'streams a choice that is none: "{server_message(data)}"')
        choice = self._choices.setdefault(index, {"index": index, "message": {}, "finish_reason": None})
        for name, text in (delta or {}).items():
            if name in ("content", "reasoning_content", "reasoning") and text:
                if not isinstance(text, str):
                    raise Passing("garbage", f'streams {name} that is no text: "{server_message(data)}"')
                choice["message"].setdefault(name, []).append(text)
                self.pieces += 1
        choice["finish_reason"] = piece.get("finish_reason") or choice["finish_reason"]


def _joined(choice: dict[str, Any]) -> dict[str, Any]:
    return {**choice, "message": {name: "".join(pieces) for name, pieces in choice["message"].items()}}


async def _events(blocks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The `data:` lines of server-sent events, wherever blocks are cut; comments and other fields are passed over."""
    rest = b""
    async for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
        if len(rest) > LONGEST_LINE:
            raise Passing("garbage", f"streams a line of more than {LONGEST_LINE} bytes")
    if rest.startswith(b"data:"):
        yield rest[5:].strip()


def retry_after(value: str | None) -> float | None:
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


def server_message(raw: bytes) -> str:
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
