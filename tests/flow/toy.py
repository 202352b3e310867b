"""A toy domain for the flow's tests: counts make problems, doubling copies them, an effect opens and closes a door file."""

import time
from pathlib import Path

from nemoflow.artifacts import Endpoint, Problems, Report
from nemoflow.config import Config, tuning
from nemoflow.errors import InputError, ProviderError, Stopped
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.place import Place
from nemoflow.flow.step import Context, Inputs, Optional, Outcome, Outputs, Step
from nemoflow.flow.workflow import Workflow
from nemoflow.records import Problem
from nemoflow.store import open_store


class CountConfig(Config):
    count: int = 3
    """How many problems."""
    fail: str = tuning("")
    """Raise this instead of working."""
    log: str = tuning("")
    """File that gets a line a call."""


def problem(index: int) -> Problem:
    return Problem(id=f"p{index}", statement=f"What is {index}?", gold=str(index), category="toy", source="toy")


def _log(config: CountConfig, word: str) -> None:
    if config.log:
        with Path(config.log).open("a") as stream:
            stream.write(f"{word}\n")


def run_count(config: CountConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    _log(config, "count")
    outputs["problems"].write(problem(index) for index in range(config.count))
    return Outcome(metrics={"made": config.count})


def run_copy(config: CountConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    _log(config, f"copy {context.shard.index}")
    rows = [row for row in inputs["problems"].rows() if context.shard.holds(row.id)]
    outputs["problems"].write(rows)
    if config.fail == "input":
        raise InputError("row 3: bad")
    if config.fail == "busy":
        raise ProviderError("the model is busy")
    if config.fail == "bug":
        raise ValueError("a bug")
    if config.fail == "stop":
        raise Stopped("asked to")
    is_complete = config.fail != "part" or context.shard.index != 0
    return Outcome(metrics={"copied": len(rows)}, rows_in=len(rows), dropped={"none": 0}, is_complete=is_complete)


def run_page(config: CountConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    _log(config, "page")
    if "endpoint" in inputs:
        inputs["endpoint"].json("endpoint.json")
    if config.fail == "input":
        raise InputError("row 4: bad")
    while config.fail == "wait":
        if context.stopping():
            raise Stopped("asked to while waiting")
        time.sleep(0.02)
    rows = list(inputs["problems"].rows())
    outputs["page"].write_json("page.json", {"rows": len(rows)})
    (outputs["page"].folder() / "sub").mkdir()
    (outputs["page"].folder() / "sub" / "a.txt").write_text("a")
    return Outcome(rows_in=len(rows))


def run_open(config: CountConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    _log(config, "open")
    if config.fail == "open":
        raise ProviderError("no door")
    outputs["endpoint"].write_json("endpoint.json", {"url": "door"})
    return Outcome()


def run_close(config: CountConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    _log(config, "close")
    if config.fail == "input":
        raise InputError("the door is stuck")
    return Outcome()


def run_gate(config: CountConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
    outputs["problems"].write([])
    return Outcome(status="skipped", reason="not better")


COUNT = Step("count", 1, CountConfig, run_count, outputs={"problems": Problems})
COPY = Step("copy", 1, CountConfig, run_copy, inputs={"problems": Problems}, outputs={"problems": Problems}, sharded=True)
PAGE = Step("page", 1, CountConfig, run_page, inputs={"problems": Problems, "endpoint": Optional(Endpoint)}, outputs={"page": Report})
OPEN = Step("open", 1, CountConfig, run_open, outputs={"endpoint": Endpoint}, effect=True)
CLOSE = Step("close", 1, CountConfig, run_close, inputs={"endpoint": Endpoint}, effect=True)
GATE = Step("gate", 1, CountConfig, run_gate, inputs={"problems": Problems}, outputs={"problems": Problems})


def line(
    log: Path | str = "",
    shards: int = 1,
    count: int = 3,
    fail: str = "",
    page: int = 0,
    copy: Step = COPY,
    close: str = "",
    fail_page: str = "",
) -> Pipeline:
    """count -> copy -> page, where page also needs the door that `open` opens and `close` closes."""
    config = CountConfig(log=str(log))
    return Pipeline(
        "line",
        (
            Node("count", COUNT, CountConfig(count=count, log=str(log))),
            Node("copy", copy, CountConfig(fail=fail, log=str(log)), {"problems": From("count", "problems")}, shards=shards),
            Node("open", OPEN, config),
            Node(
                "page",
                PAGE,
                CountConfig(count=page, fail=fail_page, log=str(log)),
                {"problems": From("copy", "problems"), "endpoint": From("open", "endpoint")},
            ),
        ),
        cleanup=Node("close", CLOSE, CountConfig(fail=close, log=str(log)), {"endpoint": From("open", "endpoint")}),
    )


def place(root: Path, run: str = "one", **fields: object) -> Place:
    return Place(open_store(str(root)), run, **fields)  # type: ignore[arg-type]


def words(log: Path) -> list[str]:
    return log.read_text().split("\n")[:-1] if log.exists() else []


def toy(workflow: Workflow) -> Pipeline:
    """The line as a workflow file builds it."""
    problems, door = From("copy", "problems"), From("open", "endpoint")
    return Pipeline(
        "line",
        (
            workflow.node("count", COUNT),
            workflow.node("copy", COPY, {"problems": From("count", "problems")}),
            workflow.node("open", OPEN),
            workflow.node("page", PAGE, {"problems": problems, "endpoint": door}),
        ),
        cleanup=workflow.node("close", CLOSE, {"endpoint": door}),
    )


def gated(workflow: Workflow) -> Pipeline:
    """A gate that refuses, and a page that needs what it refuses."""
    return Pipeline(
        "gated",
        (
            workflow.node("count", COUNT),
            workflow.node("gate", GATE, {"problems": From("count", "problems")}),
            workflow.node("page", PAGE, {"problems": From("gate", "problems")}),
        ),
    )
