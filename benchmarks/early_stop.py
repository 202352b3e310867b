"""Claim: stopping 12 samples at 4 verified agreements costs at most 0.78 of the tokens and gives the same answer in 99 % of problems.

    python benchmarks/early_stop.py                     5 rounds of 120 problems; exit 1 where a bar is missed

A real harvest twice in each round, all samples and with `agree = 4`, against a server that streams a token every few milliseconds and
counts what it wrote before its reader went away. Lengths are lognormal (sigma 0.5), the answer that most samples give has a share of 0.5,
0.7 or 0.9 by thirds of the problems, the rest is spread over four others; both harvests see the same texts. Answers come in several ways
of writing. Problems count for the answer where all samples have a winner; the bar of tokens is over all of them.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from nemoflow.answers.boxed import balanced
from nemoflow.answers.voting import Ballot, open_same
from nemoflow.flow.scratch import StoredRows
from nemoflow.harvest.attempts import Asking, Plan
from nemoflow.harvest.health import Health
from nemoflow.harvest.rounds import Enough
from nemoflow.harvest.traces import Course, harvest
from nemoflow.inference.ledger import Ledger
from nemoflow.inference.request import Patience, Sampling
from nemoflow.inference.teachers import Endpoint
from nemoflow.records import Problem
from nemoflow.store import open_store

SAMPLES, AGREE = 12, 4
MOST_TOKENS_SHARE, LEAST_SAME_SHARE = 0.78, 0.99
SHARES = (0.5, 0.7, 0.9)
MEDIAN_TOKENS, SIGMA = 40, 0.5
TOKEN_S = 0.03
AT_ONCE = 48
WRITINGS = (r"\frac{%d}{7}", r"\dfrac{%d}{7}", r"$\frac{%d}{7}$")


def answer(prompt: str, seed: int, round_: int) -> tuple[int, str]:
    """(tokens, box) of a sample: decided by what is asked alone."""
    draw = random.Random(f"{prompt}/{seed}/{round_}")
    number = int(prompt.split()[1])
    value = 1 if draw.random() < SHARES[number % len(SHARES)] else draw.randint(2, 5)
    return max(2, round(draw.lognormvariate(0, SIGMA) * MEDIAN_TOKENS)), "\\boxed{" + draw.choice(WRITINGS) % (7 * number + value) + "}"


class Teacher:
    """A server in a thread that streams words and counts them."""

    def __init__(self, round_: int) -> None:
        self.round, self.tokens, self.url = round_, 0, ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True)

    def __enter__(self) -> "Teacher":
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        tokens, box = answer(body["messages"][-1]["content"], body["seed"], self.round)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for place in range(tokens):
                await asyncio.sleep(TOKEN_S)
                self.tokens += 1
                text = box if place == tokens - 1 else "so "
                await response.write(_event({"index": 0, "delta": {"content": text}, "finish_reason": None}))
            await response.write(_event({"index": 0, "delta": {}, "finish_reason": "stop"}) + b"data: [DONE]\n\n")
        except ConnectionError:
            pass
        return response


def _event(choice: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"


def harvested(problems: list[Problem], agree: int, round_: int) -> tuple[int, dict[str, str]]:
    """(tokens that the server wrote, the winning answer by problem)."""
    with Teacher(round_) as teacher, tempfile.TemporaryDirectory() as folder, open_same("symbolic") as same:
        asking = Asking(Endpoint(url=teacher.url, model="m"), Sampling(), Patience(concurrency=AT_ONCE, stream=True))
        with Ledger(Path(folder) / "scratch", StoredRows(open_store(folder)), "g") as ledger:
            plan = Plan(problems, SAMPLES, asking, 0)
            traces = list(harvest(plan, asking, ledger, Health(0.0, 1), Course(enough=Enough(agree), same=same)))
        ballots: dict[str, Ballot] = {}
        for trace in traces:
            ballots.setdefault(trace.problem_id, Ballot(same)).add(balanced(trace.response) or "")
        leaders = {name: ballot.leader for name, ballot in ballots.items()}
        return teacher.tokens, {name: leader.answer.replace("d", "").strip("$") for name, leader in leaders.items() if leader is not None}


def main() -> int:
    """Print the figures; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    problems = [Problem(id=f"p{i}", statement=f"Problem {i} .", category="c", source="made") for i in range(options.problems)]
    shares, same, judged = [], 0, 0
    for round_ in range(options.rounds):
        tokens, winners = harvested(problems, 0, round_)
        fewer, found = harvested(problems, AGREE, round_)
        shares.append(fewer / tokens)
        judged += len(winners)
        same += sum(found.get(name) == winner for name, winner in winners.items())
        print(f"round {round_ + 1}: {fewer} of {tokens} tokens = {shares[-1]:.3f}, same answer {same} of {judged} so far", flush=True)
    share, agreeing = statistics.median(shares), same / judged
    is_met = share <= MOST_TOKENS_SHARE and agreeing >= LEAST_SAME_SHARE
    figures = f"{share:.3f} of the tokens (bar {MOST_TOKENS_SHARE}), the same answer in {agreeing:.2%} (bar {LEAST_SAME_SHARE:.0%})"
    print(f"{'met' if is_met else 'NOT MET'}: {figures}")
    return int(not is_met)


if __name__ == "__main__":
    sys.exit(main())
