r"""From an attempt to its reply: one completion, and where it fell short of an answer, a repair of its budget.

- *continued*: the server cut the thought off before the attempt's own limit; it is asked to go on.
- *forced-answer*: the thought used up its tokens; the tail that was held back makes the model answer now (rLLM does the same).
- *asked-for-box*: a whole response without `\boxed{}`; the box alone is asked for, once.

Each that happened is named in the trace's `meta["repairs"]`. With `prefill` the model goes on in its own words, where the server can
(`continue_final_message` of vLLM and SGLang); else it is told in a further turn, which every server takes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from nemoflow.answers.competition import boxed_answer
from nemoflow.harvest.attempts import Attempt
from nemoflow.inference.fleet import Chat
from nemoflow.inference.request import Reply
from nemoflow.inference.tools import Tools, converse
from nemoflow.inference.wire import Completion
from nemoflow.prompts.chat import THINK_CLOSE, THINK_OPEN, split_response
from nemoflow.prompts.repair import ANSWER_NOW, BOX_ONLY, GO_ON
from nemoflow.records import Message, Usage
from nemoflow.sandbox.session import Sandbox

PREFILL = {"continue_final_message": True, "add_generation_prompt": False}
BOX_TOKENS = 512
"""What a box alone may take where no tail is held back."""

Respond = Callable[[Chat, Attempt], Awaitable[Reply]]
"""How an attempt is answered."""


@dataclass(frozen=True)
class Repairs:
    """Which repairs are made; the default makes none."""

    answer_tokens: int = 0
    """Held back of `max_tokens` for the answer; 0 forces none."""
    continue_rounds: int = 0
    """How often a thought is continued that the server cut off before its limit."""
    ask_for_box: bool = False
    prefill: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What of it decides a trace, without what says nothing."""
        return {name: value for name, value in vars(self).items() if value}


async def once(chat: Chat, attempt: Attempt) -> Reply:
    """The completion as it comes."""
    (found,) = await chat.complete(attempt.messages, attempt.sampling, attempt.seed, extra=attempt.extra)
    return Reply(found.text, found.finish, found.usage, found.seconds)


def repairing(repairs: Repairs) -> Respond:
    """How to answer with these repairs."""
    if not repairs.identity:
        return once

    async def respond(chat: Chat, attempt: Attempt) -> Reply:
        return await _Talk(chat, attempt, repairs).hold()

    return respond


def with_python(tools: Tools, sandbox: Sandbox) -> Respond:
    """How to answer where the model may run code."""

    async def respond(chat: Chat, attempt: Attempt) -> Reply:
        return await converse(chat, attempt.messages, attempt.sampling, attempt.seed, attempt.extra, tools, sandbox)

    return respond


class _Talk:
    """One attempt under way."""

    def __init__(self, chat: Chat, attempt: Attempt, repairs: Repairs) -> None:
        self._chat, self._attempt, self._repairs = chat, attempt, repairs
        self._text, self._finish = "", ""
        self._usage, self._seconds = Usage(), 0.0
        self._turns = 0
        self._made: list[str] = []

    async def hold(self) -> Reply:
        repairs, limit = self._repairs, self._attempt.sampling.max_tokens - self._repairs.answer_tokens
        found = await self._ask(self._attempt.messages, limit, {})
        self._text, self._finish = found.text, found.finish
        for _ in range(repairs.continue_rounds):
            left = limit - self._usage.completion_tokens
            if self._finish != "length" or left <= 0 or not self._usage.completion_tokens:
                break
            await self._continue(left)
        if self._finish == "length" and repairs.answer_tokens:
            await self._force()
        elif self._finish != "length" and repairs.ask_for_box and boxed_answer(self._text) is None:
            await self._ask_for_box()
        meta = {"repairs": self._made} if self._made else {}
        return Reply(self._text, self._finish, self._usage, self._seconds, meta)

    async def _ask(self, messages: tuple[Message, ...], max_tokens: int, extra: dict[str, Any]) -> Completion:
        sampling = replace(self._attempt.sampling, max_tokens=max_tokens)
        (found,) = await self._chat.complete(
            messages, sampling, (self._attempt.seed + self._turns) % 2**31, extra={**self._attempt.extra, **extra}
        )
        self._turns += 1
        self._usage = Usage(
            prompt_tokens=self._usage.prompt_tokens + found.usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens + found.usage.completion_tokens,
        )
        self._seconds += found.seconds
        return found

    async def _further(self, so_far: str, told: str, max_tokens: int) -> tuple[str, str]:
        """(what the model adds to `so_far`, finish): in its own words where it can be prefilled, else told to in a turn of its own."""
        own = (*self._attempt.messages, Message(role="assistant", content=so_far))
        if self._repairs.prefill:
            found = await self._ask(own, max_tokens, PREFILL)
            added = str(found.message.get("content") or "") or str(found.message.get("reasoning_content") or "")
            return added.removeprefix(so_far), found.finish
        found = await self._ask((*own, Message(role="user", content=told)), max_tokens, {})
        return found.text, found.finish

    async def _continue(self, left: int) -> None:
        added, self._finish = await self._further(self._text, GO_ON, left)
        if not self._repairs.prefill:
            thought, final = split_response(added)
            added = f"\n{thought}" + (f"\n{THINK_CLOSE}\n{final}" if final else "")
            if THINK_CLOSE in self._text or not self._text.startswith(THINK_OPEN):
                added = f"\n{final or thought}"
        self._text += added
        self._made.append("continued")

    async def _force(self) -> None:
        """Close the thought and have the answer written; where even that is cut off, the trace stays cut off."""
        is_thinking = THINK_CLOSE not in self._text and self._text.startswith("<think>")
        closed = f"{self._text}\n{THINK_CLOSE}\n" if is_thinking else f"{self._text}\n"
        so_far = closed + "\\boxed{" if self._repairs.prefill else closed
        added, finish = await self._further(so_far, ANSWER_NOW, self._repairs.answer_tokens)
        answer = boxed_answer("\\boxed{" + added if self._repairs.prefill else added)
        if answer is not None and finish != "length":
            self._text, self._finish = f"{closed}\\boxed{{{answer}}}", "stop"
        self._made.append("forced-answer")

    async def _ask_for_box(self) -> None:
        own = (*self._attempt.messages, Message(role="assistant", content=self._text), Message(role="user", content=BOX_ONLY))
        found = await self._ask(own, self._repairs.answer_tokens or BOX_TOKENS, {})
        answer = boxed_answer(found.text)
        if answer is not None:
            self._text = f"{self._text.rstrip()}\n\\boxed{{{answer}}}"
        self._made.append("asked-for-box")
