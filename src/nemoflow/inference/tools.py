r"""A conversation in which the model runs Python: turn after turn until it answers, or its calls or tokens are used up.

Two ways: `fences` (blocks of code in the text, for any chat model) and `calls` (OpenAI's tool calls). Both end as one text:

    <think>
    Let me compute it.
    ```python
    print(6 * 7)
    ```
    ```output
    42
    ```
    [7 blocks left]
    </think>
    \boxed{42}

An attempt is one row whatever happened on the way: its session lives as long as the conversation, and one that was cut short is
asked again from its first turn.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from nemoflow.inference.client import RequestRefused, Turn
from nemoflow.inference.fleet import Chat
from nemoflow.inference.request import Reply, Sampling
from nemoflow.inference.wire import Completion
from nemoflow.prompts import tools as words
from nemoflow.prompts.chat import THINK_CLOSE, THINK_OPEN, split_response
from nemoflow.records import Message, Usage
from nemoflow.sandbox.limits import Limits, Output
from nemoflow.sandbox.session import Sandbox, Session

Style = Literal["fences", "calls"]

_BLOCK = re.compile(r"^[ \t]*```[ \t]*(?:python|py)[ \t]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_CLOSED = re.compile(r"^[ \t]*```[ \t]*\Z", re.MULTILINE)
_PREFILL = {"continue_final_message": True, "add_generation_prompt": False}
_CHARS_A_TOKEN = 4
"""Where a server does not count tokens."""


@dataclass(frozen=True)
class Tools:
    """How a model may run code."""

    style: Style
    limits: Limits
    prefill: bool = False
    """Go on in the model's own turn, thoughts included: needs `continue_final_message`, which vLLM and SGLang know. With `fences`."""

    @property
    def identity(self) -> dict[str, Any]:
        """What of it decides a trace."""
        return {"style": self.style, **({"prefill": True} if self.prefill else {}), **self.limits.model_dump()}

    def system(self, system: str) -> str:
        """The system message that goes with it."""
        return words.system_for_fences(system, self.limits) if self.style == "fences" else system


async def converse(
    chat: Chat, messages: Sequence[Message], sampling: Sampling, seed: int, extra: Mapping[str, Any], tools: Tools, sandbox: Sandbox
) -> Reply:
    """One attempt. Raises what the client raises, and SandboxError where the sandbox itself fails; what code does wrong is in the text."""
    async with sandbox.session(seed) as session:
        return await _Talk(chat, messages, sampling, seed, extra, tools, session).hold()


