"""Options that several commands share, and what is made from them."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from nemoflow.flow.pipeline import Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.progress import Quiet, progress_for
from nemoflow.flow.tries import ASKED_TO_STOP, Tries
from nemoflow.flow.workflow import Workflow, build_pipeline, load_workflow
from nemoflow.gang import Gang
from nemoflow.pipelines import PIPELINES
from nemoflow.store import open_store

F = TypeVar("F", bound=Callable[..., Any])

WORKFLOW = click.argument("workflow", type=click.Path(path_type=Path))
SETS = click.option("--set", "sets", default="{}", metavar="JSON", help="""Overrides, such as '{"train.learning_rate": 1e-4}'.""")
ROOT = click.option("--root", default=None, metavar="DIR|s3://...", help="Where results lie; default: the workflow's, else nemoflow-data.")
RUN = click.option("--run", "run_name", default=None, metavar="NAME", help="Name of the run; default: the workflow's.")
DEFAULT_ROOT = "nemoflow-data"


def stack(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator."""

    def apply(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


def load(workflow: Path, sets: str) -> tuple[Workflow, Pipeline]:
    """A workflow file and the pipeline that it describes."""
    loaded = load_workflow(workflow, sets)
    return loaded, build_pipeline(loaded, PIPELINES)


def place_of(
    workflow: Workflow,
    root: str | None,
    run: str | None,
    stopping: Callable[[], bool] | None = None,
    *,
    quiet: bool = False,
    holder_pid: int | None = None,
    claim_wait_s: float = 0.0,
    tries: Tries = Tries(),  # noqa: B008  frozen
    gang: Gang = Gang(),  # noqa: B008  frozen
) -> Place:
    """Where a workflow's run lies; `holder_pid` is the process whose end ends what a step leaves running."""
    store = open_store(root or workflow.head.root)
    return Place(
        store,
        run or workflow.run,
        progress=Quiet() if quiet else progress_for(sys.stderr),
        stopping=stopping or (lambda: False),
        compress=workflow.head.compress,
        holder_pid=holder_pid,
        claim_wait_s=claim_wait_s,
        tries=tries,
        gang=gang,
    )


@contextmanager
def stop_on_signals(tries: Tries = Tries()) -> Iterator[Callable[[], bool]]:  # noqa: B008  frozen
    """SIGTERM and Ctrl-C ask the run to stop: it saves, cleans up and ends with 75; a second Ctrl-C ends it at once."""
    asked = threading.Event()

    def ask(signum: int, frame: FrameType | None) -> None:
        if asked.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        asked.set()
        tries.say(ASKED_TO_STOP)
        sys.stderr.write(f"nemoflow: {signal.Signals(signum).name}: saving, then stopping\n")

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
