"""Several endpoints as one: the same model at several URLs, and several teachers that share the work by weights.

Which *teacher* a sample goes to is decided by its problem and index alone, because it is part of what the trace is; which *URL* of
a teacher is decided by who has the most room, because it is not. A URL where nothing listens is left alone for `REST_S`.

    async with Fleet(endpoint, Patience()) as fleet:
        completion, = await fleet.chat(teacher).complete(messages, Sampling(), seed=7)
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol, Self

import xxhash

from nemoflow.inference.client import ChatClient, Turn, Unreachable
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.tally import Tally
from nemoflow.inference.teachers import Endpoint
from nemoflow.inference.wire import Completion

REST_S = 30.0


class Chat(Protocol):
    """Access to one model."""

    async def complete(
        self, messages: Sequence[Turn], sampling: Sampling, seed: int, n: int = 1, extra: Mapping[str, Any] | None = None
    ) -> list[Completion]:
        """Answers to one prompt, in the order of their index."""
        ...


def teacher_of(endpoint: Endpoint, problem_id: str, sample: int) -> Endpoint:
    """Which of the mixed teachers a sample is asked of: each gets its weight's share, whatever else is asked."""
    teachers = endpoint.teachers
    if len(teachers) == 1:
        return teachers[0]
    left = xxhash.xxh3_64_intdigest(f"{problem_id}\0{sample}".encode()) / 2**64 * sum(teacher.weight for teacher in teachers)
    for teacher in teachers:
        left -= teacher.weight
        if left < 0:
            return teacher
    return teachers[-1]


class Fleet:
    """A client for each URL of each teacher, with one tally; use it as an async context manager."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self.tally = Tally()
        self._stack = AsyncExitStack()
        self._clients = [
            (ChatClient(place, patience, self.tally), share) for teacher in endpoint.teachers for place, share in teacher.places
        ]
        clients = iter(self._clients)
        self._chats = {(teacher.model, teacher.revision): _Spread([next(clients) for _ in teacher.places]) for teacher in endpoint.teachers}

    async def __aenter__(self) -> Self:
        for client, _ in self._clients:
            await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._stack.aclose()

    @property
    def in_flight(self) -> int:
        """Requests that are sent and not answered yet."""
        return sum(client.window.in_flight for client, _ in self._clients)

    def chat(self, teacher: Endpoint) -> Chat:
        """Access to one of the teachers."""
        return self._chats[teacher.model, teacher.revision]


class _Spread:
    """One model at several URLs."""

    def __init__(self, clients: Sequence[tuple[ChatClient, float]]) -> None:
        self._clients = clients
        self._asked = [0] * len(clients)
        self._rests_until = [0.0] * len(clients)

    async def complete(
        self, messages: Sequence[Turn], sampling: Sampling, seed: int, n: int = 1, extra: Mapping[str, Any] | None = None
    ) -> list[Completion]:
        """Ask where there is the most room; where nothing listens, ask the next. Unreachable where nobody is left."""
        tried: list[int] = []
        while True:
            index = self._choose(tried)
            self._asked[index] += 1
            try:
                return await self._clients[index][0].complete(messages, sampling, seed, n, extra)
            except Unreachable:
                self._rests_until[index] = time.monotonic() + REST_S
                tried.append(index)
                if len(tried) == len(self._clients):
                    raise
            finally:
                self._asked[index] -= 1

    def _choose(self, tried: Sequence[int]) -> int:
        left = [index for index in range(len(self._clients)) if index not in tried]
        now = time.monotonic()
        return min(left, key=lambda index: (self._rests_until[index] > now, (self._asked[index] + 1) / self._clients[index][1]))
