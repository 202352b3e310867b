"""An owner with one session that rests and one that works; it prints its processes and waits to be killed."""

import asyncio
import json
import os
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
