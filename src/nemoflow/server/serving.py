"""Serve an application of aiohttp until somebody asks to stop."""

import asyncio
import signal
from collections.abc import Callable

from aiohttp import web

from nemoflow.errors import ConfigError

PATIENCE_S = 10


def serve(app: web.Application, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT, then end what was begun; `announce` is told the URL once the port is open. Port 0 is a free one."""
    asyncio.run(_serve(app, host, port, announce))


async def _serve(app: web.Application, host: str, port: int, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=PATIENCE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        announce(f"http://{host}:{runner.addresses[0][1]}")
        await stop.wait()
    except OSError as error:
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port, or 0 for a free one") from None
    finally:
        await runner.cleanup()
