"""`nemoflow metrics`: what runs do, as numbers for Prometheus."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from nemoflow.cli.cluster import NAMESPACE
from nemoflow.cli.options import stack
from nemoflow.errors import ConfigError

if TYPE_CHECKING:
    from nemoflow.server.exporter import World

ROOTED: Callable[..., Any] = click.option(
    "--root", default=None, metavar="DIR|s3://...", help="Where results lie; without one only the cluster is read."
)
ALONE: Callable[..., Any] = click.option("--no-cluster", is_flag=True, help="Read the root only.")
RUNS: Callable[..., Any] = click.option(
    "--runs", "most_runs", type=click.IntRange(1, 1000), default=50, show_default=True, help="Newest runs that get series of their own."
)
GPUS: Callable[..., Any] = click.option(
    "--gpu-resource", "gpus", multiple=True, default=["nvidia.com/gpu"], show_default=True, help="What pods ask for; may be repeated."
)


@click.group()
def metrics() -> None:
    """Runs, steps, rows, tokens, waits and GPUs as metrics of Prometheus; nothing is changed anywhere."""


@metrics.command()
@stack(ROOTED, NAMESPACE, ALONE, RUNS, GPUS)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=9090, show_default=True, help="0 takes a free one and says which.")
@click.option("--every-s", type=click.FloatRange(1), default=30.0, show_default=True, help="Seconds between two looks.")
def serve(
    root: str | None,
    namespace: str | None,
    no_cluster: bool,
    most_runs: int,
    gpus: tuple[str, ...],
    host: str,
    port: int,
    every_s: float,
) -> None:
    """Answer GET /metrics."""
    world = _world(root, namespace, no_cluster, most_runs, gpus)
    from nemoflow.server.exporter import create_app
    from nemoflow.server.metrics import Metrics
    from nemoflow.serving import serve as serve_app

    app = create_app(Metrics(most_runs), world, every_s, _say)
    serve_app(app, host, port, lambda url: _say(f"metrics at {url}/metrics"), patience_s=10.0)


@metrics.command("print")
@stack(ROOTED, NAMESPACE, ALONE, RUNS, GPUS)
def print_once(root: str | None, namespace: str | None, no_cluster: bool, most_runs: int, gpus: tuple[str, ...]) -> None:
    """Look once and print what /metrics would say."""
    world = _world(root, namespace, no_cluster, most_runs, gpus)
    from prometheus_client import generate_latest

    from nemoflow.server.metrics import Metrics

    found = Metrics(most_runs)
    found.take(world.look())
    click.echo(generate_latest(found.registry).decode(), nl=False)


def _world(root: str | None, namespace: str | None, no_cluster: bool, most_runs: int, gpus: tuple[str, ...]) -> "World":
    if no_cluster and not root:
        raise ConfigError("--no-cluster without --root: there is nothing to read; name the folder or s3://bucket/prefix of the results")
    try:
        from nemoflow.server.exporter import World
    except ImportError:
        raise ConfigError("the package for metrics is not installed: pip install 'nemoflow[server]'") from None
    from nemoflow.argo.api import connect
    from nemoflow.server.held import Held
    from nemoflow.store import open_store

    return World(None if no_cluster else connect(namespace or ""), Held(open_store(root)) if root else None, gpus, most_runs)


def _say(line: str) -> None:
    click.echo(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {line}", err=True)
