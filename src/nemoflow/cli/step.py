"""`nemoflow step`: one node of a workflow, or one step alone on files."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from nemoflow.cli.options import DEFAULT_ROOT, ROOT, RUN, SETS, load, place_of, stack, stop_on_signals
from nemoflow.cli.run import describe
from nemoflow.errors import ConfigError, NemoflowError
from nemoflow.flow.execute import execute
from nemoflow.flow.join import join
from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.place import Place, absolute_uri
from nemoflow.flow.plan import why_it_rests
from nemoflow.flow.progress import progress_for
from nemoflow.flow.step import Shard, Step
from nemoflow.flow.tries import Tries
from nemoflow.flow.workflow import import_value, make_workflow, parse_sets
from nemoflow.gang import Gang
from nemoflow.store import open_store


@click.command()
@click.argument("target", metavar="WORKFLOW.toml|STEP")
@click.argument("node", required=False)
@stack(SETS, ROOT, RUN)
@click.option("--shard", default="0/1", metavar="R/N", help="Which part of how many, such as 0/4.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=URI", help="For a STEP: an input; a path, run://RUN/NODE/OUTPUT or s3://..."
)
@click.option("--fresh", is_flag=True, help="Do not reuse results of other runs.")
@click.option("--force", is_flag=True, help="Overwrite a result that another config or input made at the same address.")
@click.option("--wait", "wait_s", type=float, default=0.0, metavar="S", help="Seconds to wait where another process is at this node.")
@click.option(
    "--retries", type=int, default=None, metavar="N", help="End with 69 instead of 75 after so many passing failures of earlier attempts."
)
@click.option("--attempt", type=int, default=0, metavar="N", help="Number of this attempt; 0 forgets what earlier ones counted.")
@click.option("--after", type=int, default=0, metavar="CODE", help="Exit code of the attempt before.")
@click.option("--last-words", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Where to write how it ended.")
def step(
    target: str,
    node: str | None,
    sets: str,
    root: str | None,
    run_name: str | None,
    shard: str,
    inputs: tuple[str, ...],
    fresh: bool,
    force: bool,
    wait_s: float,
    retries: int | None,
    attempt: int,
    after: int,
    last_words: Path | None,
) -> None:
    """Run NODE of a workflow, as its pod would; or a STEP of its own on files.

    \b
    nemoflow step workflows/demo.toml train
    nemoflow step filter --input traces=traces.jsonl --set '{"min_chars": 100}' --run mine
    """  # noqa: D301
    tries = Tries(attempt, retries, after, last_words)
    part, gang = _shard(shard), Gang.of(os.environ)
    with _last_words(tries), stop_on_signals(tries) as stopping:
        if target.endswith(".toml"):
            loaded, pipeline = load(Path(target), sets)
            if node is None:
                raise ConfigError(f"{target}: which node? One of {', '.join(pipeline.by_name)}")
            place = place_of(loaded, root, run_name, stopping, holder_pid=_caller(), claim_wait_s=wait_s, tries=tries, gang=gang)
            why = "" if force else why_it_rests(pipeline, pipeline.node(node), place, fresh=fresh)
            if why:
                click.echo(f"{node}: not needed: {why}")
                return
        else:
            pipeline, node = _alone(target, sets, inputs), target.rpartition(":")[2].lower().replace("_", "-")
            place = Place(
                open_store(root or DEFAULT_ROOT), run_name or "steps", progress_for(sys.stderr), stopping, holder_pid=_caller(), gang=gang
            )
        manifest = execute(pipeline, node, place, part, force=force, fresh=fresh) if gang.is_first else join(pipeline, node, place)
    click.echo(f"{node}: {describe(manifest)}")
    for output in manifest.outputs.values():
        click.echo(f"  {place.store.address(output.address)}")


@contextmanager
def _last_words(tries: Tries) -> Iterator[None]:
    """Begin an attempt, and leave word of what ended it."""
    try:
        tries.begin()
        yield
    except NemoflowError as error:
        tries.say(f"{type(error).__name__}: {error}")
        raise


def _caller() -> int | None:
    """The process that holds what a step leaves running: the shell or script that runs the steps one by one, not this command."""
    return os.getppid() or None


def _shard(text: str) -> Shard:
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit() and 0 <= int(index) < int(count)):
        raise ConfigError(f"--shard {text!r}: R/N with 0 <= R < N is right, such as 0/4")
    return Shard(int(index), int(count))


def _alone(target: str, sets: str, inputs: tuple[str, ...]) -> Pipeline:
    """A pipeline of one node; `--set` names the config's fields themselves."""
    from nemoflow.steps import STEPS

    known = {known.name: known for known in STEPS}
    found = known.get(target) or import_value(target, "step", f"one of {', '.join(known)}, or an import path package.module:STEP")
    if not isinstance(found, Step):
        raise ConfigError(f"step {target!r}: is a {type(found).__name__}, not a Step")
    name = target.rpartition(":")[2].lower().replace("_", "-")
    section = {key.removeprefix(f"{name}."): value for key, value in parse_sets(sets).items()}
    workflow = make_workflow({"pipeline": "alone", name: section}, "--set", Path.cwd())
    return Pipeline("alone", (workflow.node(name, found, dict(_input(text) for text in inputs)),))


def _input(text: str) -> tuple[str, str]:
    name, equals, uri = text.partition("=")
    if not (name and equals and uri):
        raise ConfigError(f"--input {text!r}: NAME=URI is right, such as traces=traces.jsonl")
    return name, absolute_uri(uri, Path.cwd())
