"""How long a session takes to start, and a call to come back: on this machine, and at a service over HTTP.

    python benchmarks/sandbox_latency.py [--sessions 50] [--calls 200]

Prints medians and the slowest tenth. For comparison: a Python process of its own for each call, which keeps no variables, once as it is and
once with sympy imported, which sessions have at their start.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from nemoflow.sandbox.limits import Limits
from nemoflow.sandbox.remote import RemoteSandbox
from nemoflow.sandbox.service import Service
from nemoflow.sandbox.session import LocalSandbox, Sandbox
from nemoflow.serving import answer


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


def tell(what: str, seconds: list[float]) -> None:
    """Print a row."""
    slow = sorted(seconds)[int(0.9 * len(seconds))]
    print(f"{what:<44} {1000 * statistics.median(seconds):9.2f} ms   {1000 * slow:9.2f} ms")


async def measure(name: str, sandbox: Sandbox, sessions: int, calls: int) -> None:
    """First calls of new sessions, and further calls of one."""
    starts = []
    for number in range(sessions):
        async with sandbox.session(number) as session:
            starts.append(await timed(lambda session=session: session.run("1")))
    tell(f"{name}: a session's start and first call", starts)
    async with sandbox.session() as session:
        await session.run("x = 0")
        tell(f"{name}: a further call", [await timed(lambda: session.run("x += 1; x")) for _ in range(calls)])


async def main(sessions: int, calls: int) -> None:
    """Both places, and what stands against them."""
    print(f"{'':<44} {'median':>12}   {'slowest tenth':>12}")
    limits = Limits(calls=1000)
    begun = time.perf_counter()
    async with LocalSandbox(limits) as local:
        tell("the sandbox's own start, once", [time.perf_counter() - begun])
        print(*(f"  {line}" for line in local.walls.lines()), sep="\n")
        await measure("here", local, sessions, calls)
        stop, url = asyncio.Event(), asyncio.get_running_loop().create_future()
        service = asyncio.create_task(answer(Service(local).app(), "127.0.0.1", 0, url.set_result, stop))
        async with RemoteSandbox(await url, limits) as remote:
            await measure("service", remote, sessions, calls)
        stop.set()
        await service
    for what, code in (("a process for each call", "1"), ("a process for each call, with sympy", "import sympy")):
        runs = []
        for _ in range(max(5, sessions // 10)):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            runs.append(time.perf_counter() - begun)
        tell(what, runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    asyncio.run(main(options.sessions, options.calls))
