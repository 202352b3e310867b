"""`nemoflow sandbox`: run a model's code behind walls, here or for others."""

import asyncio
import os
import sys
from typing import TextIO

import click

from nemoflow.errors import ConfigError
from nemoflow.sandbox.limits import Limits

_DEFAULTS = Limits()
_calls = click.option("--calls", type=int, default=_DEFAULTS.calls, show_default=True, help="Calls of a session.")
_seconds = click.option("--seconds", type=float, default=_DEFAULTS.seconds, show_default=True, help="CPU seconds of a call.")
_memory = click.option("--memory-mb", type=int, default=_DEFAULTS.memory_mb, show_default=True, help="Memory of a session.")
_files = click.option("--files-mb", type=int, default=_DEFAULTS.files_mb, show_default=True, help="Files of a session, in memory.")
_threads = click.option("--threads", type=int, default=_DEFAULTS.threads, show_default=True, help="Threads of a session.")
_output = click.option("--output-chars", type=int, default=_DEFAULTS.output_chars, show_default=True, help="Characters of output.")


def _limits(**values: float) -> Limits:
    from nemoflow.config import build

    return build(Limits, values, "--", join="")


@click.group()
def sandbox() -> None:
    """Run code that a model wrote where it can harm nobody."""


@sandbox.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 takes a free one and says which.")
@click.option("--sessions", type=click.IntRange(1), default=64, show_default=True, help="Sessions at the same time, at most.")
@click.option("--parallel", type=click.IntRange(0), default=0, help="Calls at the same time. Default: one a core.")
@click.option(
    "--lease-s", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds after which a silent owner is taken for dead."
)
@click.option("--token-env", default="", metavar="NAME", help="Variable with the token that callers must show. Default: none is asked for.")
@_calls
@_seconds
@_memory
@_files
@_threads
@_output
def serve(
    host: str,
    port: int,
    sessions: int,
    parallel: int,
    lease_s: float,
    token_env: str,
    calls: int,
    seconds: float,
    memory_mb: int,
    files_mb: int,
    threads: int,
    output_chars: int,
) -> None:
    """Offer sessions over HTTP; the limits are the most that a caller may ask for.

    \b
    nemoflow sandbox serve --port 8090 --seconds 10
    curl -X PUT http://127.0.0.1:8090/sessions/a/calls/0 -d '{"owner": "me", "code": "6 * 7"}'
    """  # noqa: D301
    token = os.environ.get(token_env, "")
    if token_env and not token:
        raise ConfigError(f"--token-env {token_env}: this environment variable is not set")
    limits = _limits(calls=calls, seconds=seconds, memory_mb=memory_mb, files_mb=files_mb, threads=threads, output_chars=output_chars)
    asyncio.run(_serve(limits, host, port, sessions, parallel, lease_s, token))


async def _serve(limits: Limits, host: str, port: int, sessions: int, parallel: int, lease_s: float, token: str) -> None:
    from nemoflow.sandbox.service import Service
    from nemoflow.sandbox.session import LocalSandbox
    from nemoflow.serving import answer, asked_to_stop

    stop = asked_to_stop()
    async with LocalSandbox(limits, parallel) as local:
        for line in local.walls.lines():
            click.echo(line)
        service = Service(local, sessions, lease_s, token)
        await answer(service.app(), host, port, lambda url: click.echo(f"sandbox at {url}"), stop)


@sandbox.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@click.option("--url", default="", help="A service to run it at. Default: this machine.")
@_seconds
@_memory
@_output
def run(file: TextIO, url: str, seconds: float, memory_mb: int, output_chars: int) -> None:
    """Run FILE, or standard input, and print what a model would be shown. Ends with 0 whatever the code does."""
    output = asyncio.run(_run(file.read(), url, _limits(seconds=seconds, memory_mb=memory_mb, output_chars=output_chars)))
    sys.stdout.write(output)


async def _run(code: str, url: str, limits: Limits) -> str:
    from nemoflow.sandbox.remote import RemoteSandbox
    from nemoflow.sandbox.session import LocalSandbox

    async with RemoteSandbox(url, limits) if url else LocalSandbox(limits) as place, place.session() as session:
        return (await session.run(code)).text
