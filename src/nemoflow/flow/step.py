"""Step: what a piece of work is called, what it takes and gives, and the function that does it.

A step is handed its inputs and outputs; it never chooses an address and cannot tell where it runs:

    def run(config: FilterConfig, inputs: Inputs, outputs: Outputs, context: Context) -> Outcome:
        kept = outputs["kept"].write(trace for trace in inputs["traces"].rows() if len(trace.response) > 200)
        return Outcome(metrics={"kept": kept})

    FILTER = Step(name="filter", version=1, config=FilterConfig, run=run, inputs={"traces": Traces}, outputs={"kept": Traces})
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import xxhash

from nemoflow.artifacts import Kind
from nemoflow.config import Config
from nemoflow.gang import Gang
from nemoflow.records import Record

Number = int | float


class InputArtifact(Protocol):
    """A finished artifact, read through the manifest of the node that made it (or straight from a URI)."""

    @property
    def name(self) -> str:
        """Name of the input."""
        ...

    @property
    def kind(self) -> Kind:
        """What it holds."""
        ...

    @property
    def address(self) -> str:
        """Where it lies; for messages, never to be parsed."""
        ...

    @property
    def fingerprint(self) -> str:
        """Identity of its content."""
        ...

    @property
    def manifest(self) -> Mapping[str, Any] | None:
        """Manifest of the node that made it as JSON values; None for an input from a URI."""
        ...

    def rows(self) -> Iterator[Any]:
        """Its rows in their stored order, parsed as the kind's record; InputError names file, line, field and value."""
        ...

    def folder(self) -> Path:
        """Its files as a local folder, to be read only."""
        ...

    def json(self, name: str) -> dict[str, Any]:
        """One small JSON file of it."""
        ...


class RowSink(Protocol):
    """Takes rows one at a time."""

    def add(self, row: Record) -> None:
        """Append a row."""
        ...


class OutputArtifact(Protocol):
    """An output under construction; nobody sees it before the step has returned and the manifest is written."""

    def write(self, rows: Iterable[Record]) -> int:
        """Stream rows into it and return how many there were."""
        ...

    def writer(self) -> AbstractContextManager[RowSink]:
        """The same, a row at a time."""
        ...

    def folder(self) -> Path:
        """An empty local folder; what lies in it when the step returns is published."""
        ...

    def write_json(self, name: str, value: Any) -> None:
        """One small JSON file."""
        ...


class Progress(Protocol):
    """Shows how far a step is: a bar on a terminal, a plain line now and then in a log."""

    def start(self, label: str, total: int | None = None, chart: str = "") -> None:
        """Begin a count; `total` None where it is unknown. A terminal also draws the course of the figure that `chart` names."""
        ...

    def advance(self, amount: int = 1, **figures: float | int | str) -> None:
        """Count on, and show figures such as `loss=0.41`."""
        ...

    def note(self, message: str) -> None:
        """One line worth reading."""
        ...


class Scratch(Protocol):
    """A folder of this node's own that survives a kill, for checkpoints and the like; it is not part of the result."""

    def path(self) -> Path:
        """The local folder, filled with what earlier attempts saved."""
        ...

    def save(self) -> None:
        """Make what lies in it safe now (uploads it where the root is a bucket)."""
        ...


class SharedRows(Protocol):
    """Rows kept across runs under group names, append-only: how a harvest finds what was sampled before."""

    def read(self, group: str) -> Iterator[dict[str, Any]]:
        """All rows of a group ever committed, in the order of their part names; a torn part is never seen."""
        ...

    def parts(self, group: str) -> Iterator[str]:
        """Names of a group's parts, in the order they were committed."""
        ...

    def part(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of one part; InputError where somebody tore it, after the rows before the tear."""
        ...

    def append(self, group: str, rows: Iterable[Record]) -> str:
        """Commit rows as one part, atomically; its name."""
        ...

    def hold(self, group: str) -> AbstractContextManager[None]:
        """Be the only one at work on a group while the block lasts; ClaimError where another process is."""
        ...


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`."""

    index: int = 0
    count: int = 1

    def holds(self, problem_id: str) -> bool:
        """Whether a problem belongs to this part: by a stable hash, so all samples of a problem stay together."""
        return self.count == 1 or xxhash.xxh3_64_intdigest(problem_id.encode()) % self.count == self.index


@dataclass(frozen=True)
class Context:
    """What a step may know of its surroundings."""

    shard: Shard
    progress: Progress
    scratch: Scratch
    shared: SharedRows
    ledgers: SharedRows
    """What was done to the outside world, by this run and all others under the root."""
    stopping: Callable[[], bool]
    """True once the run was asked to stop: save, then raise `errors.Stopped`."""
    holder_pid: int | None = None
    """Process whose end ends whatever the step leaves running; None where no process holds the run."""
    gang: Gang = field(default_factory=Gang)
    """The pods that do this work together."""
    finished: Callable[[], bool] = lambda: False
    """For a pod that joins another: whether the work is done, by whomever."""


Inputs = Mapping[str, InputArtifact]
Outputs = Mapping[str, OutputArtifact]


@dataclass(frozen=True)
class Outcome:
    """What a step says of its work. Rows out are counted by the outputs themselves."""

    metrics: Mapping[str, Number] = field(default_factory=dict)
    rows_in: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many rows were dropped, by reason."""
    engines: Mapping[str, str] = field(default_factory=dict)
    """Versions of what did the work, such as `{"torch": "2.13.0"}`."""
    status: Literal["done", "skipped"] = "done"
    """`skipped` where a gate in the step decided against the work; `reason` says why."""
    reason: str = ""
    is_complete: bool = True
    """False where parts failed that another attempt may get, such as requests to a teacher that was overloaded: other runs do not reuse
    the result, nor what was made from it."""


@dataclass(frozen=True)
class Optional:
    """Marks an input that a pipeline may leave unwired."""

    kind: Kind


@dataclass(frozen=True)
class Step:
    """What is done, not where or with which config: an inert value."""

    name: str
    version: int
    """Raised whenever the same config and inputs would give another result; part of the fingerprint."""
    config: type[Config]
    run: Callable[[Any, Inputs, Outputs, Context], Outcome]
    inputs: Mapping[str, Kind | Optional] = field(default_factory=dict)
    outputs: Mapping[str, Kind] = field(default_factory=dict)
    pool: str = "cpu"
    """Pool of a cluster it runs on: cpu, teacher, train or eval."""
    image: str = "data"
    """Which of the project's images holds what it needs."""
    sharded: bool = False
    """Whether it takes its rows by `Shard.holds`."""
    effect: bool = False
    """Whether it acts on the world: never reused across runs, run only for a consumer that still has to run."""
    processes: Callable[[Any], int] = lambda config: 1
    """How many processes, each with a GPU of its own, do the work of a config together; a cluster may part them into several pods."""
    join: Callable[[Any, Inputs, Context], None] | None = None
    """What the pods after the first do: take part in the work, and write nothing. None where one pod does it all."""

    def input_kind(self, name: str) -> Kind:
        """Kind of an input, optional or not."""
        declared = self.inputs[name]
        return declared.kind if isinstance(declared, Optional) else declared

    @property
    def required_inputs(self) -> tuple[str, ...]:
        """Inputs that must be wired."""
        return tuple(name for name, kind in self.inputs.items() if not isinstance(kind, Optional))
