import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sandbox.owner import all_end, is_running, sandboxed

from nemoflow.sandbox.limits import Limits
from nemoflow.sandbox.session import LocalSandbox

OWNER = Path(__file__).with_name("owner.py")


def with_sandbox(work, **limits):
    async def inside():
        async with LocalSandbox(Limits(**limits)) as sandbox:
            return await work(sandbox)

    return asyncio.run(inside())


def test_state_is_kept_between_calls_and_the_value_of_a_last_expression_is_shown():
    async def work(sandbox):
        async with sandbox.session() as session:
            texts = [
                (await session.run(code)).text for code in ("x = 6", "def f(n):\n    return n * 7", "f(x)", "print(x); x", "x = None; x")
            ]
            assert texts == ["", "", "42\n", "6\n6\n", ""]
            error = await session.run("1\n1 / 0")
            assert error.status == "error"
            assert error.text.splitlines()[1:3] == ['  File "<call 6>", line 2, in <module>', "    1 / 0"]
            assert (await session.run("def broken(")).text.endswith("SyntaxError: '(' was never closed\n")
            assert (await session.run("print(__name__); exit()")).text == "__main__\n"
            assert (await session.run("print(input(), open(0).read().split())", "a\n")).text == "a []\n"
            assert (await session.run("input()")).text.endswith("EOFError: EOF when reading a line\n")

    with_sandbox(work)


def test_two_sessions_of_one_seed_draw_the_same_numbers():
    async def work(sandbox):
        code = "import random, numpy\nrandom.random(), numpy.random.rand(), list({'a', 'b', 'c'})"
        drawn = []
        for seed in (7, 7, 8):
            async with sandbox.session(seed) as session:
                drawn.append((await session.run(code)).text)
        assert drawn[0] == drawn[1] != drawn[2]

    with_sandbox(work)


def test_no_call_runs_beyond_the_last():
    async def work(sandbox):
        async with sandbox.session() as session:
            statuses = [(await session.run("1")).status for _ in range(3)]
        assert statuses == ["ok", "ok", "spent"]

    with_sandbox(work, calls=2)


def test_a_killed_warden_takes_its_sessions_along_and_another_takes_its_place():
    async def work(sandbox):
        async with sandbox.session() as session:
            await session.run("x = 1")
            warden, *inner = sandboxed(os.getpid())
            os.kill(warden, signal.SIGKILL)
            assert await asyncio.to_thread(all_end, inner)
            lost = await session.run("x")
            assert lost.status == "lost"
            assert "All variables are lost" in lost.text
            assert (await session.run("x")).text.endswith("NameError: name 'x' is not defined\n")

    with_sandbox(work)


def test_a_cancelled_call_leaves_no_process():
    async def work(sandbox):
        async with sandbox.session() as session:
            await session.run("1")
            call = asyncio.create_task(session.run("while True: pass"))
            await asyncio.sleep(0.3)
            _, *inner = sandboxed(os.getpid())
            assert inner
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await asyncio.to_thread(all_end, inner)

    with_sandbox(work, seconds=60)


def test_who_is_cancelled_while_his_session_starts_harms_nobody_and_leaves_no_process():
    async def work(sandbox):
        async def one(number):
            async with sandbox.session(number) as session:
                return (await session.run(f"{number}")).text

        begun = [asyncio.create_task(one(number)) for number in range(12)]
        await asyncio.sleep(0.05)
        for task in begun[::2]:
            task.cancel()
        ended = await asyncio.gather(*begun, return_exceptions=True)
        assert ended[1::2] == [f"{number}\n" for number in range(1, 12, 2)]
        _, *inner = sandboxed(os.getpid())
        assert await asyncio.to_thread(all_end, inner)

    with_sandbox(work, seconds=20)


def test_many_sessions_at_once_share_the_cores_and_each_has_its_own_time():
    async def work(sandbox):
        async def one(number):
            async with sandbox.session(number) as session:
                await session.run(f"x = {number}")
                return (await session.run("sum(range(10**6)); x")).text

        assert await asyncio.gather(*map(one, range(24))) == [f"{number}\n" for number in range(24)]

    with_sandbox(work, seconds=5)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_session_outlives_its_owner(number):
    owner = subprocess.Popen([sys.executable, str(OWNER)], stdout=subprocess.PIPE)
    try:
        processes = json.loads(owner.stdout.readline())
        assert len(processes) == 5  # a warden, two keepers, two interpreters
        assert all(map(is_running, processes))
        owner.send_signal(number)
        assert all_end(processes)
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
