"""Responses that run Python on the way: generate up to the end of a block of code, run it, go on behind its output.

    with CodeRuns(LocalSandbox(limits), limits) as runs:
        said = write_all(tokenizer, prompts, 7680, runs, generate)

What stands in a response then is what stands in a teacher's trace (inference/tools.py): the block, what it printed, what is left. The
student is never asked for an output, so it cannot make one up and be believed.
asyncio is imported where it is used: it is a tenth of the start of every command that builds a pipeline.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from nemoflow.prompts.tools import closed_block, told_output
from nemoflow.sandbox.limits import Limits, Output

if TYPE_CHECKING:
    from nemoflow.sandbox.remote import RemoteSandbox
    from nemoflow.sandbox.session import LocalSandbox, Session

Generate = Callable[[Sequence[list[int]], int, Sequence[int]], list[list[int]]]
"""(prompts, most new tokens, places in the batch) -> what was generated of each; it may stop at the end of a block."""


@dataclass
class Said:
    """A response under way."""

    tokens: list[int] = field(default_factory=list)
    """All of it, what Python printed as well."""
    written: int = 0
    """Tokens that the student wrote."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    is_over: bool = False


class CodeRuns:
    """A sandbox for whoever is not asynchronous; a context manager."""

    def __init__(self, sandbox: "LocalSandbox | RemoteSandbox", limits: Limits) -> None:
        import asyncio

        self.limits = limits
        self._sandbox = sandbox
        self._runner = asyncio.Runner()
        self._sessions: dict[int, Session] = {}

    def __enter__(self) -> Self:
        self._runner.__enter__()
        try:
            self._runner.run(self._sandbox.__aenter__())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        try:
            self.end()
            self._runner.run(self._sandbox.__aexit__(None, None, None))
        finally:
            self._runner.close()

    def run(self, codes: Mapping[int, str]) -> dict[int, Output]:
        """Run a block each for some responses of a batch, by their places; a response keeps its variables from block to block."""
        return self._runner.run(self._run(codes))

    async def _run(self, codes: Mapping[int, str]) -> dict[int, Output]:
        import asyncio

        for place in codes:
            if place not in self._sessions:
                self._sessions[place] = await self._sandbox.session().__aenter__()
        outputs = await asyncio.gather(*(self._sessions[place].run(code) for place, code in codes.items()))
        return dict(zip(codes, outputs, strict=True))

    def end(self, places: Iterable[int] | None = None) -> None:
        """End the interpreters of responses that are over; without `places` those of the whole batch."""
        wanted = self._sessions.keys() if places is None else self._sessions.keys() & set(places)
        ended = [self._sessions.pop(place) for place in list(wanted)]
        if ended:
            self._runner.run(self._end(ended))

    async def _end(self, sessions: "Iterable[Session]") -> None:
        import asyncio

        await asyncio.gather(*(session.__aexit__(None, None, None) for session in sessions))


def block_within(tokenizer: Any, tokens: Sequence[int]) -> tuple[int, str] | None:
    """(tokens up to the end of the first whole block of code, its code); None where there is none."""
    if closed_block(tokenizer.decode(tokens)) is None:
        return None
    for count, token in enumerate(tokens, 1):
        if "\n" in tokenizer.decode([token]) and (block := closed_block(tokenizer.decode(tokens[:count]))):
            return count, block[1]
    return None


def write_all(tokenizer: Any, prompts: Sequence[list[int]], most: int, runs: CodeRuns, generate: Generate) -> list[Said]:
    """A response to each prompt, of `most` tokens of the student's own at most; its code is run as long as calls are left."""
    said = [Said() for _ in prompts]
    try:
        while active := [place for place, one in enumerate(said) if not one.is_over]:
            left = max(most - said[place].written for place in active)
            turns = generate([prompts[place] + said[place].tokens for place in active], left, active)
            codes = {}
            for place, turn in zip(active, turns, strict=True):
                code = _take(tokenizer, said[place], turn[: most - said[place].written], most, runs.limits.calls)
                if code is not None:
                    codes[place] = code
            runs.end(place for place in active if said[place].is_over)
            for place, output in runs.run(codes).items():
                _tell(tokenizer, said[place], codes[place], output, runs.limits.calls)
    finally:
        runs.end()
    return said


def _take(tokenizer: Any, one: Said, turn: list[int], most: int, calls: int) -> str | None:
    """Add a turn, up to its first block; the code to run, None where the response is over."""
    block = block_within(tokenizer, turn)
    if block:
        turn = turn[: block[0]]
    one.tokens += turn
    one.written += len(turn)
    one.is_over = block is None or one.written >= most or len(one.calls) >= calls
    return None if one.is_over or block is None else block[1]


def _tell(tokenizer: Any, one: Said, code: str, output: Output, calls: int) -> None:
    one.calls.append({"code": code, "output": output.text, "status": output.status, "seconds": round(output.seconds, 3)})
    one.tokens += tokenizer.encode(told_output(output.text, calls - len(one.calls)), add_special_tokens=False)
