"""A sandbox service in the loop of a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nemoflow.sandbox.limits import Limits
from nemoflow.sandbox.service import Service
from nemoflow.sandbox.session import LocalSandbox
from nemoflow.serving import answer

MOST = Limits(calls=20, seconds=5)


@asynccontextmanager
async def serving(local: LocalSandbox, port: int = 0, **options: object) -> AsyncIterator[tuple[str, Service]]:
    service = Service(local, **options)
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(answer(service.app(), "127.0.0.1", port, ready.set_result, stop))
    done, _ = await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task in done:
        await task
    try:
        yield ready.result(), service
    finally:
        stop.set()
        await task
