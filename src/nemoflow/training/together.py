"""Training by several processes, on this machine and on others: start them, hear the first one, end all when one is lost.

This process trains nothing. It holds the meeting place of all processes (or goes to the first pod's), starts those of this machine, passes
on what the first one tells (steps, checkpoints to save) and what it is asked itself (to stop). A process that ends without a word takes the
others along: they could only wait for it. The next attempt goes on from the newest checkpoint.
"""

import multiprocessing
import os
import pickle
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from nemoflow.errors import ConfigError, NemoflowError, PeerLost, RankLost, Stopped
from nemoflow.gang import Gang
from nemoflow.processes import cores, end_with_parent
from nemoflow.training.course import Surroundings

LOOK_S = 0.2
ARRIVAL_S = 1800.0
"""How long a pod waits for the first one: images are pulled and volumes mounted in that time."""
HERE = Gang().host
LINE = "gloo/transport"
"""Gloo's errors have no class of their own; this is part of the place that they name."""
LAST_WORDS_S = 10.0
"""How long the others may take to say why they end, after one has: the first to speak is not always the cause."""

Work = Callable[..., Any]
"""Called as `work(around=Surroundings)` in each process; it travels there, so it is a function of a module or a partial of one."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Meeting:
    """Where all processes of a training meet."""

    gang: Gang
    port: int
    store: Any = None
    """Held as long as the meeting lasts: in the first pod it is the server."""

    @property
    def host(self) -> str:
        """By its own name only from elsewhere: a cluster's DNS knows it a moment later than the pod is there."""
        return HERE if self.gang.is_first else self.gang.host


@dataclass(frozen=True)
class Seat:
    """What a process is told when it is started."""

    index: int
    count: int
    local: int
    locals: int
    """Processes on this machine."""
    host: str
    port: int
    threads: int


def here(processes: int, gang: Gang) -> int:
    """How many of the processes this pod starts; ConfigError where they cannot be shared out, or there are fewer GPUs here."""
    import torch

    if processes % gang.count:
        raise ConfigError(f"train.processes {processes}: {gang.count} pods need a multiple of {gang.count}")
    wanted = processes // gang.count
    if torch.cuda.is_available() and torch.cuda.device_count() < wanted:
        raise ConfigError(
            f"train.processes {processes}: needs {wanted} GPUs on this machine, which has {torch.cuda.device_count()}; at most "
            f"{torch.cuda.device_count() * gang.count} is right here"
        )
    return wanted


@contextmanager
def meeting(
    gang: Gang, finished: Callable[[], bool] = _never, stopping: Callable[[], bool] = _never, arrival_s: float = ARRIVAL_S
) -> Iterator[Meeting | None]:
    """The place where processes meet: made by the first pod, gone to by the others.

    None for another pod whose work turns out to be `finished`. Raises RankLost where the first pod does not open it in `arrival_s` seconds,
    or cannot because its port is taken; Stopped where a pod that waits for it is asked to stop.
    """
    from torch.distributed import DistNetworkError, TCPStore  # type: ignore[attr-defined]  # they are exported, not declared

    if gang.is_first:
        # Nobody waits for the others here: each process does when it connects with the rest.
        if gang.count > 1:
            try:
                store = TCPStore(HERE, gang.port, is_master=True, wait_for_workers=False)
            except DistNetworkError as error:
                raise RankLost(f"the first of {gang.count} pods cannot be met at its port {gang.port}: {error}") from None
        else:  # by itself it listens to every network that the machine is in
            door = socket.create_server((HERE, gang.port))
            port = door.getsockname()[1]
            store = TCPStore(HERE, port, is_master=True, wait_for_workers=False, master_listen_fd=door.detach())
        yield Meeting(gang, store.port, store)
        return
    deadline = time.monotonic() + arrival_s
    while not _answers(gang):
        if finished():
            yield None
            return
        if stopping():
            raise Stopped(f"asked to stop before the first of {gang.count} pods was to be met")
        if time.monotonic() > deadline:
            raise RankLost(f"the first pod was not to be met at {gang.host}:{gang.port} in {arrival_s:.0f} s")
    yield Meeting(gang, gang.port)


def _answers(gang: Gang) -> bool:
    try:
        with socket.create_connection((gang.host, gang.port), timeout=LOOK_S * 10):
            return True
    except OSError:
        time.sleep(LOOK_S)
        return False


