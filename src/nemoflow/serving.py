"""Serve an application of aiohttp until somebody asks to stop. Imports aiohttp; import it only where a server is wanted.

serve(app, "127.0.0.1", 0, print)     # prints http://127.0.0.1:43617, answers, and returns on SIGTERM
"""

import asyncio
import signal
from collections.abc import Callable

from aiohttp import web

from nemoflow.errors import ConfigError

PATIENCE_S = 2.0
"""For requests that are being answered when the end comes; most take milliseconds."""


def serve(app: web.Application, host: str, port: int, announce: Callable[[str], None], patience_s: float = PATIENCE_S) -> None:
    """Answer until SIGTERM or SIGINT, then end what was begun.

    Args:
        app: what answers.
        host: name or address to listen at.
        port: 0 takes a free one.
        announce: told the URL once the port is open.
        patience_s: seconds that requests under way get at the end.

    Raises:
        ConfigError: the port is taken, or there is no such address here.
    """

    async def _serve() -> None:
        await answer(app, host, port, announce, asked_to_stop(), patience_s)

    asyncio.run(_serve())


def asked_to_stop() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; for a loop that runs in the main thread."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def answer(
    app: web.Application, host: str, port: int, announce: Callable[[str], None], until: asyncio.Event, patience_s: float = PATIENCE_S
) -> None:
    """Like `serve`, until `until` is set."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=patience_s)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        announce(f"http://{host}:{runner.addresses[0][1]}")
        await until.wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port, or 0 for a free one") from None
