"""Claim: with 256 requests in flight at a server that takes 200 ms, a harvest makes at least 0.95 of the requests of bare aiohttp.

    python benchmarks/client_speed.py                 5 rounds of 3,000 requests; exit 1 below the bar
    python benchmarks/client_speed.py --peers         openai's and litellm's clients too, where they are installed

A harvest is the whole of it: plan, keys, ledger, commits, traces. Server and client run on a core each, where there are two; every way has
a process of its own, and the ways take turns. The bare loop posts the same bodies and parses the answers, and keeps nothing.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

IN_FLIGHT, SERVER_S = 256, 0.2
BAR = 0.95
HEADERS = {"Content-Type": "application/json"}
SAMPLING = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 7680, "seed": 1, "n": 1}
ANSWER = orjson.dumps(
    {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "<think>\n" + "a thought " * 60 + "\n</think>\n\\boxed{42}"},
            }
        ],
        "usage": {"prompt_tokens": 60, "completion_tokens": 130, "total_tokens": 190},
    }
)
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + str(len(ANSWER)).encode() + b"\r\n\r\n" + ANSWER


class Slow(asyncio.Protocol):
    """As little of a server as there can be: so that clients are what is measured."""

    def connection_made(self, transport: Any) -> None:
        """A client came."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Each request is answered after a while, whatever it asks."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            asyncio.get_running_loop().call_later(SERVER_S, self._answer)

    def _answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(REPLY)


async def serve() -> None:
    """Say the port, then answer until killed."""
    server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def statements(count: int) -> list[str]:
    """Prompts of the length of a word problem."""
    return [f"Problem {number}: " + "a train leaves at noon and " * 10 + "when does it arrive?" for number in range(count)]


async def _crowd(count: int, ask: Callable[[str], Awaitable[Any]]) -> float:
    queue = iter(statements(count))

    async def work() -> None:
        for statement in queue:
            await ask(statement)

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - begun


def bare(url: str, count: int) -> float:
    """Aiohttp as it comes."""
    import aiohttp

    async def run() -> float:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

            async def ask(statement: str) -> None:
                body = {"model": "m", "messages": [{"role": "user", "content": statement}], **SAMPLING}
                async with session.post(f"{url}/chat/completions", data=orjson.dumps(body), headers=HEADERS) as got:
                    assert orjson.loads(await got.read())["choices"][0]["message"]["content"]

            return await _crowd(count, ask)

    return asyncio.run(run())


def harvested(url: str, count: int, start: int = IN_FLIGHT) -> float:
    """A harvest with its ledger."""
    from nemoflow.flow.scratch import StoredRows
    from nemoflow.harvest.attempts import Asking, Plan
    from nemoflow.harvest.health import Health
    from nemoflow.harvest.traces import harvest
    from nemoflow.inference.ledger import Ledger
    from nemoflow.inference.request import Patience, Sampling
    from nemoflow.inference.teachers import Endpoint
    from nemoflow.records import Problem
    from nemoflow.store import open_store

    problems = [Problem(id=f"p{i}", statement=text, category="c", source="s") for i, text in enumerate(statements(count))]
    asking = Asking(Endpoint(url=url, model="m"), Sampling(), Patience(concurrency=IN_FLIGHT, start=start))
    with tempfile.TemporaryDirectory() as folder:
        shelf = StoredRows(open_store(folder))
        with Ledger(Path(folder) / "scratch", shelf, "g") as ledger:
            begun = time.perf_counter()
            harvest(Plan(problems, 1, asking, 0), asking, ledger, Health(0.1, 16))
            taken = time.perf_counter() - begun
            assert ledger.count() == count == sum(1 for _ in shelf.read("g"))
    return taken


def adaptive(url: str, count: int) -> float:
    """The same, beginning with 32 in flight as it does by default."""
    return harvested(url, count, start=32)


def openai_client(url: str, count: int) -> float:
    """openai.AsyncOpenAI."""
    import openai

    async def run() -> float:
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            return await _crowd(
                count, lambda text: client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], seed=1)
            )

    return asyncio.run(run())


def litellm_client(url: str, count: int) -> float:
    """litellm.acompletion."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    async def ask(text: str) -> None:
        await litellm.acompletion(model="openai/m", api_base=url, api_key="none", messages=[{"role": "user", "content": text}], seed=1)

    return asyncio.run(_crowd(count, ask))


WAYS: dict[str, Callable[[str, int], float]] = {"bare aiohttp": bare, "harvest": harvested, "harvest from 32": adaptive}
PEERS: dict[str, tuple[str, Callable[[str, int], float]]] = {"openai": ("openai", openai_client), "litellm": ("litellm", litellm_client)}


def pin(core: int) -> None:
    """Stay on one core, where there are several."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


def measure(way: str, count: int) -> float:
    """Requests a second of one way, server and client in processes of their own."""
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        command = [sys.executable, __file__, "--way", way, "--url", url, "--requests", str(count)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        server.kill()
    return count / float(said.split()[-1])


def main() -> int:
    """Print the figures; 1 where the bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", action="store_true", help="openai's and litellm's clients too, 600 requests each")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        pin(0)
        asyncio.run(serve())
    if options.way:
        pin(1)
        print({**WAYS, **{name: peer for name, (_, peer) in PEERS.items()}}[options.way](options.url, options.requests))
        return 0
    peers = [name for name, (module, _) in PEERS.items() if options.peers and find_spec(module)]
    rates: dict[str, list[float]] = {way: [] for way in [*WAYS, *peers]}
    for _ in range(options.rounds):
        for way in rates:
            rates[way].append(measure(way, options.requests if way in WAYS else min(600, options.requests)))
    print(f"{IN_FLIGHT} in flight, {SERVER_S * 1000:.0f} ms: at most {IN_FLIGHT / SERVER_S:.0f} requests/s; medians of {options.rounds}")
    for way, found in rates.items():
        ratio = statistics.median(one / bare_one for one, bare_one in zip(found, rates["bare aiohttp"], strict=True))
        print(f"{way:16} {statistics.median(found):7.0f} requests/s   {ratio:.2f} of bare aiohttp in its round")
    ratio = statistics.median(ours / bare_one for ours, bare_one in zip(rates["harvest"], rates["bare aiohttp"], strict=True))
    print(f"{'met' if ratio >= BAR else 'NOT MET'}: {ratio:.3f} (bar {BAR})")
    return int(ratio < BAR)


if __name__ == "__main__":
    sys.exit(main())
