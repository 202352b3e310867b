"""A pipeline that a test's pods import from a mounted ConfigMap: numbers are made, copied in shards, counted; one step ends as it is told.

`open` and `close` stand for a teacher: `close` says in its log what it closed.
"""

import os
import random
import socket
import tempfile
import time
from pathlib import Path

from nemoflow.artifacts import Endpoint, Problems, Report
from nemoflow.config import Config, tuning
from nemoflow.errors import InputError, ProviderError, Stopped
from nemoflow.flow.pipeline import From, Pipeline
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.flow.workflow import Workflow
from nemoflow.records import Problem


class ToyConfig(Config):
    count: int = 12
    """Problems to make; 13 cannot be made."""
    salt: str = ""
    """Makes a run's results its own: what another run made would be reused."""
    end: str = tuning("")
    """How to end: bad input, bug, busy, busy once, memory, wait, wait once."""
    memory_mib: int = tuning(0)
    """Memory to take."""
    disk_mib: int = tuning(0)
    """What to write into the pod's own disk before the end."""
    blob_mib: int = tuning(0)
    """Size of a file to publish."""
    processes: int = tuning(1)
    """How many do the work together."""


def _end(config: ToyConfig, context: Context) -> None:
    taken = b"x" * (config.memory_mib * 2**20)
    if config.disk_mib:
        (Path(tempfile.gettempdir()) / "filler").write_bytes(b"x" * (config.disk_mib * 2**20))
    is_first = config.end.endswith("once") and _is_first(context)
    if config.end == "bad input":
        raise InputError("row 3: bad")
    if config.end == "bug":
        raise ValueError(f"a bug, with {len(taken)} bytes")
    if config.end == "busy" or (config.end == "busy once" and is_first):
        raise ProviderError("the model is busy")
    while config.end == "wait" or (config.end == "wait once" and is_first):
        if context.stopping():
            raise Stopped("asked to stop")
        time.sleep(0.05)


def _is_first(context: Context) -> bool:
    """Whether no earlier attempt left its mark."""
    mark = context.scratch.path() / "tried"
    first = not mark.exists()
    mark.touch()
    context.scratch.save()
    return first


def run_make(config: ToyConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Numbers as problems."""
    if config.count == 13:
        raise InputError("row 13: bad")
    made = (Problem(id=f"p{n}", statement=f"What is {n}?", gold=str(n), category="toy", source="toy") for n in range(config.count))
    return Outcome(metrics={"made": outputs["problems"].write(made)})


def run_copy(config: ToyConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """This shard's rows."""
    _end(config, context)
    rows = [row for row in inputs["problems"].rows() if context.shard.holds(row.id)]
    outputs["problems"].write(rows)
    return Outcome(rows_in=len(rows))


def run_open(config: ToyConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Write down where the door is."""
    outputs["endpoint"].write_json("endpoint.json", {"url": "door"})
    return Outcome()


def run_page(config: ToyConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Count the rows, and end as told."""
    if "NEMOFLOW_GANG_AT" in os.environ:
        context.progress.note(f"pod {os.environ['NEMOFLOW_GANG']}; the first is at {_address(os.environ['NEMOFLOW_GANG_AT'])}")
    _end(config, context)
    rows = sum(1 for _ in inputs["problems"].rows()) if "problems" in inputs else 0
    if config.blob_mib:
        with (outputs["page"].folder() / "blob").open("wb") as file:
            for _ in range(config.blob_mib):
                file.write(random.Random(config.salt).randbytes(2**20))
        return Outcome(rows_in=rows)
    outputs["page"].write_json("page.json", {"rows": rows})
    return Outcome(metrics={"rows": rows}, rows_in=rows)


def join_page(config: ToyConfig, inputs: Inputs, context: Context) -> None:
    """Be there until the first pod is done."""
    context.progress.note(f"pod {os.environ['NEMOFLOW_GANG']}; the first is at {_address(os.environ['NEMOFLOW_GANG_AT'])}")
    while not context.finished():
        if context.stopping():
            raise Stopped("asked to stop")
        time.sleep(0.5)


def _address(at: str, seconds: float = 30) -> str:
    """HOST:PORT with the host's number; its name is known a moment after its pod is there."""
    host, _, port = at.partition(":")
    deadline = time.monotonic() + seconds
    while True:
        try:
            return f"{socket.gethostbyname(host)}:{port}"
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def run_close(config: ToyConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    """Close the door."""
    context.progress.note(f"closed {inputs['endpoint'].json('endpoint.json')['url']}")
    return Outcome()


MAKE = Step("make", 1, ToyConfig, run_make, outputs={"problems": Problems})
COPY = Step("copy", 1, ToyConfig, run_copy, inputs={"problems": Problems}, outputs={"problems": Problems}, sharded=True)
OPEN = Step("open", 1, ToyConfig, run_open, outputs={"endpoint": Endpoint}, effect=True)
PAGE = Step(
    "page",
    1,
    ToyConfig,
    run_page,
    inputs={"problems": Optional(Problems), "endpoint": Optional(Endpoint)},
    outputs={"page": Report},
    processes=lambda config: config.processes,
    join=join_page,
)
CLOSE = Step("close", 1, ToyConfig, run_close, inputs={"endpoint": Endpoint}, effect=True)


def toy(workflow: Workflow) -> Pipeline:
    """make -> copy -> page; page also needs the door that `open` opens and `close` closes."""
    door = {"endpoint": From("open", "endpoint")}
    return Pipeline(
        "toy",
        (
            workflow.node("make", MAKE),
            workflow.node("copy", COPY, {"problems": From("make", "problems")}),
            workflow.node("open", OPEN),
            workflow.node("page", PAGE, {"problems": From("copy", "problems"), **door}),
        ),
        cleanup=workflow.node("close", CLOSE, door),
    )


def short(workflow: Workflow) -> Pipeline:
    """One step."""
    return Pipeline("short", (workflow.node("page", PAGE),))
