"""`nemoflow receiver`: start runs on pushes and on new data."""

from datetime import datetime
from pathlib import Path

import click

from nemoflow.cli.cluster import NAMESPACE

TRIGGERS = click.argument("triggers", type=click.Path(path_type=Path), metavar="TRIGGERS.toml|.json")


@click.group()
def receiver() -> None:
    """Start runs on pushes to a repository and on new objects in a bucket."""


@receiver.command()
@TRIGGERS
@click.option("--keys", "folder", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Holds `secret`, `token`, or both.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one and says which.")
@NAMESPACE
def serve(triggers: Path, folder: Path, host: str, port: int, namespace: str | None) -> None:
    """Answer POST /hooks/git and /hooks/objects by starting the runs that TRIGGERS names, once for each commit or object's version.

    \b
    openssl rand -hex 32 > keys/secret
    nemoflow receiver serve triggers.toml --keys keys --port 8080
    """  # noqa: D301
    from nemoflow.argo.api import connect
    from nemoflow.server.keys import Keys
    from nemoflow.server.rate import Rate
    from nemoflow.server.receiver import Receiver, create_app
    from nemoflow.server.triggers import load_triggers
    from nemoflow.serving import serve as serve_app

    loaded = load_triggers(triggers)
    keys = Keys(folder)
    keys.check()
    api = connect(namespace or "")
    app = create_app(Receiver(loaded, keys, api, _say, Rate(loaded.starts_per_hour)))
    names = ", ".join([*loaded.pushes, *loaded.objects])
    serve_app(app, host, port, lambda url: _say(f"receives at {url} for {api.namespace}: {names}"), patience_s=10.0)


def _say(line: str) -> None:
    click.echo(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {line}", err=True)


@receiver.command()
@TRIGGERS
def check(triggers: Path) -> None:
    """Read TRIGGERS and say what would start what."""
    from nemoflow.server.triggers import load_triggers

    loaded = load_triggers(triggers)
    for name, push in loaded.pushes.items():
        paths = f", touching {' or '.join(push.paths)}" if push.paths else ""
        click.echo(f"{name}: a push to {push.repository} {push.branch}{paths} starts {push.template} as run {name}-COMMIT")
    for name, found in loaded.objects.items():
        click.echo(f"{name}: a new s3://{found.bucket}/{found.key} starts {found.template} as run {name}-DIGEST")
