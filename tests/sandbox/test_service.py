import asyncio
import os
import signal
import subprocess
import sys
import time

import aiohttp
import pytest
from tests.sandbox.owner import all_end, descendants, sandboxed
from tests.sandbox.serving import MOST, serving

from nemoflow.errors import ConfigError, SandboxError
from nemoflow.ports import free_port
from nemoflow.sandbox.limits import Limits
from nemoflow.sandbox.remote import RemoteSandbox
from nemoflow.sandbox.session import LocalSandbox


def with_service(work, **options):
    async def inside():
        async with LocalSandbox(MOST) as local, serving(local, **options) as (url, service):
            return await work(url, service, local)

    return asyncio.run(inside())


def only_the_warden():
    ended = time.monotonic() + 30
    while len(sandboxed(os.getpid())) > 1 and time.monotonic() < ended:
        time.sleep(0.05)
    return len(sandboxed(os.getpid())) == 1


def test_a_session_at_a_service_is_like_one_of_this_machine():
    async def work(url, service, local):
        async with RemoteSandbox(url, MOST.model_copy(update={"calls": 4, "output_chars": 20})) as sandbox:
            async with sandbox.session(7) as session:
                assert (await session.run("x = 6; import random; y = random.random()")).status == "ok"
                assert (await session.run("x * 7")).text == "42\n"
                assert (await session.run("print(input())", "given\n")).text == "given\n"
                assert (await session.run("print('a' * 99)")).cut == 80
                assert (await session.run("x")).status == "spent"
                assert len(sandboxed(os.getpid())) == 3
            async with sandbox.session(7) as session:
                await session.run("import os; os._exit(1)")
                assert (await session.run("x")).text.endswith("t defined\n")
        assert await asyncio.to_thread(only_the_warden)

    with_service(work)


def test_a_call_that_is_asked_for_again_runs_once_and_none_is_left_out():
    async def work(url, service, local):
        async with aiohttp.ClientSession() as http:

            async def put(number, code, **more):
                async with http.put(f"{url}/sessions/s/calls/{number}", json={"owner": "o", "code": code, **more}) as response:
                    return response.status, await response.json()

            assert (await put(1, "x"))[0] == 410
            assert (await put(0, "x = 0"))[0] == 200
            first = asyncio.create_task(put(1, "import time; time.sleep(0.5); x += 1; x"))
            await asyncio.sleep(0.2)
            first.cancel()  # the connection breaks; the call goes on
            again = await asyncio.gather(*(put(1, "x += 1; x") for _ in range(3)))
            assert [answer["text"] for _, answer in again] == ["1\n"] * 3
            assert (await put(3, "x"))[0] == 409
            assert (await put(0, "x"))[0] == 409
            assert (await put(2, "x"))[1]["text"] == "1\n"

    with_service(work)


def test_bad_requests_are_refused_with_what_would_be_right():
    async def work(url, service, local):
        async with aiohttp.ClientSession() as http:
            for body, status, said in (
                ({"owner": "o"}, 400, "call.code: missing"),
                ({"owner": "o", "code": "1", "more": 1}, 400, "call.more: unknown key"),
                ({"owner": "o", "code": "1", "limits": {"seconds": -1}}, 422, "limits.seconds: input should be greater than 0"),
                ({"owner": "o", "code": "1", "limits": {"seconds": 99}}, 422, "limits.seconds = 99.0: at most 5.0 here"),
                ([], 400, ""),
            ):
                async with http.put(f"{url}/sessions/s/calls/0", json=body) as response:
                    assert response.status == status, body
                    assert said in (await response.json())["error"]
            async with http.put(f"{url}/sessions/s/calls/0", data=b"{") as response:
                assert response.status == 400
        with pytest.raises(ConfigError, match=r"gives seconds = 5.0 at most, asked for is 60"):
            async with RemoteSandbox(url, Limits(seconds=60)):
                pass

    with_service(work)


def test_who_shows_no_token_is_refused(monkeypatch):
    monkeypatch.setenv("SANDBOX_TOKEN", "sesame")
    monkeypatch.setenv("WRONG_TOKEN", "open")

    async def work(url, service, local):
        async with RemoteSandbox(url, MOST, "SANDBOX_TOKEN") as sandbox, sandbox.session() as session:
            assert (await session.run("1")).text == "1\n"
        async with RemoteSandbox(url, MOST, "WRONG_TOKEN") as sandbox, sandbox.session() as session:
            with pytest.raises(ConfigError, match="401: a token is asked for"):
                await session.run("1")
        with pytest.raises(ConfigError, match="NO_TOKEN"):
            RemoteSandbox(url, MOST, "NO_TOKEN")

    with_service(work, token="sesame")


def test_the_sessions_of_a_silent_owner_are_ended_and_those_of_a_living_one_stay():
    async def work(url, service, local):
        async with aiohttp.ClientSession() as http, RemoteSandbox(url, MOST) as alive, alive.session() as kept:
            await kept.run("x = 1")
            async with http.put(f"{url}/sessions/dead/calls/0", json={"owner": "dead", "code": "1"}) as response:
                assert response.status == 200
            ended = time.monotonic() + 30
            while len(sandboxed(os.getpid())) > 3 and time.monotonic() < ended:
                await asyncio.sleep(0.1)
            assert len(sandboxed(os.getpid())) == 3
            async with http.put(f"{url}/sessions/dead/calls/1", json={"owner": "dead", "code": "1"}) as response:
                assert response.status == 410
            assert (await kept.run("x")).text == "1\n"

    with_service(work, lease_s=3.0)


def test_a_full_service_makes_its_callers_wait():
    async def work(url, service, local):
        async with RemoteSandbox(url, MOST) as sandbox:

            async def one(number):
                async with sandbox.session() as session:
                    return (await session.run(f"{number}")).text

            assert await asyncio.gather(*map(one, range(5))) == [f"{number}\n" for number in range(5)]

    with_service(work, sessions=2)


def test_a_service_that_was_started_anew_has_lost_the_variables_and_says_so():
    async def inside():
        async with LocalSandbox(MOST) as local:
            port = free_port()
            async with serving(local, port=port) as (url, _):
                sandbox = RemoteSandbox(url, MOST)
                await sandbox.__aenter__()
                session = sandbox.session()
                await session.run("x = 1")
            async with serving(local, port=port):
                lost = await session.run("x")
                assert lost.status == "lost"
                assert (await session.run("x = 2; x")).text == "2\n"
                await session.__aexit__()
            await sandbox.__aexit__()

    asyncio.run(inside())


def test_a_service_that_is_away_ends_as_try_again():
    async def inside():
        async with RemoteSandbox("http://127.0.0.1:9", MOST, patience_s=0.5):
            pass

    with pytest.raises(SandboxError, match=r"http://127.0.0.1:9: no answer.*tried for 0.5 s"):
        asyncio.run(inside())
    with pytest.raises(ConfigError, match="sandbox_url = 'sandbox:8090'"):
        RemoteSandbox("sandbox:8090")


def test_the_command_serves_until_it_is_told_to_end_and_leaves_nothing_behind():
    command = [sys.executable, "-m", "nemoflow.cli.main", "sandbox", "serve", "--port", "0", "--seconds", "5", "--calls", "20"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline() for _ in range(6)]
        url = lines[-1].removeprefix("sandbox at ").strip()

        async def use():
            async with RemoteSandbox(url, MOST) as sandbox, sandbox.session() as session:
                return (await session.run("6 * 7")).text

        assert asyncio.run(use()) == "42\n"
        inner = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert all_end(inner)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
