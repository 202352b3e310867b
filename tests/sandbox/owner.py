"""An owner with one session that rests and one that works; it prints its processes and waits to be killed."""

import asyncio
import json
import os
import time
from pathlib import Path

from nemoflow.sandbox.limits import Limits
from nemoflow.sandbox.session import LocalSandbox

DEAF = """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
"""


def descendants(of: int) -> list[int]:
    """Processes that run, below one."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents[int(folder.name)] = int(parent)
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = [of]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def sandboxed(of: int) -> list[int]:
    """Wardens below a process, and the sessions below them; a test's process may have children of other tests."""
    return [pid for pid in descendants(of) if b"nemoflow.sandbox.warden" in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_running(pid: int) -> bool:
    """A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_end(processes: list[int]) -> bool:
    """Whether none of them runs any longer, soon."""
    ended = time.monotonic() + 30
    while any(map(is_running, processes)) and time.monotonic() < ended:
        time.sleep(0.05)
    return not any(map(is_running, processes))


async def main() -> None:
    async with LocalSandbox(Limits(seconds=300)) as sandbox:
        resting, working = sandbox.session(), sandbox.session()
        await resting.run("x = 1")
        await working.run("x = 1")
        work = asyncio.create_task(working.run(DEAF))
        await asyncio.sleep(0.5)
        print(json.dumps(descendants(os.getpid())), flush=True)  # noqa: T201
        await work


if __name__ == "__main__":
    asyncio.run(main())
