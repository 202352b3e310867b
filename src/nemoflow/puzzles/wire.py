"""OpenAI's chat completions on the wire: the request and what is wrong with it, the answer whole and in chunks.

Tokens: the solver teacher has no tokenizer, so a token is four characters, the last one of a text perhaps fewer.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from nemoflow.puzzles.mistakes import Response

TOKEN_CHARS = 4
CHUNK_CHARS = 16 * TOKEN_CHARS
MAX_STOPS = 4
"""Stop texts of a request, as OpenAI's reference has it."""
Json = dict[str, Any]


class Refused(Exception):
    """A request that gets an error of OpenAI's form."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code

    @property
    def body(self) -> Json:
        """What the client reads."""
        return {"error": {"message": str(self), "type": "invalid_request_error", "param": self.param, "code": self.code}}


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class TextPart(_Part):
    """A piece of a message; the only kind of piece that a text model reads."""

    type: Literal["text"]
    text: str


class ChatMessage(_Part):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None

    @field_validator("content")
    @classmethod
    def _only_an_assistant_may_be_silent(cls, content: str | list[TextPart] | None, info: ValidationInfo) -> str | list[TextPart] | None:
        """Its turn may have been a call of a tool; its content is then null."""
        if content is None and info.data.get("role", "assistant") != "assistant":
            raise ValueError("only an assistant's content may be null")
        return content

    @property
    def text(self) -> str:
        """Its content as one string."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or ())


class StreamOptions(_Part):
    """What a stream carries beside the text."""

    include_usage: bool = False


class ChatRequest(_Part):
    """A chat completion request; fields that the teacher has no use for are let through, as vLLM does."""

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=MAX_STOPS)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @model_validator(mode="after")
    def _options_need_a_stream(self) -> "ChatRequest":
        if self.stream_options and not self.stream:
            raise ValueError("stream_options: only allowed when stream is true")
        return self

    @property
    def limit(self) -> int | None:
        """Most tokens a choice may have."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end a choice; an empty string ends none."""
        listed = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in listed if stop)

    @property
    def turns(self) -> list[tuple[str, str]]:
        """(role, text) of each message."""
        return [(message.role, message.text) for message in self.messages]


def parse(body: bytes) -> ChatRequest:
    """Read a request; Refused names the parameter that is wrong, its value and what would be right."""
    try:
        return ChatRequest.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors()[0]
    location = problem["loc"]
    if problem["type"] == "json_invalid":
        raise Refused(400, f"the body is not JSON: {problem['msg']}")
    if not location:
        param = "stream_options" if problem["type"] == "value_error" else None
        raise Refused(400, problem["msg"].removeprefix("Value error, "), param)
    depth = {"messages": 3, "stream_options": 2}.get(str(location[0]), 1)  # what lies deeper names members of a union
    param = ".".join(str(part) for part in location[:depth])
    given = "" if problem["type"] == "missing" else f", got {repr(problem['input'])[:80]}"
    raise Refused(400, f"{param}: {problem['msg'].removeprefix('Value error, ')}{given}", param)


def count_tokens(text: str) -> int:
    """Tokens of a text, as the teacher counts them."""
    return -(-len(text) // TOKEN_CHARS)


def cut(response: Response, limit: int | None, stops: Sequence[str]) -> Response:
    """End a response before the first stop text, or after `limit` tokens, whichever comes first."""
    text = response.text if limit is None else response.text[: limit * TOKEN_CHARS]
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    if places:
        return Response(text[: min(places)], "stop")
    return response if len(text) == len(response.text) else Response(text, "length")


def usage(request: ChatRequest, responses: Sequence[Response]) -> Json:
    """Tokens of the prompt, once, and of all choices."""
    prompt = sum(count_tokens(text) for _, text in request.turns)
    completion = sum(count_tokens(response.text) for response in responses)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def completion(request: ChatRequest, responses: Sequence[Response]) -> Json:
    """The whole answer."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": response.text},
            "logprobs": None,
            "finish_reason": response.finish,
        }
        for index, response in enumerate(responses)
    ]
    return {**_head(request, "chat.completion"), "choices": choices, "usage": usage(request, responses)}


def chunks(request: ChatRequest, responses: Sequence[Response]) -> Iterator[Json]:
    """The answer as a stream: for each choice its role, its text, why it stopped; then the usage where it was asked for."""
    wants_usage = bool(request.stream_options and request.stream_options.include_usage)
    head = {**_head(request, "chat.completion.chunk"), **({"usage": None} if wants_usage else {})}
    for index, response in enumerate(responses):
        for delta, finish in _deltas(response):
            yield {**head, "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}]}
    if wants_usage:
        yield {**head, "choices": [], "usage": usage(request, responses)}


def _deltas(response: Response) -> Iterator[tuple[Json, str | None]]:
    yield {"role": "assistant", "content": ""}, None
    for start in range(0, len(response.text), CHUNK_CHARS):
        yield {"content": response.text[start : start + CHUNK_CHARS]}, None
    yield {}, response.finish


def _head(request: ChatRequest, kind: str) -> Json:
    """Two answers to one request are two answers: the id, like the time, is each one's own; nothing else of them differs."""
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": request.model}