def together(work: Work, around: Surroundings, processes: int, at: Meeting, threads: int = 0) -> Any:
    """Do a piece of work in so many processes, all pods' counted; what the first of them returns, None in other pods.

    Raises what a process raised, RankLost where one ended without a word; none is left running then.
    """
    count = here(processes, at.gang)
    context = multiprocessing.get_context("spawn")  # torch's threads and CUDA do not survive a fork
    stop = context.Event()
    told = replace(around, saved=_nothing, started=_nothing, advanced=_nothing, noted=_nothing, stopping=_never)
    crew: list[_Member] = []
    try:
        for local in range(count):
            seat = Seat(at.gang.index * count + local, processes, local, count, at.host, at.port, threads or max(1, cores() // count))
            ours, theirs = context.Pipe()
            process = context.Process(target=_take_part, args=(work, told, seat, theirs, stop), daemon=True)
            process.start()
            theirs.close()
            crew.append(_Member(seat, process, ours))
        return _attend(crew, around, stop)
    finally:
        for member in crew:
            member.process.kill()
            member.process.join()


def _nothing(*told: Any) -> None:
    """What a process that is not the first does with what it would tell."""


@dataclass
class _Member:
    """A process of this machine, seen from the one that started it."""

    seat: Seat
    process: Any
    link: Connection
    failure: BaseException | None = None
    failed_at: float = 0.0
    """By the clock that all processes of a machine share."""
    result: Any = None
    is_heard: bool = False
    """Whether all that it had to say was heard."""

    @property
    def is_lost(self) -> bool:
        """Whether it ended badly."""
        return self.failure is not None or (self.is_heard and self.process.exitcode not in (0, None))


def _attend(crew: list[_Member], around: Surroundings, stop: Any) -> Any:
    """Hear all of them until they have ended."""
    until = float("inf")
    while not all(member.is_heard and member.process.exitcode is not None for member in crew):
        links = {member.link: member for member in crew if not member.is_heard}
        for link in wait(list(links) or [member.process.sentinel for member in crew if member.process.is_alive()], LOOK_S):
            if link in links:
                _hear(links[link], around)
        if around.stopping():
            stop.set()
        if until == float("inf") and any(member.is_lost for member in crew):
            until = time.monotonic() + LAST_WORDS_S
        if time.monotonic() > until:
            break
    cause = _cause(crew)
    if cause is not None:
        raise cause
    return crew[0].result


def _hear(member: _Member, around: Surroundings) -> None:
    """One message of a process."""
    try:
        word, *said = member.link.recv()
    except (EOFError, ConnectionError):
        member.is_heard = True
        member.process.join()
        return
    if word == "failed":
        member.failure, member.failed_at = said
    elif word == "done":
        member.result = said[0]
    else:
        getattr(around, word)(*said)
        if word == "saved":
            member.link.send(None)  # what is being saved must not change meanwhile


def _cause(crew: list[_Member]) -> BaseException | None:
    """Why the work failed, None where it did not: a death without a word, then what nemoflow itself says, then what was said first.

    That another was lost is said last: it is what the end of any of them does to the rest.
    """
    for member in crew:
        if member.is_heard and member.failure is None and (member.process.exitcode or 0) != 0:
            code = member.process.exitcode
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"
            return RankLost(
                f"process {member.seat.index} of {member.seat.count} ended {how}; the next attempt goes on from the newest checkpoint"
            )
    failed = sorted((member for member in crew if member.failure is not None), key=lambda member: member.failed_at)
    said = [member.failure for member in failed]
    return min(said, key=lambda error: (isinstance(error, RankLost), not isinstance(error, NemoflowError)), default=None)


def _take_part(work: Work, told: Surroundings, seat: Seat, link: Connection, stop: Any) -> None:
    """A process' whole life."""
    end_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT):  # the one that started it hears them, and says so in its own time
        signal.signal(number, signal.SIG_IGN)
    os.environ |= {
        "RANK": str(seat.index),
        "WORLD_SIZE": str(seat.count),
        "LOCAL_RANK": str(seat.local),
        "LOCAL_WORLD_SIZE": str(seat.locals),
        "MASTER_ADDR": seat.host,
        "MASTER_PORT": str(seat.port),
        "OMP_NUM_THREADS": str(seat.threads),
    }
    if seat.count == seat.locals and (own := _loopback()):  # gloo takes the network of the machine's name, where that has one
        os.environ |= {"GLOO_SOCKET_IFNAME": own, "NCCL_SOCKET_IFNAME": own}
    try:
        result = _connected(work, told, seat, link, stop)
    except BaseException as error:  # noqa: BLE001  it is raised by the one that started this process
        now = time.monotonic()
        told_of = _lost(error, seat) or error
        told_of.add_note("".join(traceback.format_exception(error)))
        _say(link, "failed", told_of, now)
        os._exit(1)  # the others may still wait for it, in ways that end with the process only
    _say(link, "done", result)


def _loopback() -> str | None:
    """The interface by which a machine speaks to itself, where it is called as on Linux and macOS."""
    return next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)


def _lost(error: BaseException, seat: Seat) -> PeerLost | None:
    """What an error means that came from the line to another process; None for all other errors."""
    from torch.distributed import DistError

    if not isinstance(error, DistError) and not (isinstance(error, RuntimeError) and LINE in str(error)):
        return None
    first = str(error).partition("\n")[0]
    return PeerLost(f"process {seat.index} of {seat.count} lost another; the next attempt goes on from the newest checkpoint: {first}")


def _connected(work: Work, told: Surroundings, seat: Seat, link: Connection, stop: Any) -> Any:
    import torch
    from torch.distributed import TCPStore, destroy_process_group  # type: ignore[attr-defined]

    from nemoflow.training.ranks import meet

    torch.set_num_threads(seat.threads)
    if torch.cuda.is_available():
        torch.cuda.set_device(seat.local)
    ranks = meet(TCPStore(seat.host, seat.port, is_master=False), seat.index, seat.count)
    around = replace(told, stopping=stop.is_set, ranks=ranks)
    if ranks.is_first:
        around = replace(
            around,
            started=_teller(link, "started"),
            advanced=_teller(link, "advanced"),
            noted=_teller(link, "noted"),
            saved=_saver(link),
        )
    result = work(around=around)
    ranks.wait()
    destroy_process_group()
    return result if ranks.is_first else None


def _teller(link: Connection, word: str) -> Callable[..., None]:
    return lambda *said: link.send((word, *said))


def _saver(link: Connection) -> Callable[[], None]:
    def saved() -> None:
        link.send(("saved",))
        link.recv()

    return saved


def _say(link: Connection, word: str, said: Any, *more: Any) -> None:
    try:
        link.send((word, said, *more))
    except (pickle.PicklingError, TypeError, AttributeError):  # an exception of a library that cannot travel
        link.send((word, RuntimeError("".join(traceback.format_exception(said))), *more))
    except OSError:
        return
    link.close()