@dataclass
class _Talk:
    """One conversation under way."""

    chat: Chat
    messages: Sequence[Message]
    sampling: Sampling
    seed: int
    extra: Mapping[str, Any]
    tools: Tools
    session: Session
    _said: str = ""
    """The transcript of all turns that are over, without marks of thinking."""
    _further: list[Turn] = field(default_factory=list)
    _calls: list[dict[str, Any]] = field(default_factory=list)
    _usage: Usage = field(default_factory=Usage)
    _seconds: float = 0.0
    _turns: int = 0
    _has_thought: bool = False

    async def hold(self) -> Reply:
        while True:
            left = self.sampling.max_tokens - self._usage.completion_tokens
            if left <= 0:
                return self._reply("", "length")
            try:
                found = await self._ask(left)
            except RequestRefused:
                if self._turns == 0:
                    raise
                return self._reply("", "length")  # the conversation has outgrown the model's context
            ran = await (self._run_block(found) if self.tools.style == "fences" else self._run_calls(found))
            if not ran:
                return self._reply(found.text, found.finish)

    async def _ask(self, max_tokens: int) -> Completion:
        sampling, seed = replace(self.sampling, max_tokens=max_tokens), (self.seed + self._turns) % 2**31
        messages = [*self.messages, *self._further]
        (found,) = await self.chat.complete(messages, sampling, seed, extra={**self.extra, **self._fields()})
        self._turns += 1
        written = found.usage.completion_tokens or len(found.text) // _CHARS_A_TOKEN
        self._usage = Usage(
            prompt_tokens=self._usage.prompt_tokens + found.usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens + written,
        )
        self._seconds += found.seconds
        self._has_thought |= found.text.startswith("<think>") or THINK_CLOSE in found.text
        return found

    def _fields(self) -> dict[str, Any]:
        if self.tools.style == "fences":
            return {"stop": [words.OUTPUT], **(_PREFILL if self.tools.prefill and self._said else {})}
        return {"tools": [words.function(self.tools.limits)], **({} if self._left else {"tool_choice": "none"})}

    @property
    def _left(self) -> int:
        return self.tools.limits.calls - len(self._calls)

    async def _run_block(self, found: Completion) -> bool:
        """Run the first whole block of a turn; what follows it was written without knowing its output, and is dropped."""
        block = self._block(found) if self._left else None
        if block is None:
            return False
        said, code = block
        self._say(said)
        output = await self._run(code)
        note = words.left(self._left, "block")
        self._tell(output, note)
        if self.tools.prefill:
            opened = THINK_OPEN if self._has_thought else ""
            self._further = [Message(role="assistant", content=opened + self._said)]
        else:
            shown = f"{words.output_block(output.text)}\n{note}"
            self._further += [Message(role="assistant", content=said), Message(role="user", content=shown)]
        return True

    def _block(self, found: Completion) -> tuple[str, str] | None:
        """(the turn up to the block's end, its code); None where there is no block, or one that was cut off.

        Outside of prefilling, a thought cannot be gone on with: only blocks after it are run.
        """
        begin = 0
        if not self.tools.prefill and found.text.startswith("<think>"):
            begin = found.text.find(THINK_CLOSE)
        block = _BLOCK.search(found.text, begin) if begin >= 0 else None
        if block is None or not block[1].strip():
            return None
        said = found.text[: block.end()]
        if not _CLOSED.search(said):
            if found.finish == "length":
                return None
            said = f"{said.rstrip()}\n{words.CLOSE}"
        return said, block[1]

    async def _run_calls(self, found: Completion) -> bool:
        wanted = found.message.get("tool_calls")
        if not wanted or not isinstance(wanted, list) or not self._left:
            return False
        self._say(found.text)
        self._further.append({"role": "assistant", "content": found.message.get("content") or "", "tool_calls": wanted})
        for place, call in enumerate(wanted):
            code, name = _code(call)
            if code is None:
                output = Output(status="error", text='Only {"code": "..."} for the tool `python` is understood.\n')
                self._calls.append(_record(str(call)[:200], output))
            else:
                self._say(f"{words.OPEN}\n{code}\n{words.CLOSE}")
                output = await self._run(code)
            note = words.left(self._left, "call")
            self._tell(output, note)
            told = f"{output.text}{note}" if place == len(wanted) - 1 else output.text
            self._further.append({"role": "tool", "tool_call_id": name, "content": told})
        return True

    async def _run(self, code: str) -> Output:
        if not self._left:
            return Output(status="spent", text="Not run: no call was left.\n")
        begun = time.monotonic()
        output = await self.session.run(code)
        self._seconds += time.monotonic() - begun
        self._calls.append(_record(code, output))
        return output

    def _say(self, text: str) -> None:
        plain = text.removeprefix("<think>").replace(THINK_CLOSE, "").strip("\n")
        self._said += f"{plain}\n" if plain else ""

    def _tell(self, output: Output, note: str) -> None:
        block = words.output_block(output.text)
        if output.status != "spent":
            self._calls[-1]["output_at"] = [len(self._said), len(self._said) + len(block) + 1 + len(note)]
        self._said += f"{block}\n{note}\n"

    def _reply(self, last: str, finish: str) -> Reply:
        """All turns as one text: where there was a thought, everything but the last turn's final part is one."""
        text, opened = self._said + last, ""
        if self._has_thought and self._said:
            opened = THINK_OPEN
            if THINK_CLOSE in last:
                thought, final = split_response(last)
                text = f"{self._said}{thought}\n{THINK_CLOSE}\n{final}"
            elif finish == "length" or last.startswith("<think>"):
                text = self._said + last.removeprefix("<think>").lstrip("\n")
            else:
                text = f"{self._said}{THINK_CLOSE}\n{last}"
        calls = [{**call, "output_at": [at + len(opened) for at in call["output_at"]]} for call in self._calls]
        return Reply(opened + text, finish, self._usage, self._seconds, {"calls": calls})


def _record(code: str, output: Output) -> dict[str, Any]:
    return {"code": code, "output": output.text, "status": output.status, "seconds": round(output.seconds, 3), "output_at": [0, 0]}


def _code(call: Any) -> tuple[str | None, str]:
    """(the code of a tool call, its id); models write all sorts of things there."""
    name = str(call.get("id") or "") if isinstance(call, dict) else ""
    called = call.get("function") if isinstance(call, dict) else None
    if not isinstance(called, dict) or called.get("name") != "python":
        return None, name
    arguments = called.get("arguments")
    try:
        given = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    except orjson.JSONDecodeError:
        return None, name
    code = given.get("code") if isinstance(given, dict) else None
    return (code, name) if isinstance(code, str) else (None, name)
