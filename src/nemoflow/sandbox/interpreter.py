"""Inside the walls: runs blocks of code one after another in one namespace, like a notebook, and says what they printed.

Whoever reads what it says must take it for the word of the code itself, which runs in the same process.
"""

import ast
import io
import linecache
import os
import resource
import signal
import sys
import threading
import traceback
import types
from collections import deque
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any

from nemoflow.sandbox import wire
from nemoflow.sandbox.limits import Status

_FRAMES = 5
"""Frames of the code's own that a traceback shows."""


class TimeLimit(BaseException):
    """The call has used up its time. No subclass of Exception, so that `except Exception` does not hide it."""


class Printed(io.TextIOBase):
    """Standard output that keeps the first and the last half of what it may keep, and counts the rest."""

    def __init__(self, most: int) -> None:
        self._head_room, self._tail_room = most - most // 2, most // 2
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._in_tail = self._dropped = 0
        self.buffer = _Bytes(self)

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Take text in; beyond the room, what is in the middle goes."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        head = text[: self._head_room]
        if head:
            self._head.append(head)
            self._head_room -= len(head)
        self._keep_end(text[len(head) :])
        return len(text)

    def _keep_end(self, text: str) -> None:
        if len(text) > self._tail_room:
            self._dropped += len(text) - self._tail_room
            text = text[len(text) - self._tail_room :]
        if not text:
            return
        self._tail.append(text)
        self._in_tail += len(text)
        while self._in_tail > self._tail_room:
            over = self._in_tail - self._tail_room
            first = self._tail.popleft()
            if len(first) > over:
                self._tail.appendleft(first[over:])
            gone = min(over, len(first))
            self._in_tail -= gone
            self._dropped += gone

    def taken(self) -> tuple[str, int]:
        """What is shown, with a line where something is missing, and how many characters are."""
        head, tail = "".join(self._head), "".join(self._tail)
        return (f"{head}\n[... {self._dropped} characters left out ...]\n{tail}" if self._dropped else head + tail), self._dropped


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`."""

    def __init__(self, printed: Printed) -> None:
        self._printed = printed

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._printed.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


def serve(channel: int) -> None:
    """Answer calls until the owner is gone."""
    sys.set_int_max_str_digits(0)  # the time of a call is limit enough
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    clock = _Clock()
    number = 0
    while (call := wire.receive(channel)) is not None:
        number += 1
        wire.send(channel, _run(call, number, main, clock))


class _Clock:
    """Interrupts a call once, when its CPU time or its time on the clock is over."""

    def __init__(self) -> None:
        self._is_armed = False

    def arm(self, cpu_s: float, wall_s: float) -> None:
        self._is_armed = True
        for number, timer, seconds in (
            (signal.SIGPROF, signal.ITIMER_PROF, cpu_s),
            (signal.SIGALRM, signal.ITIMER_REAL, wall_s),
        ):
            signal.signal(number, self._interrupt)
            signal.setitimer(timer, seconds)

    def disarm(self) -> None:
        self._is_armed = False

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._is_armed:
            self._is_armed = False
            raise TimeLimit


def _run(call: dict[str, Any], number: int, main: types.ModuleType, clock: _Clock) -> dict[str, Any]:
    printed = Printed(call["output_chars"])
    sys.stdout = sys.stderr = printed
    _feed(call["stdin"])
    status: Status = "time"
    begun = resource.getrusage(resource.RUSAGE_SELF)
    with suppress(TimeLimit):
        clock.arm(call["seconds"], call["wall_s"])
        status = _execute(call["code"], f"<call {number}>", main, printed)
        clock.disarm()
    ended = resource.getrusage(resource.RUSAGE_SELF)
    if status == "time":
        printed.write(f"Interrupted: more than {call['seconds']:g} s. Variables are kept.\n")
    text, cut = printed.taken()
    seconds = ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime
    return {"status": status, "text": text, "cut": cut, "seconds": round(seconds, 6)}


def _feed(text: str) -> None:
    """Make `text` the standard input, for `input()` and for those who open descriptor 0."""
    reading, writing = os.pipe()
    if reading != 0:  # 0 is free where code has closed it
        os.dup2(reading, 0)
        os.close(reading)
    if text:
        threading.Thread(target=_pour, args=(writing, text.encode()), daemon=True).start()
    else:
        os.close(writing)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))


def _pour(file: int, data: bytes) -> None:
    with suppress(OSError), os.fdopen(file, "wb") as pipe:
        pipe.write(data)


def _execute(source: str, name: str, main: types.ModuleType, printed: Printed) -> Status:
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    try:
        body, last = _compiled(source, name)
        exec(body, main.__dict__)  # noqa: S102 - what all this is for
        value = eval(last, main.__dict__) if last else None  # noqa: S307
        if value is not None:
            printed.write(f"{value!r}\n")
    except SystemExit as end:
        if end.code in (None, 0):
            return "ok"
        printed.write(f"SystemExit: {end.code}\n")
    except MemoryError:
        printed.write("MemoryError: the memory of this session is used up\n")
        return "memory"
    except TimeLimit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is what it has to say
        printed.write(_told(error))
    else:
        return "ok"
    return "error"


def _compiled(source: str, name: str) -> tuple[CodeType, CodeType | None]:
    """The statements, and the last one apart where it is an expression, whose value is shown."""
    tree = ast.parse(source, name)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        return compile(tree, name, "exec"), None
    last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    return compile(tree, name, "exec"), compile(last, name, "eval")


def _told(error: BaseException) -> str:
    """The traceback with the code's own frames only: those of libraries would take all the room."""
    told = traceback.TracebackException.from_exception(error, compact=True)
    told.__cause__ = told.__context__ = None
    own = [frame for frame in told.stack if frame.filename.startswith("<call ")]
    told.stack = traceback.StackSummary.from_list(own[-_FRAMES:])
    return "".join(told.format())
