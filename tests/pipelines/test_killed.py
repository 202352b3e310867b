"""A run that is killed -9 again and again ends with the same bytes as one that was left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nemoflow.flow.place import read_manifest
from nemoflow.store import open_store

REDUCED = Path(__file__).with_name("reduced.toml")
KILLS = 10
RESULTS = {"mix": "corpus", "make-student": "model", "train": "adapter", "package": "submission"}


def start(root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nemoflow.cli.main", "run", str(REDUCED), "--root", str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"})


def finish(process: subprocess.Popen[bytes]) -> None:
    out, _ = process.communicate(timeout=400)
    assert process.returncode == 0, out.decode()


def digests(root: Path) -> dict[str, list[tuple[str, str]]]:
    """Digest of every file of the results, by node; train's log is among the adapter's files."""
    store = open_store(str(root))
    found = {}
    for node, output in RESULTS.items():
        manifest = read_manifest(store, "reduced", node)
        assert manifest is not None, node
        found[node] = [(file.path, file.digest) for file in manifest.outputs[output].files]
    return found


def teachers_of(root: Path) -> list[int]:
    """Processes that still serve a teacher for a run under this root."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(str(root).encode() in word for word in words):
            found.append(int(entry.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_kills_change_no_byte_of_corpus_adapter_and_zip(tmp_path):
    finish(start(tmp_path / "whole"))
    moments = random.Random(20261121)
    killed = 0
    while killed < KILLS:
        process = start(tmp_path / "broken")
        time.sleep(moments.uniform(0.3, 9.0))
        assert process.poll() is None, f"the reduced run ended after {killed} kills: make it longer"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        killed += 1
    finish(start(tmp_path / "broken"))
    assert digests(tmp_path / "broken") == digests(tmp_path / "whole")
    deadline = time.monotonic() + 60
    while teachers_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert teachers_of(tmp_path) == []
