"""follow: show a run until it is over, as a live table or as plain lines, and end as the run ended."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TextIO

from nemoflow.argo.api import MISSING, Api, Object
from nemoflow.argo.members import OWNER_LABEL, culprit, gangs, how_it_ended, is_member, members, place_of
from nemoflow.argo.state import FULL_DISK, STEP_LABEL, Row, RunState, broken_pods, hopeless, read_state
from nemoflow.argo.submit import stop
from nemoflow.errors import EXIT_BAD_INPUT, EXIT_NO_MEMORY, EXIT_TRY_AGAIN, ClusterError, ClusterRefused, InputError, RunFailed

LOOK_S = 1.0
AWAY_S = 60.0
"""How long the API server may be away before a follower gives up; the run itself goes on."""
HOPE_S = 45.0
"""How long an image that cannot be pulled is waited for before a follower stops the run: registries have short failures."""
WORKFLOW_LABEL = "workflows.argoproj.io/workflow"
LOG_LINES = 15
COLUMNS = ("step", "pool", "phase", "shards", "seconds", "why")


class View(Protocol):
    """Shows states as they come."""

    def show(self, state: RunState) -> None:
        """The newest."""
        ...


@dataclass
class LineView:
    """A line for each change of a step, for logs and pipes."""

    stream: TextIO
    _told: dict[str, Row] = field(default_factory=dict)
    _message: str = ""

    def show(self, state: RunState) -> None:
        """Write what differs from the state before."""
        if state.message and state.message != self._message and not state.is_over:
            self._message = state.message
            self.stream.write(f"{'':<18} {state.message}\n")
        for row in state.rows:
            plain = replace(row, seconds=0.0)
            if row.phase != "waiting" and self._told.get(row.step) != plain:
                self._told[row.step] = plain
                self.stream.write(f"{_line(row)}\n")
        self.stream.flush()


@dataclass
class TableView:
    """A table that is redrawn in place."""

    live: Any
    """A `rich.live.Live`."""

    def show(self, state: RunState) -> None:
        """Redraw."""
        from rich.table import Table

        table = Table(title=f"{state.run} as {state.name}: {state.phase or 'new'} {state.message}".rstrip(), title_justify="left")
        for name in COLUMNS:
            table.add_column(name, justify="right" if name in ("shards", "seconds") else "left")
        colors = {"done": "green", "running": "cyan", "failed": "red", "pending": "yellow"}
        for row in state.rows:
            table.add_row(*_cells(row), style=colors.get(row.phase, "dim"))
        self.live.update(table, refresh=True)


def _cells(row: Row) -> tuple[str, ...]:
    shards = f"{row.done}/{row.shards}" if row.shards > 1 else ""
    seconds = f"{row.seconds:.0f}" if row.attempts else ""
    again = row.attempts - row.shards
    tries = "" if again <= 0 else f"attempt {again + 1}" if row.shards == 1 else f"{again} tried again"
    return row.step, row.pool, row.phase, shards, seconds, ": ".join(part for part in (tries, row.why) if part)


def _line(row: Row) -> str:
    step, pool, phase, shards, seconds, why = _cells(row)
    parts = [f"{step:<18} {phase}", f"on {pool}" if row.phase in ("pending", "running") else "", f"{shards} shards" if shards else ""]
    parts += [f"{seconds} s" if seconds and row.phase in ("done", "failed") else "", why]
    return "  ".join(part for part in parts if part)


def view_for(stream: TextIO) -> AbstractContextManager[View]:
    """A table where `stream` is a terminal, lines elsewhere."""
    if not stream.isatty():
        return nullcontext(LineView(stream))
    return _table(stream)


@contextmanager
def _table(stream: TextIO) -> Iterator[View]:
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=stream), auto_refresh=False) as live:
        yield TableView(live)


def follow(api: Api, name: str, view: View, look_s: float = LOOK_S, hope_s: float = HOPE_S) -> RunState:
    """Show a Workflow until it is over and return what it ended as.

    Raises ClusterError where the API server stays away, RunFailed where the run waits for what will not come (and stops it), or where
    somebody deleted the Workflow.
    """
    last_seen, run = time.monotonic(), ""
    no_hope_since: float | None = None
    quota = QuotaWords(api)
    while True:
        try:
            state, stuck = look(api, name, quota)
            last_seen, run = time.monotonic(), state.run
        except ClusterError as error:
            if run and error.status == MISSING:
                raise RunFailed(f"run {run!r}: somebody deleted its workflow {name}; submit it again to go on", EXIT_TRY_AGAIN) from None
            if isinstance(error, ClusterRefused) or time.monotonic() - last_seen > AWAY_S:
                raise
            time.sleep(look_s)
            continue
        view.show(state)
        if state.is_over:
            return state
        no_hope_since = None if not stuck else no_hope_since or time.monotonic()
        if no_hope_since is not None and time.monotonic() - no_hope_since > hope_s:
            stop(api, state.run)
            raise RunFailed(f"run {state.run!r} was stopped, for it waits for what does not come: {'; '.join(stuck)}", EXIT_BAD_INPUT)
        time.sleep(look_s)


@dataclass
class QuotaWords:
    """Why pods wait for quota; asked for at most every so many seconds."""

    api: Api
    every_s: float = 10.0
    _asked: float = float("-inf")
    _said: Mapping[str, str] = field(default_factory=dict)

    def of(self, pods: Sequence[Object], *, any_absent: bool = False) -> Mapping[str, str]:
        """By the pods' names, or their JobSet's; empty where none waits, or one may not look. Pods of a JobSet that waits are absent."""
        from nemoflow.argo.queues import is_held, read_queues, waits

        if not (any_absent or any(is_held(pod) for pod in pods)):
            return {}
        if time.monotonic() - self._asked >= self.every_s:
            self._asked = time.monotonic()
            try:
                self._said = waits(read_queues(self.api))
            except ClusterError:
                self._said = {}
        return self._said


def look(api: Api, name: str, quota: QuotaWords | None = None) -> tuple[RunState, list[str]]:
    """A Workflow as it is, and what its pods wait for in vain."""
    workflow = api.get("workflows", name)
    state = read_state(workflow)
    at_work = [row.step for row in state.rows if row.phase in ("pending", "running")]
    together = gangs(workflow)
    if not at_work and not (together and state.exit_code):
        return state, []
    own = _gang_pods(api, workflow)
    pods = [*api.items("pods", {WORKFLOW_LABEL: name}), *own]
    any_absent = any(step in together and not members(own, step) for step in at_work)
    return read_state(workflow, pods, waits=(quota or QuotaWords(api)).of(pods, any_absent=any_absent)), hopeless(pods)


def ended(api: Api, state: RunState) -> None:
    """Raise RunFailed, with the end of the log of what broke, unless the run succeeded."""
    if not state.exit_code:
        return
    workflow = api.get("workflows", state.name)
    if workflow["spec"].get("shutdown"):
        raise RunFailed(f"run {state.run!r} was stopped; submit it again to go on from what is done", EXIT_TRY_AGAIN)
    broken, own = broken_pods(workflow), _gang_pods(api, workflow)
    words = {name: how_it_ended(members(own, name)) for name in gangs(workflow)}
    why = [f"{node.get('displayName')}: {words.get(node['templateName']) or node.get('message') or 'no message'}" for node in broken]
    error = RunFailed(f"run {state.run!r} failed as workflow {state.name}: {'; '.join(why or [state.message])}", state.exit_code)
    pools = ", ".join(sorted({row.pool for row in state.rows if row.phase == "failed"}))
    if state.exit_code == EXIT_NO_MEMORY:
        if any(words.values()):
            error.add_note(f"a pod ran out of memory, each time: raise memory of {pools} in the cluster file")
        else:
            error.add_note(f"it ran out of memory, with more as well: raise memory and memory_after_oom of {pools} in the cluster file")
    if FULL_DISK.search(str(error)):
        error.add_note(f"its pod was full: raise disk of {pools} in the cluster file")
    for node in broken[:1]:
        for line in _end_of_log(api, workflow, node, own):
            error.add_note(f"{node['templateName']} | {line}")
    raise error


def _gang_pods(api: Api, workflow: Object) -> list[Object]:
    """The pods of its JobSets."""
    return api.items("pods", {OWNER_LABEL: workflow["metadata"]["name"]}) if gangs(workflow) else []


def _end_of_log(api: Api, workflow: Object, node: Any, own: Sequence[Object]) -> list[str]:
    """The last lines of a pod, of a gang that of the pod that ended it; none where it is gone."""
    if node["templateName"] in gangs(workflow):
        broken = culprit(members(own, node["templateName"]))
        mine = [broken.pod] if broken else []
    else:
        pods = api.items("pods", {WORKFLOW_LABEL: workflow["metadata"]["name"], STEP_LABEL: node["templateName"]})
        mine = [pod for pod in pods if (pod["metadata"].get("annotations") or {}).get("workflows.argoproj.io/node-id") == node["id"]]
    try:
        return [line for pod in mine for line in api.log(pod["metadata"]["name"], follow=False)][-LOG_LINES:]
    except ClusterError:
        return []


def logs(api: Api, workflow: Object, step: str, *, follow_on: bool, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """The lines of a step's pods, one pod after the other; with several, each line begins with the pod's shard, attempt or place."""
    owner = OWNER_LABEL if step in gangs(workflow) else WORKFLOW_LABEL
    labels = {owner: workflow["metadata"]["name"], STEP_LABEL: step}
    pods = api.items("pods", labels)
    while follow_on and not pods and not read_state(api.get("workflows", workflow["metadata"]["name"])).is_over:
        wait(LOOK_S)
        pods = api.items("pods", labels)
    if not pods:
        known = ", ".join(row.step for row in read_state(workflow).rows)
        raise InputError(f"step {step!r}: no pods in workflow {workflow['metadata']['name']} (any more); its steps: {known}")
    for pod in sorted(pods, key=lambda pod: (place_of(pod), str(pod["metadata"]["creationTimestamp"]))):
        name = (pod["metadata"].get("annotations") or {}).get("workflows.argoproj.io/node-name", "")
        which = f"pod {place_of(pod)}" if is_member(pod) else name.rpartition(".")[2]
        head = f"{which}: " if len(pods) > 1 else ""
        while follow_on and (pod.get("status") or {}).get("phase") == "Pending":
            wait(LOOK_S)
            pod = api.get("pods", pod["metadata"]["name"])
        yield from (f"{head}{line}" for line in api.log(pod["metadata"]["name"], follow=follow_on))


def default_stream() -> TextIO:
    """Where a follower shows what it sees."""
    return sys.stdout
