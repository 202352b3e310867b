"""The life of a teacher: wake it, find it ready, release it; three kinds behind one interface.

- `url`: somebody else runs it; waking is waiting until it lists the model, releasing is nothing.
- `process`: a command on this machine under a guard (guard.py), which ends it when the run that holds it is gone.
- `deployment`: a Deployment of Kubernetes that sleeps with no replicas and is shared by leases (sleeping.py).

    teacher = Teacher(kind="process", model="solver-v2-e0-s0", command=("nemoflow", "puzzles", "serve", "--port", "{port}"))
    woken = wake(teacher, folder, os.getpid(), print, lambda: False)
    release(woken.endpoint)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from nemoflow.errors import InputError
from nemoflow.inference import sleeping
from nemoflow.inference.deployment import SleepingDeployment, connect
from nemoflow.inference.process import Charge, GuardedProcess, check, end, program, start_or_adopt
from nemoflow.inference.readiness import base_url, look, read_key, wait_until_ready
from nemoflow.inference.tally import Price
from nemoflow.records import Record


@dataclass(frozen=True)
class Teacher:
    """Which teacher is wanted, and how to come by it."""

    kind: Literal["url", "process", "deployment"]
    model: str
    revision: str = ""
    url: str = ""
    command: tuple[str, ...] = ()
    deployment: str = ""
    namespace: str = ""
    replicas: int = 1
    api_key_env: str = ""
    deadline_s: float = 600.0
    lifetime_s: float = 43200.0
    price: Price = field(default_factory=Price)
    more_urls: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0
    mixed: tuple["Teacher", ...] = ()
    """Further teachers, of kind `url`."""


class Endpoint(Record):
    """`endpoint.json`: where a model answers. Its identity is model and revision; the key's value is never in it."""

    url: str
    model: str
    revision: str = ""
    api_key_env: str = ""
    process: GuardedProcess | None = None
    """The teacher itself, or what keeps the lease on its Deployment."""
    deployment: SleepingDeployment | None = None
    price: Price = Price()
    more_urls: Mapping[str, float] = {}
    """Where the same model answers too, each with its share of the requests against 1 for `url`."""
    weight: float = 1.0
    """Share of the samples against that of the other teachers of a mix."""
    mixed: tuple["Endpoint", ...] = ()
    """Further teachers that take part of the samples."""

    @property
    def teachers(self) -> tuple["Endpoint", ...]:
        """This one and those mixed in."""
        return (self, *self.mixed)

    @property
    def places(self) -> list[tuple["Endpoint", float]]:
        """Every URL of this model, with its share."""
        return [(self, 1.0), *((self.model_copy(update={"url": url}), share) for url, share in self.more_urls.items())]


@dataclass(frozen=True)
class Woken:
    """An endpoint that is ready."""

    endpoint: Endpoint
    seconds: float
    adopted: bool = False
    """Whether it was awake already: from an earlier attempt, or for another run."""


def could_wake(teacher: Teacher) -> str:
    """One look without waking anything: empty where the teacher answers or can be started, else why not yet.

    Raises ConfigError or ProviderRefused where waking it would.
    """
    read_key(teacher.api_key_env)
    if teacher.kind == "url":
        return look(base_url(teacher.url), teacher.model, teacher.api_key_env)
    if teacher.kind == "deployment":
        base_url(teacher.url)
        connect(teacher.deployment, teacher.namespace).scale()
        return ""
    program(teacher.command)
    return ""


def wake(teacher: Teacher, folder: Path, holder_pid: int | None, note: Callable[[str], None], stopping: Callable[[], bool]) -> Woken:
    """Make a teacher ready; whatever was started is ended again where that fails.

    `folder` keeps the log and what a later attempt needs to find the process; `holder_pid` is the process whose end ends it.
    Raises ConfigError (wrong model, no such command), ProviderRefused (401, 404), ProviderError (not ready in time, died), Stopped.
    """
    for each in (teacher, *teacher.mixed):
        read_key(each.api_key_env)
    if teacher.kind == "process":
        return _wake_process(teacher, Charge(teacher.model, teacher.command, folder, holder_pid, teacher.lifetime_s), note, stopping)
    endpoint = _endpoint(teacher, base_url(teacher.url))
    if teacher.kind == "url":
        return Woken(endpoint, _wait(teacher, endpoint, note, stopping))
    held = sleeping.hold(teacher.deployment, teacher.namespace, teacher.replicas, folder, holder_pid, teacher.lifetime_s, note)
    with sleeping.given_back_on_error(held):
        seconds = _wait(teacher, endpoint, note, stopping, explain=held.why_not_ready)
    found = endpoint.model_copy(update={"deployment": held.record, "process": held.keeper})
    return Woken(found, seconds, adopted=held.before >= teacher.replicas)


def _wake_process(teacher: Teacher, charge: Charge, note: Callable[[str], None], stopping: Callable[[], bool]) -> Woken:
    running = start_or_adopt(charge, note)
    endpoint = _endpoint(teacher, f"http://127.0.0.1:{running.port}/v1")
    try:
        seconds = _wait(teacher, endpoint, note, stopping, still=lambda: check(running.process, teacher.model, charge.folder))
    except BaseException:
        end(running.process)
        raise
    return Woken(endpoint.model_copy(update={"process": running.process}), seconds, running.adopted)


def _wait(
    teacher: Teacher,
    endpoint: Endpoint,
    note: Callable[[str], None],
    stopping: Callable[[], bool],
    still: Callable[[], None] = lambda: None,
    explain: Callable[[], str] = lambda: "",
) -> float:
    """Until every place answers where the steps will ask."""
    seconds = wait_until_ready(endpoint.url, endpoint.model, endpoint.api_key_env, teacher.deadline_s, note, still, stopping, explain)
    for other in [place for each in endpoint.teachers for place, _ in each.places][1:]:
        seconds += wait_until_ready(other.url, other.model, other.api_key_env, teacher.deadline_s, note, lambda: None, stopping)
    return seconds


def await_return(endpoint: Endpoint, deadline_s: float, note: Callable[[str], None], stopping: Callable[[], bool]) -> None:
    """Before asking: a Deployment starts a pod that died anew, and its model may take minutes to load; other kinds do not come back.

    Raises ProviderError where it does not answer in time, Stopped when asked to stop, and what `readiness.look` raises.
    """
    if endpoint.deployment is not None:
        wait_until_ready(endpoint.url, endpoint.model, endpoint.api_key_env, deadline_s, note, lambda: None, stopping)


def release(endpoint: Endpoint) -> bool:
    """End what stands behind an endpoint: its process, or this run's lease on a Deployment; False where there is nothing (any more)."""
    ended = endpoint.process is not None and end(endpoint.process)
    if endpoint.deployment is not None:
        return sleeping.give_back(endpoint.deployment) or ended
    return ended


def read_endpoint(values: Mapping[str, Any], where: str) -> Endpoint:
    """Parse `endpoint.json`; InputError names the file and the field."""
    try:
        return Endpoint.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise InputError(f"{where}: endpoint.json: {field}: {problem['msg']}, got {problem['input']!r}") from None


def _endpoint(teacher: Teacher, url: str) -> Endpoint:
    return Endpoint(
        url=url,
        model=teacher.model,
        revision=teacher.revision,
        api_key_env=teacher.api_key_env,
        price=teacher.price,
        more_urls={base_url(more): share for more, share in teacher.more_urls.items()},
        weight=teacher.weight,
        mixed=tuple(_endpoint(other, base_url(other.url)) for other in teacher.mixed),
    )
