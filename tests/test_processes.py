"""Work on all cores: no process outlives its parent, and nothing is begun that nobody waits for."""

import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from nemoflow.processes import cores, pool_of

PARENT = """
import sys, time
from pathlib import Path
from nemoflow.processes import pool_of

if __name__ == "__main__":
    with pool_of(2, Path.write_text, Path(sys.argv[1]), "begun") as pool:
        pids = {pool.submit(__import__("os").getpid).result() for _ in range(2)}
        print(*pids, flush=True)
        pool.submit(time.sleep, 600).result()
"""


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_work_is_done_on_so_many_processes_as_there_are_cores():
    with pool_of(cores()) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_parent_that_is_killed_takes_its_processes_along(tmp_path: Path):
    script, prepared = tmp_path / "parent.py", tmp_path / "prepared"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script, prepared], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert prepared.read_text() == "begun"
        assert any(map(is_there, pids))
        parent.kill()
    end = time.monotonic() + 30
    while any(map(is_there, pids)):
        assert time.monotonic() < end, "a process outlived its parent"
        time.sleep(0.05)


def test_what_has_not_begun_when_the_caller_fails_is_cancelled():
    waiting: list[Future[None]] = []

    def fail() -> None:
        with pool_of(1) as pool:
            waiting.extend(pool.submit(time.sleep, 0.2) for _ in range(100))
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        fail()
    assert waiting[-1].cancelled()
