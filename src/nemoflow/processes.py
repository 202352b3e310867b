"""Processes for work on all cores, none of which outlives the one that started it.

with pool_of(cores()) as pool:
    print(pool.submit(pow, 2, 100).result())
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def pool_of(processes: int, prepare: Callable[..., None] | None = None, *arguments: Any) -> Iterator[ProcessPoolExecutor]:
    """So many processes, each of which calls `prepare` with the arguments when it starts.

    At the end what has not begun is cancelled, and what has is waited for.
    """
    # Spawned, not forked: the caller may have threads, and a fork of those can hang.
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin, (prepare, arguments))
    try:
        yield pool
    finally:
        # Once, and waiting: a second shutdown, as that of `with pool`, takes the cancelling back, and a pool that nobody holds forgets it.
        pool.shutdown(cancel_futures=True)


def _begin(prepare: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    end_with_parent()
    if prepare is not None:
        prepare(*arguments)


def end_with_parent() -> None:
    """In a process of multiprocessing: end when the one that started it is gone.

    A pool's process holds both ends of its queue, so it would wait for ever instead.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker was started by somebody"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
