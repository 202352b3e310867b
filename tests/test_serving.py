"""A server says where it is, answers until it is asked to stop, and takes nobody else's error for its own."""

import asyncio
import os
import signal
import socket

import pytest
from aiohttp import ClientSession, web

from nemoflow.errors import ConfigError
from nemoflow.serving import answer, asked_to_stop


def app() -> web.Application:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    made = web.Application()
    made.router.add_get("/", hello)
    return made


async def serve_once(stop_by: signal.Signals) -> tuple[str, str]:
    url = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(answer(app(), "127.0.0.1", 0, url.set_result, asked_to_stop()))
    async with ClientSession() as session, session.get(await url) as response:
        said = await response.text()
    os.kill(os.getpid(), stop_by)
    await asyncio.wait_for(server, 10)
    return said, url.result()


@pytest.mark.parametrize("stop_by", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_at_the_url_that_it_announces_until_it_is_asked_to_stop(stop_by: signal.Signals):
    said, url = asyncio.run(serve_once(stop_by))
    assert said == "hello"
    with socket.socket() as free:
        host, _, port = url.removeprefix("http://").partition(":")
        assert free.connect_ex((host, int(port))) != 0


@pytest.mark.parametrize("host", ["127.0.0.1", "203.0.113.7"])
def test_where_it_cannot_listen_is_named(host: str):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on {host} port {port}: .*; choose another --port"):
            asyncio.run(answer(app(), host, port, print, asyncio.Event()))


def test_an_error_of_who_is_told_is_not_taken_for_one_of_the_port():
    def broken(url: str) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError):
        asyncio.run(answer(app(), "127.0.0.1", 0, broken, asyncio.Event()))
